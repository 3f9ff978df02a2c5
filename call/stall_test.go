package call_test

import (
	"testing"
	"time"

	"sidetone/call"
	"sidetone/consent"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe/vad"
)

// dozing is a detector whose machine stops now and then.
type dozing struct {
	vad.Detector
	every, next media.Tick
	made        []media.Tick // up to where it was told that there were none
}

func (d *dozing) Write(f media.Frame) (vad.State, error) {
	if f.At >= d.next {
		d.next = f.At + d.every
		time.Sleep(1500 * time.Millisecond)
	}
	return d.Detector.Write(f)
}

func (d *dozing) Silence(at media.Tick) (vad.State, error) {
	d.made = append(d.made, at)
	return d.Detector.Silence(at)
}

// TestPauseOfTheMachineEndsNoCall has the call's loop stop for longer than a mark
// may be late: what has come meanwhile is read before the carrier is blamed, and
// before it is taken for silence.
func TestPauseOfTheMachineEndsNoCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var doze *dozing
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{wait: 50 * time.Millisecond},
			replier: &replies{each: []string{"440Hz 550Hz 660Hz", "500Hz"}},
			voices: func(rate int, o vad.Options) (vad.Detector, error) {
				d, err := vad.NewEnergy(rate, o)
				doze = &dozing{Detector: d, every: media.TickRate / 3, next: media.TickRate / 2}
				return doze, err
			}})
		c := g.dial()
		report, err := (sim.Script{HangupAfter: 20 * time.Second}).Run(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if result := <-g.results; result != (call.Result{Outcome: call.Caller, Reason: call.HungUp}) || report.Ending != sim.EndHungUp {
			t.Errorf("the call ended %v (%s), want the caller to end it", result, report.Ending)
		}
		if onset(report.Heard, 660) < 0 {
			t.Error("the caller did not hear the agent to the end")
		}
		if len(doze.made) > 0 {
			t.Errorf("what the caller said was taken for silence up to %v", doze.made[0].Duration())
		}
	})
}
