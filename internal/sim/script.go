package sim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"sidetone/media"
)

// Step is one thing that a caller does. It returns when it is done; ErrEnded
// says that the call ended before.
type Step func(context.Context, *Call) error

// Speaker turns text into 8 kHz speech.
type Speaker func(text string) ([]int16, error)

// Say says 8 kHz audio and waits until it is spoken.
func Say(pcm []int16) Step {
	return func(ctx context.Context, c *Call) error { return c.Say(pcm).Wait(ctx) }
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
	phone, err := clip.At(sampleRate)
	if err != nil {
		return nil, fmt.Errorf("sim: %s: %w", path, err)
	}
	return Say(phone.PCM), nil
}

// AfterAgent waits until the agent has spoken and has then been silent for quiet.
func AfterAgent(quiet time.Duration) Step {
	return func(ctx context.Context, c *Call) error { return c.WaitAgent(ctx, quiet) }
}

// Pause waits for d of media time.
func Pause(d time.Duration) Step {
	return func(ctx context.Context, c *Call) error {
		now, err := c.Now()
		if err != nil {
			return err
		}
		return c.WaitUntil(ctx, now+media.TicksIn(d))
	}
}

// Press presses keys.
func Press(digits string) Step {
	return func(_ context.Context, c *Call) error { return c.Press(digits) }
}

// HangUp hangs up.
func HangUp() Step {
	return func(_ context.Context, c *Call) error { c.Hangup(); return nil }
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
	if s.HangupAfter > 0 {
		timer := time.AfterFunc(s.HangupAfter, call.Hangup)
		defer timer.Stop()
	}
	stop := context.AfterFunc(ctx, call.Hangup)
	defer stop()
	for i, step := range s.Steps {
		err := step(ctx, call)
		if errors.Is(err, ErrEnded) || ctx.Err() != nil {
			break
		}
		if err != nil {
			call.Hangup()
			<-call.Done()
			return call.report, fmt.Errorf("sim: step %d: %w", i+1, err)
		}
	}
	<-call.Done()
	return call.report, call.report.Err
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
