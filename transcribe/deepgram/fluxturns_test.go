package deepgram

import (
	"encoding/json"
	"fmt"
	"testing"
)

// info is a message of Flux.
func info(event string, turn int, to float64, text, trigger string) string {
	return fmt.Sprintf(`{"type":"TurnInfo","event":%q,"turn_index":%d,"audio_window_start":0,"audio_window_end":%g,"transcript":%q,"words":[],"trigger":%q}`, event, turn, to, text, trigger)
}

// TestFluxSolid follows up to where all is final, and when a turn is ended by
// us.
func TestFluxSolid(t *testing.T) {
	type step struct {
		message string
		solid   float64
		forced  bool
	}
	for name, c := range map[string]struct {
		asked float64 // a Finalize after the first message
		steps []step
	}{
		"nobody speaks":          {0, []step{{info("Update", 0, 1, "", ""), 1, false}, {info("Update", 0, 2, "", ""), 2, false}}},
		"an open turn":           {0, []step{{info("StartOfTurn", 0, 1, "a", ""), 0, false}, {info("EndOfTurn", 0, 2, "a", "model"), 2, false}}},
		"ended at once":          {1.2, []step{{info("Update", 0, 1, "a", ""), 0, true}, {info("EndOfTurn", 0, 1.1, "a", "manual"), 1.2, false}}},
		"ended when it is heard": {3, []step{{info("Update", 0, 1, "a", ""), 0, false}, {info("Update", 0, 2.8, "a b", ""), 0, true}, {info("Update", 0, 2.9, "a b", ""), 0, false}, {info("EndOfTurn", 0, 2.9, "a b", "manual"), 3, false}}},
		"it ends by itself":      {3, []step{{info("Update", 0, 1, "a", ""), 0, false}, {info("EndOfTurn", 0, 2, "a", "model"), 2, false}, {info("Update", 1, 3.1, "", ""), 3.1, false}}},
		"the end is late":        {0, []step{{info("Update", 0, 1, "a", ""), 0, false}, {info("Update", 1, 2, "", ""), 0, false}, {info("EndOfTurn", 0, 1.5, "a", "model"), 2, false}}},
		"the end is lost":        {0, []step{{info("Update", 0, 1, "a", ""), 0, false}, {info("Update", 2, 5, "", ""), 5, false}}},
	} {
		t.Run(name, func(t *testing.T) {
			f, solid := &flux{forces: true}, 0.0
			for i, s := range c.steps {
				r, err := f.Read([]byte(s.message))
				if err != nil {
					t.Fatal(err)
				}
				forced := len(r.Reply.Data) > 0
				if i == 0 && c.asked > 0 {
					forced = len(f.Finalize(c.asked)[0].Data) > 0
				}
				if solid = max(solid, r.Solid); solid != s.solid || forced != s.forced {
					t.Errorf("step %d: solid up to %g s and forced %v, want %g s and %v", i, solid, forced, s.solid, s.forced)
				}
			}
		})
	}
}

func FuzzFlux(f *testing.F) {
	for _, seed := range []string{info("StartOfTurn", 0, 1, "a", ""), info("EndOfTurn", -7, 1e9, "", ""), `{"type":"Error","code":7}`, `{"type":"TurnInfo","words":{}}`, `{"type":"Connected"}`, `7`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		x := &flux{forces: true}
		x.Finalize(1)
		for range 3 {
			r, err := x.Read(data)
			if err != nil {
				continue
			}
			if p := r.Passage; p != nil && (p.To < p.From || p.From < 0 || p.To > longestStream) {
				t.Errorf("a passage lies from %g to %g s", p.From, p.To)
			}
			if len(x.open) > 3 || !json.Valid(data) {
				t.Errorf("%d turns are open", len(x.open))
			}
		}
	})
}
