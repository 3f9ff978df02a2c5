package call_test

import (
	"testing"
	"time"

	"sidetone/call"
	"sidetone/consent"
	"sidetone/media"
)

// TestWordsThatMayGoOn holds that a recording is destroyed, and a child sent away,
// by what a caller has said to the end, and that stopping a recording waits for
// nothing.
func TestWordsThatMayGoOn(t *testing.T) {
	hungUp := call.Result{Outcome: call.Caller, Reason: call.HungUp}
	for _, test := range []struct {
		partial, final string
		withdrawn      int
		destroyed      bool
		result         call.Result
	}{
		{"I am ten", "I am ten minutes away.", 0, false, hungUp},
		{"I am", "I am ten.", 0, true, call.Result{Outcome: call.Policy, Reason: call.Minor}},
		{"Delete the recording", "Delete the recording studio from my list.", 0, false, hungUp},
		{"Delete the", "Delete the recording.", 1, true, hungUp},
		{"Stop recording", "", 1, false, hungUp},
		{"Stop", "Stop recording.", 1, false, hungUp},
	} {
		t.Run(test.partial+" "+test.final, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{wait: 50 * time.Millisecond}, whole: true,
					engine:  &engine{wait: 100 * time.Millisecond, partial: test.partial, final: test.final},
					replier: &replies{each: []string{"440Hz", "500Hz", "600Hz"}}})
				c := g.dial()
				if err := c.WaitAgent(t.Context(), 2*time.Second); err != nil {
					t.Fatal(err)
				}
				c.Say(media.Tone(8000, 1200, time.Second, -10))
				if err := c.WaitAgent(t.Context(), 2*time.Second); err == nil {
					c.Hangup()
				}
				if _, result := g.end(c); result != test.result {
					t.Errorf("the call ended %v, want %v", result, test.result)
				}
				withdrawn := 0
				for _, u := range g.updates {
					if u.Kind == call.ConsentWithdrawn {
						withdrawn++
					}
				}
				if destroyed := g.doomed > 0; withdrawn != test.withdrawn || destroyed != test.destroyed {
					t.Errorf("taken back %d times and destroyed: %v; want %d and %v", withdrawn, destroyed, test.withdrawn, test.destroyed)
				}
			})
		})
	}
}
