package spoken

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"sidetone/media"
	"sidetone/transcribe"
	"sidetone/transcribe/moonshine"
)

var _ Recogniser = (*moonshine.Engine)(nil)

// heard is what a scripted recogniser answers to a view.
type heard struct {
	text  string
	score float64
}

// script answers with one line a view, and keeps what it was given.
type script struct {
	lines []heard
	err   error
	views [][]int16
}

func (s *script) Recognise(_ context.Context, pcm []int16, _ int) (string, float64, error) {
	s.views = append(s.views, slices.Clone(pcm))
	if s.err != nil {
		return "", 0, s.err
	}
	h := s.lines[0]
	s.lines = s.lines[1:]
	return h.text, h.score, nil
}

// tone is what takes the place of speech.
func tone(length time.Duration) []int16 { return media.Tone(phoneRate, 300, length, -20) }

func TestAnswer(t *testing.T) {
	yes := func(score float64) heard { return heard{"Yes, I agree.", score} }
	for _, c := range []struct {
		name  string
		lines []heard
		want  Answer
		score float64
	}{
		{"yes in all views", []heard{yes(0.9), yes(0.6), yes(0.9)}, Yes, 0.8},
		{"yes in two views", []heard{yes(0.9), {"Yesterday.", 0.9}, yes(0.9)}, Yes, 0.6},
		{"the bar", []heard{yes(0.5), yes(0.5), yes(0.5)}, Yes, 0.5},
		{"below the bar", []heard{yes(0.5), yes(0.5), yes(0.4)}, Unclear, 1.4 / 3},
		{"yes in the first view only", []heard{yes(1), {"", 0.5}, {"Guess.", 1}}, Unclear, 1. / 3},
		{"other words first", []heard{{"Yesterday.", 1}}, Unclear, 1},
		{"a bare yes", []heard{{"Yes.", 1}}, Unclear, 1},
		{"no", []heard{{"No.", 0.9}}, No, 0.9},
		{"no in a later view", []heard{yes(0.9), {"I don't agree.", 0.2}}, No, 0.2},
		{"mixture", []heard{{"Yes, but don't record.", 0.4}}, No, 0.4},
		{"sure of nothing", []heard{{"", 0.99}}, None, 0.99},
		{"words passed over", []heard{{"", 0.9}}, Unclear, 0.9},
		{"nothing in a later view", []heard{yes(0.9), {"", 0.99}, yes(0.9)}, Yes, 0.6},
		{"a loop", []heard{{"Yes, I agree. Yes, I agree.", 0}}, Unclear, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{lines: c.lines}
			m, err := New(s, "en")
			if err != nil {
				t.Fatal(err)
			}
			v, err := m.Answer(t.Context(), tone(time.Second), phoneRate)
			if err != nil || v.Answer != c.want || math.Abs(v.Score-c.score) > 1e-9 {
				t.Errorf("%+v, %v; want %v with %.2f", v, err, c.want, c.score)
			}
			if len(s.lines) > 0 {
				t.Errorf("%d views were not asked for", len(s.lines))
			}
		})
	}
}

// TestAnswerWithoutRecognition lists the clips that are decided by ear.
func TestAnswerWithoutRecognition(t *testing.T) {
	silence := make([]int16, phoneRate)
	for _, c := range []struct {
		name string
		pcm  []int16
		want Answer
	}{
		{"nothing", nil, None},
		{"silence", silence, None},
		{"too faint", media.Tone(phoneRate, 300, time.Second, -50), None},
		{"too short", slices.Concat(silence, tone(100*time.Millisecond), silence), None},
		{"too long", tone(4100 * time.Millisecond), Unclear},
	} {
		m := &Matcher{&script{}, known("en")}
		if v, err := m.Answer(t.Context(), c.pcm, phoneRate); err != nil || v != (Verdict{Answer: c.want}) {
			t.Errorf("%s: %+v, %v; want %v", c.name, v, err, c.want)
		}
	}
}

// TestViews checks what is recognised: the speech without the silence around it,
// at one level, in hiss of three lengths.
func TestViews(t *testing.T) {
	silence := make([]int16, 3*phoneRate)
	said := tone(600 * time.Millisecond)
	for i := range said {
		said[i] /= 8
	}
	var views [3][][]int16
	for i, pcm := range [][]int16{said, slices.Concat(silence, said, silence)} {
		s := &script{lines: slices.Repeat([]heard{{"Yes, I do.", 1}}, 3)}
		m := &Matcher{s, known("en")}
		before := slices.Clone(pcm)
		if v, err := m.Answer(t.Context(), pcm, phoneRate); err != nil || v.Answer != Yes {
			t.Fatal(v, err)
		}
		if !slices.Equal(pcm, before) {
			t.Error("the clip was changed")
		}
		views[i] = s.views
	}
	for i, around := range []int{200, 100, 300} {
		a, b := views[0][i], views[1][i]
		if !slices.Equal(a, b) {
			t.Errorf("view %d depends on the silence around the speech: %d and %d samples", i, len(a), len(b))
		}
		pad := around * phoneRate / 1000
		if len(a) != len(said)+2*pad {
			t.Fatalf("view %d has %d samples, want %d of speech and %d on each side", i, len(a), len(said), pad)
		}
		if level := media.RMS(a[pad : pad+len(said)]); math.Abs(level+20) > 0.5 {
			t.Errorf("view %d has its speech at %.1f dBFS, want -20", i, level)
		}
		if level := media.RMS(a[:pad]); math.Abs(level+58) > 1 {
			t.Errorf("view %d has hiss of %.1f dBFS, want -58", i, level)
		}
	}
}

func TestAnswerFails(t *testing.T) {
	m := &Matcher{&script{err: transcribe.ErrUnavailable}, known("en")}
	if v, err := m.Answer(t.Context(), tone(time.Second), phoneRate); !errors.Is(err, transcribe.ErrUnavailable) || v.Answer != Unclear {
		t.Errorf("%+v, %v; want ErrUnavailable and no answer", v, err)
	}
	for _, rate := range []int{-1, 0, 1, 44100} {
		if v, err := m.Answer(t.Context(), tone(time.Second), rate); err == nil || v.Answer != Unclear {
			t.Errorf("%d Hz: %+v, %v", rate, v, err)
		}
	}
	for _, language := range []string{"de", "", "xx-en"} {
		if _, err := New(&script{}, language); !errors.Is(err, ErrLanguage) {
			t.Errorf("New(%q) = %v, want ErrLanguage", language, err)
		}
	}
}

func TestNames(t *testing.T) {
	for value, want := range map[interface{ String() string }]string{
		None: "none", Unclear: "unclear", Yes: "yes", No: "no",
		NoPhrase: "none", StopRecording: "stop_recording", DeleteRecording: "delete_recording", Minor: "minor", Machine: "machine",
	} {
		if got := value.String(); got != want {
			t.Errorf("%T(%[1]d) is called %q, want %q", value, got, want)
		}
	}
}

func FuzzSpeech(f *testing.F) {
	f.Add([]byte{}, 16000)
	f.Add([]byte("some bytes that are no speech at all, of an odd length"), 8000)
	f.Fuzz(func(t *testing.T, data []byte, rate int) {
		if rate != 8000 {
			rate = 16000
		}
		pcm := media.AppendPCM(nil, data)
		said := speech(pcm, rate)
		if said == nil {
			return
		}
		if len(said) > len(pcm) || len(said) < rate/10 {
			t.Errorf("%d samples of speech in %d", len(said), len(pcm))
		}
		framed(said, rate, views[0])
	})
}
