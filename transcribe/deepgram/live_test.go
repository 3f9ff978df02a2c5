package deepgram

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"sidetone/transcribe"
	"sidetone/transcribe/remote"
)

// final is a message of results that will not change.
func final(start, duration float64, finalize bool) string {
	return fmt.Sprintf(`{"type":"Results","start":%g,"duration":%g,"is_final":true,"from_finalize":%t,"channel":{"alternatives":[{"transcript":"a","words":[{"word":"a","start":%[1]g,"end":%[1]g}]}]}}`, start, duration, finalize)
}

func read(t *testing.T, l *live, message string) remote.Report {
	t.Helper()
	r, err := l.Read([]byte(message))
	if err != nil {
		t.Fatalf("Read(%s) = %v", message, err)
	}
	return r
}

// TestSolid follows up to where all is final.
func TestSolid(t *testing.T) {
	type step struct {
		finalize float64 // a Finalize is sent at this second
		message  string
		want     float64
	}
	for name, steps := range map[string][]step{
		"finals lie end to end":              {{0, final(0, 2, false), 2}, {0, final(2, 1.5, false), 3.5}},
		"an answer is for all that was sent": {{2.2, final(0, 2.04, true), 2.2}, {4, final(2.04, 1.9, true), 4}},
		"one that comes late is for its own": {{2, final(0, 1, false), 1}, {4, final(1, 1, true), 2}, {0, final(2, 2, true), 4}},
		"one may be left out":                {{2, final(0, 1, false), 1}, {4, final(1, 3, true), 4}},
		"a final is missing":                 {{0, final(1, 1, false), 0}, {3, final(2, 1, true), 0}, {0, final(0, 1, false), 3}},
		"finals come twice":                  {{0, final(0, 2, false), 2}, {0, final(0, 2, false), 2}},
		"a stretch without a length":         {{0, final(0, 2, false), 2}, {2, final(2, 0, true), 2}},
	} {
		t.Run(name, func(t *testing.T) {
			l := &live{}
			solid := 0.0
			for i, s := range steps {
				if s.finalize > 0 {
					l.Finalize(s.finalize)
				}
				solid = max(solid, read(t, l, s.message).Solid)
				if solid != s.want {
					t.Errorf("step %d: solid up to %g s, want %g s", i, solid, s.want)
				}
			}
		})
	}
}

func TestHints(t *testing.T) {
	for message, want := range map[string]transcribe.Hint{
		`{"type":"UtteranceEnd","channel":[0,1],"last_word_end":-1}`:                                                                        transcribe.Ended,
		`{"type":"Results","start":0,"duration":1,"speech_final":true,"is_final":true,"channel":{"alternatives":[{"transcript":"hello"}]}}`: transcribe.Ended,
		`{"type":"Results","start":0,"duration":1,"speech_final":true,"is_final":true,"channel":{"alternatives":[{"transcript":""}]}}`:      transcribe.NoHint,
		`{"type":"SpeechStarted","channel":[0],"timestamp":1.5}`:                                                                            transcribe.NoHint,
		`{"type":"Metadata","channels":1,"duration":3}`:                                                                                     transcribe.NoHint,
	} {
		if r := read(t, &live{}, message); r.Hint != want {
			t.Errorf("%s is hint %d, want %d", message, r.Hint, want)
		}
	}
}

func TestErrorMessage(t *testing.T) {
	_, err := (&live{}).Read([]byte(`{"type":"Error","variant":"NET-0000","description":"secret words","message":"more"}`))
	var f *transcribe.Failure
	if !errors.As(err, &f) || f.Code != "NET-0000" || f.Class != transcribe.Busy {
		t.Errorf("Read = %v, want a failure with the code NET-0000", err)
	}
}

func FuzzLive(f *testing.F) {
	for _, seed := range []string{final(0, 1, true), final(1e9, 1, false), `{"type":"Results"}`, `{"type":"Results","channel":[]}`, `{"type":"UtteranceEnd","last_word_end":-1}`,
		`{"type":"Results","start":-1,"duration":1e300,"channel":{"alternatives":[{"words":[{"start":9,"end":1}]}]}}`, `[]`, `{"type":7}`, "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l := &live{}
		l.Finalize(1)
		solid := 0.0
		for range 3 {
			r, err := l.Read(data)
			if err != nil {
				continue
			}
			if p := r.Passage; p != nil && (p.To < p.From || p.From < 0 || p.To > longestStream) {
				t.Errorf("a passage lies from %g to %g s", p.From, p.To)
			}
			if r.Solid < solid || len(l.beyond) > 64 {
				t.Errorf("solid up to %g s after %g s, with %d tiles kept", r.Solid, solid, len(l.beyond))
			}
			solid = r.Solid
			if !json.Valid(data) {
				t.Error("what is no JSON was taken")
			}
		}
	})
}
