package webrtc

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
	"sidetone/transcribe"
	"sidetone/transcribe/enginetest"
	"sidetone/transcribe/moonshine"
)

// People are still understood when their packets get lost, late and out of
// order: over several runs, since 71 words are few.
func TestWordErrorsOverBadNetworks(t *testing.T) {
	sentences, err := sim.LibriVox()
	if err != nil {
		t.Fatal(err)
	}
	engine := moonshine.New(moonshine.Options{Dir: modelstest.Dir(t)})
	defer engine.Close()
	words := func(pcm []int16) string {
		session, err := engine.Open(transcribe.Options{Rate: webRate, Language: "en"})
		if err != nil {
			t.Fatal(err)
		}
		d := enginetest.Drive(t, session, webRate, 0)
		d.Start()
		d.Say(pcm)
		d.Session.Finalize(d.At)
		return d.Final().Text
	}
	rate := func(loss float64, runs uint64) float64 {
		wrong, said := 0, 0
		for run := range runs {
			r := rand.New(rand.NewPCG(run, 11))
			for _, s := range sentences {
				m := newMic(t, overOpus)
				if err := errors.Join(m.enc.SetPacketLossPerc(int(100*loss)), m.enc.SetComplexity(5)); err != nil {
					t.Fatal(err)
				}
				k := newCatch(t, overOpus)
				n := network{loss: loss, jitter: 60 * time.Millisecond, reorder: 0.05, behind: 60 * time.Millisecond}
				k.deliver(n.cross(r, m.speak(s.Wide[:len(s.Wide)/320*320])))
				e, of := sim.WordErrors(s.Text, words(k.pcm()))
				wrong, said = wrong+e, said+of
			}
		}
		percent := 100 * float64(wrong) / float64(said)
		t.Logf("%2.0f %% loss, jitter to 60 ms, 5 %% reordered: word error rate %.1f %% (%d of %d)", 100*loss, percent, wrong, said)
		return percent
	}
	perfect := rate(0, 1)
	for loss, worse := range map[float64]float64{0.01: 1, 0.05: 5} {
		if got := rate(loss, 6); got > perfect+worse {
			t.Errorf("%.0f %% loss: word error rate %.1f %%, %.1f %% without", 100*loss, got, perfect)
		}
	}
	rate(0.2, 2)
}
