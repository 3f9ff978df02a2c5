package sim

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/media"
)

// chatty answers each second of the caller's speech with a tone.
func chatty(s *stream) {
	s.play(tone(time.Second)) // the greeting
	heard, quiet := 0, 0
	for {
		f := s.until("media")
		if f.Event == "" {
			return
		}
		if loud[f.audio()[frameSamples/2]] || loud[f.audio()[frameSamples/2+3]] {
			heard, quiet = heard+1, 0
		} else {
			quiet++
		}
		if heard >= 25 && quiet == 10 {
			s.play(tone(500 * time.Millisecond))
			heard = 0
		}
	}
}

func TestScriptHoldsAConversation(t *testing.T) {
	file := filepath.Join(t.TempDir(), "words.wav")
	wav := media.AppendWAVHeader(nil, media.WAVFormat{Coding: media.PCM16, Channels: 1, Rate: 16000}, 2*16000)
	for _, v := range media.Tone(16000, 300, time.Second, -12) {
		wav = append(wav, byte(v), byte(v>>8))
	}
	if err := os.WriteFile(file, wav, 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		fromFile, err := SayFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fromText, err := SayText("hello", func(text string) ([]int16, error) {
			return tone(time.Duration(len(text)) * 200 * time.Millisecond), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		g := &gateway{answer: once, talk: chatty}
		after := AfterAgent(700 * time.Millisecond)
		script := Script{Steps: []Step{after, fromFile, after, fromText, after, Pause(time.Second), Press("9"), Pause(time.Second), HangUp()}}
		report, err := script.Run(t.Context(), place(t, startGateway(t, g)))
		if err != nil {
			t.Fatal(err)
		}
		if report.Ending != EndHungUp || len(report.Turns) != 2 || len(report.Agent) != 3 {
			t.Fatalf("%s, turns %+v, agent %+v", report.Ending, report.Turns, report.Agent)
		}
		for i, turn := range report.Turns {
			if d := (turn.To - turn.From).Duration().Round(10 * time.Millisecond); d != time.Second {
				t.Errorf("turn %d lasts %v, want 1 s", i, d)
			}
			if d := (turn.From - report.Agent[i].To).Duration(); d < 700*time.Millisecond || d > 725*time.Millisecond {
				t.Errorf("turn %d begins %v after the agent", i, d)
			}
			if d := (turn.Reply - turn.To).Duration(); d < 200*time.Millisecond || d > 240*time.Millisecond {
				t.Errorf("turn %d is answered after %v, want 10 frames", i, d)
			}
		}
	})
}

func TestScriptEnds(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name   string
		script Script
		length time.Duration
		err    error
	}{
		{"hang up after", Script{Steps: []Step{Say(tone(time.Minute))}, HangupAfter: 3 * time.Second}, 3 * time.Second, nil},
		{"a step that fails", Script{Steps: []Step{Pause(time.Second), func(context.Context, Party) error { return broken }}}, time.Second, broken},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			g := &gateway{answer: once, talk: func(s *stream) { s.until("") }}
			report, err := tt.script.Run(t.Context(), place(t, startGateway(t, g)))
			if !errors.Is(err, tt.err) {
				t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
			}
			if d := report.Length.Duration() - tt.length; d < 0 || d > 20*time.Millisecond || report.Ending != EndHungUp {
				t.Errorf("%s: %s after %v, want %v", tt.name, report.Ending, report.Length.Duration(), tt.length)
			}
		})
	}
}

func TestScriptHangsUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{answer: once, talk: func(s *stream) { s.until("") }}
		call := place(t, startGateway(t, g))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		report, err := Script{Steps: []Step{Pause(time.Hour)}}.Run(ctx, call)
		if err != nil || report.Ending != EndHungUp {
			t.Errorf("%s, %v", report.Ending, err)
		}
	})
}

func TestSayFileNamesWhatIsWrong(t *testing.T) {
	if _, err := SayFile(filepath.Join(t.TempDir(), "none.wav")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("SayFile: %v", err)
	}
}

// A caller who has pressed a key waits for what the agent says to it, although the
// agent had spoken before.
func TestAgentIsAwaitedAfterAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{answer: once, talk: func(s *stream) {
			s.play(tone(300 * time.Millisecond))
			s.until("dtmf")
			time.Sleep(time.Second)
			s.play(tone(300 * time.Millisecond))
			s.until("")
		}}
		call := place(t, startGateway(t, g))
		script := Script{Steps: []Step{AfterAgent(700 * time.Millisecond), Press("1"), AfterAgent(700 * time.Millisecond), HangUp()}}
		report, err := script.Run(t.Context(), call)
		if err != nil || len(report.Agent) != 2 {
			t.Fatalf("agent %+v, error %v", report.Agent, err)
		}
		if at := (report.Length - report.Agent[1].To).Duration(); at < 700*time.Millisecond || at > 740*time.Millisecond {
			t.Errorf("the caller went on %v after the answer", at)
		}
	})
}
