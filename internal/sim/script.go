package sim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"sidetone/media"
)

// Party is who a script speaks for: the caller of a *Call or a *WebCall.
type Party interface {
	Rate() int // of the audio that Say takes, in Hz
	Say(pcm []int16) *Spoken
	Press(digits string) error
	Now() (media.Tick, error)
	WaitAgent(ctx context.Context, quiet time.Duration) error
	WaitUntil(ctx context.Context, at media.Tick) error
	Hangup()
	Done() <-chan struct{}
}

// Step is one thing that a caller does. It returns when it is done; ErrEnded
// says that the call ended before.
type Step func(context.Context, Party) error

// Speaker turns text into speech of the caller's rate.
type Speaker func(text string) ([]int16, error)

// Say says audio of the caller's rate, 8 kHz for a Call, and waits until it is
// spoken.
func Say(pcm []int16) Step {
	return func(ctx context.Context, p Party) error { return p.Say(pcm).Wait(ctx) }
}

// SayText says text; speak is asked at once, so that the call need not wait.
func SayText(text string, speak Speaker) (Step, error) {
	pcm, err := speak(text)
	if err != nil {
		return nil, fmt.Errorf("sim: speak: %w", err)
	}
	return Say(pcm), nil
}

// SayFile says a WAV or MP3 file.
func SayFile(path string) (Step, error) {
	clip, err := readClip(path)
	if err != nil {
		return nil, err
	}
	if _, err := media.NewResampler(clip.Rate, sampleRate); err != nil {
		return nil, fmt.Errorf("sim: %s: %w", path, err)
	}
	return func(ctx context.Context, p Party) error {
		ours, err := clip.At(p.Rate())
		if err != nil {
			return fmt.Errorf("sim: %s: %w", path, err)
		}
		return p.Say(ours.PCM).Wait(ctx)
	}, nil
}

// AfterAgent waits until the agent has spoken and has then been silent for quiet.
func AfterAgent(quiet time.Duration) Step {
	return func(ctx context.Context, p Party) error { return p.WaitAgent(ctx, quiet) }
}

// Pause waits for d of media time.
func Pause(d time.Duration) Step {
	return func(ctx context.Context, p Party) error {
		now, err := p.Now()
		if err != nil {
			return err
		}
		return p.WaitUntil(ctx, now+media.TicksIn(d))
	}
}

// Press presses keys.
func Press(digits string) Step {
	return func(_ context.Context, p Party) error { return p.Press(digits) }
}

// HangUp hangs up.
func HangUp() Step {
	return func(_ context.Context, p Party) error { p.Hangup(); return nil }
}

// Script is what a caller does, in order.
type Script struct {
	Steps []Step
	// HangupAfter, if positive, ends the call that long after Run began,
	// whatever step it is at.
	HangupAfter time.Duration
}

// Run plays the script and then stays on the line until the call ends. It
// returns the call's report. That the call ended in mid-script is no error; when
// ctx ends, the caller hangs up.
func (s Script) Run(ctx context.Context, call *Call) (Report, error) {
	if err := s.play(ctx, call); err != nil {
		return call.report, err
	}
	return call.report, call.report.Err
}

// RunWeb is Run for a browser call.
func (s Script) RunWeb(ctx context.Context, call *WebCall) (WebReport, error) {
	if err := s.play(ctx, call); err != nil {
		return call.report, err
	}
	return call.report, call.report.Err
}

// play plays the script and returns when the call has ended.
func (s Script) play(ctx context.Context, p Party) error {
	if s.HangupAfter > 0 {
		timer := time.AfterFunc(s.HangupAfter, p.Hangup)
		defer timer.Stop()
	}
	stop := context.AfterFunc(ctx, p.Hangup)
	defer stop()
	for i, step := range s.Steps {
		err := step(ctx, p)
		if errors.Is(err, ErrEnded) || ctx.Err() != nil {
			break
		}
		if err != nil {
			p.Hangup()
			<-p.Done()
			return fmt.Errorf("sim: step %d: %w", i+1, err)
		}
	}
	<-p.Done()
	return nil
}

// readClip reads a WAV or MP3 file.
func readClip(path string) (media.Audio, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return media.Audio{}, fmt.Errorf("sim: %w", err)
	}
	clip, err := media.DecodeAudio(path, data)
	if err != nil {
		return media.Audio{}, fmt.Errorf("sim: %w", err)
	}
	return clip, nil
}
