package call_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/call"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe"
)

// onset is where a tone begins, to a hundredth of a second; -1 when it never
// does.
func onset(pcm []int16, hz float64) time.Duration {
	for i := 0; i+160 <= len(pcm); i += 80 {
		if media.ToneLevel(pcm[i:i+160], 8000, hz) > -25 {
			return time.Duration(i) * time.Second / 8000
		}
	}
	return -1
}

// texts lists the turns of a transcript.
func texts(turns []transcribe.Turn) (out []string) {
	for _, t := range turns {
		out = append(out, string(t.Speaker)+": "+t.Text)
	}
	return out
}

func TestConversationIsRecordedFromTheGrantOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{wait: 50 * time.Millisecond},
			engine:  &engine{wait: 100 * time.Millisecond},
			replier: &replies{each: []string{"440Hz", "answer:q1. 500Hz"}}})
		c := g.dial()
		c.Say(media.Tone(8000, 333, time.Second, -10)) // over the announcement
		if err := c.WaitAgent(t.Context(), 2*time.Second); err != nil {
			t.Fatal(err)
		}
		if err := c.WaitAgent(t.Context(), 700*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		said := media.Tone(8000, 1200, time.Second, -10)
		c.Say(said)
		report, result := g.end(c)
		if want := (call.Result{Outcome: call.Completed, Reason: call.Goodbye}); result != want {
			t.Errorf("the call ended %v, want %v", result, want)
		}

		rec := g.recording()
		if !rec.manifest.Complete {
			t.Errorf("the manifest is incomplete: %v", rec.manifest.Incomplete)
		}
		grant := 3500 * time.Millisecond // two seconds of announcement, 1.5 s to think
		quiet := rec.left[:int((grant-20*time.Millisecond).Seconds()*8000)]
		if slices.ContainsFunc(quiet, func(s int16) bool { return s != 0 }) {
			t.Error("the caller is in the recording before the grant")
		}
		for _, tone := range []float64{700, 900, 440, 500} {
			heard, kept := onset(report.Heard, tone), onset(rec.right, tone)
			if heard < 0 || kept < 0 || (heard-kept).Abs() > 20*time.Millisecond {
				t.Errorf("%.0f Hz was heard at %v and recorded at %v", tone, heard, kept)
			}
		}
		if at := onset(rec.left, 1200); at < grant {
			t.Errorf("the caller's answer was recorded at %v", at)
		}
		want := []string{"agent: 700Hz", "agent: 900Hz", "agent: 440Hz", "caller: heard", "agent: 500Hz"}
		got := texts(rec.turns)
		if len(got) == len(want) {
			got[3], _, _ = strings.Cut(got[3], " 1")
		}
		if !slices.Equal(got, want) {
			t.Errorf("the transcript is %q, want %q", texts(rec.turns), want)
		}
		if len(rec.answers) != 1 || rec.answers[0].Key != "q1" {
			t.Errorf("the answers are %v, want one to q1", rec.answers)
		}
		if got := g.ledger.events(); got != "granted ended" {
			t.Errorf("the ledger has %q", got)
		}
	})
}

func TestLeftChannelIsSampleExact(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, replier: &replies{each: []string{"440Hz"}}})
		c := g.dial()
		if err := c.WaitUntil(t.Context(), media.TicksIn(6*time.Second)); err != nil {
			t.Fatal(err)
		}
		codes := make([]byte, 8000)
		for i := range codes {
			codes[i] = byte(i * 7) // every code, 0x7F included
		}
		spoken := c.SayULaw(codes)
		if err := c.WaitUntil(t.Context(), media.TicksIn(8*time.Second)); err != nil {
			t.Fatal(err)
		}
		c.Hangup()
		g.end(c)
		rec := g.recording()
		from := spoken.From
		at := from.Sample(8000)
		if !slices.Equal(rec.left[at:at+8000], media.AppendPCM(nil, codes)) {
			t.Error("the recording's left channel is not what the caller sent")
		}
	})
}

func TestHangUpInTheNoticeLeavesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := &engine{}
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, engine: e, replier: &replies{each: []string{"440Hz"}}})
		c := g.dial()
		c.Say(media.Tone(8000, 333, time.Second, -10))
		if err := c.WaitUntil(t.Context(), media.TicksIn(1500*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		c.Hangup()
		_, result := g.end(c)
		if want := (call.Result{Outcome: call.Caller, Reason: call.HungUp}); result != want {
			t.Errorf("the call ended %v, want %v", result, want)
		}
		if keys := g.objects.keys(); len(keys) != 0 {
			t.Errorf("objects are left: %v", keys)
		}
		if e.any {
			t.Error("speech recognition was given audio")
		}
		if got := g.ledger.events(); got != "abandoned" {
			t.Errorf("the ledger has %q, want abandoned", got)
		}
		for _, u := range g.updates {
			if u.Turn != nil {
				t.Errorf("words are shown: %v", u.Turn)
			}
		}
	})
}

func TestNoRecordConversesAndKeepsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := &engine{}
		r := &replies{each: []string{"440Hz"}}
		g := newGateway(t, options{mode: consent.NoRecord, message: notice(), speaker: tones{}, engine: e, replier: r})
		c := g.dial()
		if err := c.WaitUntil(t.Context(), media.TicksIn(5500*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		c.Say(media.Tone(8000, 1200, time.Second, -10))
		g.end(c)
		if keys := g.objects.keys(); len(keys) != 0 {
			t.Errorf("objects are left: %v", keys)
		}
		if len(r.got) != 1 {
			t.Errorf("the agent heard %q, want one turn", r.got)
		}
		if e.first < media.TicksIn(3500*time.Millisecond) {
			t.Errorf("speech recognition was given audio of %v", e.first.Duration())
		}
		for _, u := range g.updates {
			if u.Turn != nil || u.Answer != nil {
				t.Error("words of an unrecorded conversation are shown")
			}
		}
	})
}

func TestKeyNineRefuses(t *testing.T) {
	for _, during := range []time.Duration{time.Second, 5 * time.Second} {
		bubble(t, func(t *testing.T) {
			g := newGateway(t, options{mode: consent.OptOutMode, message: notice(), speaker: tones{},
				replier: &replies{each: []string{"440Hz*4", "450Hz", "460Hz"}}})
			c := g.dial()
			if err := c.WaitUntil(t.Context(), media.TicksIn(during)); err != nil {
				t.Fatal(err)
			}
			c.Press("9")
			c.Say(media.Tone(8000, 1200, 2*time.Second, -10))
			if err := c.WaitUntil(t.Context(), media.TicksIn(during+4*time.Second)); err != nil {
				t.Fatal(err)
			}
			c.Hangup()
			g.end(c)
			if during < 3*time.Second {
				if keys := g.objects.keys(); len(keys) != 0 {
					t.Errorf("refused before the grant, yet objects are left: %v", keys)
				}
				return
			}
			rec := g.recording()
			if at := onset(rec.left, 1200); at >= 0 {
				t.Errorf("the caller's voice was recorded at %v, after the withdrawal", at)
			}
			if got := g.ledger.events(); got != "granted withdrawn ended" {
				t.Errorf("the ledger has %q", got)
			}
		})
	}
}

func TestAudioWaitsForTheLedger(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, replier: &replies{},
			ledger: &ledger{wait: 1200 * time.Millisecond}})
		c := g.dial()
		if err := c.WaitUntil(t.Context(), media.TicksIn(3600*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		spoken := c.Say(media.Tone(8000, 1200, 500*time.Millisecond, -10))
		g.end(c)
		from := spoken.From
		if at := onset(g.recording().left, 1200); (at - from.Duration()).Abs() > 20*time.Millisecond {
			t.Errorf("the first word was said at %v, recorded at %v", from.Duration(), at)
		}
	})
}

func TestFailingLedgerEndsTheCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := &engine{}
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, engine: e,
			replier: &replies{each: []string{"440Hz"}}, ledger: &ledger{err: errors.New("disk on fire")}})
		c := g.dial()
		c.Say(media.Tone(8000, 333, 5*time.Second, -10))
		report, result := g.end(c)
		if want := (call.Result{Outcome: call.Policy, Reason: call.LedgerFailed}); result != want {
			t.Errorf("the call ended %v, want %v", result, want)
		}
		if onset(report.Heard, 1700) < 0 || onset(report.Heard, 440) >= 0 {
			t.Error("the caller did not hear the fixed message, or heard the agent")
		}
		if e.any || len(g.objects.keys()) != 0 {
			t.Error("audio went to recognition or to the store")
		}
	})
}

func TestUnrecordableCallGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, unready: true, replier: &replies{each: []string{"440Hz"}}})
		c := g.dial()
		if err := c.WaitUntil(t.Context(), media.TicksIn(6*time.Second)); err != nil {
			t.Fatal(err)
		}
		c.Hangup()
		report, _ := g.end(c)
		told, spoke := onset(report.Heard, promptTones[consent.PromptUnable]), onset(report.Heard, 440)
		if told < 0 || spoke < told {
			t.Errorf("the caller was told at %v that nothing is recorded, and the agent spoke at %v", told, spoke)
		}
		if keys := g.objects.keys(); len(keys) != 0 {
			t.Errorf("objects are left: %v", keys)
		}
	})
}

func TestBargeInCutsWhereItWasPlayed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, engine: &engine{},
			replier: &replies{each: []string{"440Hz 450Hz 460Hz 470Hz 480Hz 490Hz", "500Hz"}}})
		c := g.dial()
		if err := c.WaitUntil(t.Context(), media.TicksIn(6*time.Second)); err != nil {
			t.Fatal(err)
		}
		c.Say(media.Tone(8000, 1200, 1500*time.Millisecond, -10))
		report, _ := g.end(c)
		rec := g.recording()
		heard, kept := end(report.Heard, 440, 500), end(rec.right, 440, 500)
		if (heard - kept).Abs() > 40*time.Millisecond {
			t.Errorf("the agent was heard until %v and recorded until %v", heard, kept)
		}
		cut := slices.IndexFunc(rec.turns, func(t transcribe.Turn) bool { return t.Interrupted })
		if cut < 0 {
			t.Fatalf("no turn is marked interrupted: %q", texts(rec.turns))
		}
		turn := rec.turns[cut]
		if to := time.Duration(turn.To * float64(time.Second)); (to - heard).Abs() > 40*time.Millisecond {
			t.Errorf("the turn ends at %v, its playing at %v", to, heard)
		}
		if !strings.HasPrefix("440Hz 450Hz 460Hz 470Hz 480Hz 490Hz", turn.Text) || strings.Contains(turn.Text, "480Hz") {
			t.Errorf("the transcript says that %q was heard", turn.Text)
		}
		if len(report.Turns) == 0 || report.Turns[0].Clear == 0 {
			t.Error("the carrier got no clear")
		} else if took := (report.Turns[0].Clear - report.Turns[0].From).Duration(); took > 300*time.Millisecond {
			t.Errorf("clear came %v after the caller began to speak", took)
		}
	})
}

// end is where the agent's first reply, of tones between lo and hi, ends.
func end(pcm []int16, lo, hi float64) time.Duration {
	last := time.Duration(-1)
	for i := 0; i+160 <= len(pcm); i += 40 {
		at := time.Duration(i+160) * time.Second / 8000
		if last >= 0 && at-last > 500*time.Millisecond {
			break
		}
		for hz := lo; hz < hi; hz += 10 {
			if media.ToneLevel(pcm[i:i+160], 8000, hz) > -25 && at > 3*time.Second {
				last = at
				break
			}
		}
	}
	return last
}

func TestCoughResumes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, engine: &engine{},
			replier: &replies{each: []string{"440Hz 450Hz 460Hz", "500Hz"}}})
		c := g.dial()
		if err := c.WaitUntil(t.Context(), media.TicksIn(5*time.Second)); err != nil {
			t.Fatal(err)
		}
		c.Say(media.Tone(8000, 1200, 200*time.Millisecond, -10))
		if err := c.WaitUntil(t.Context(), media.TicksIn(10*time.Second)); err != nil {
			t.Fatal(err)
		}
		c.Hangup()
		report, _ := g.end(c)
		if len(report.Clears) != 1 {
			t.Errorf("the carrier got %d clears, want one", len(report.Clears))
		}
		if onset(report.Heard, 460) < 0 {
			t.Error("the agent did not speak on")
		}
		for _, turn := range g.recording().turns {
			if turn.Interrupted {
				t.Errorf("%q counts as interrupted", turn.Text)
			}
		}
	})
}

func TestDroppedSocketIsOneCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, engine: &engine{},
			replier: &replies{each: []string{"440Hz 450Hz 460Hz", "500Hz"}}})
		c := g.dial()
		if err := c.WaitUntil(t.Context(), media.TicksIn(5*time.Second)); err != nil {
			t.Fatal(err)
		}
		if err := c.DropSocket(5 * time.Second); err != nil {
			t.Fatal(err)
		}
		if err := c.WaitStreams(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		if err := c.WaitUntil(t.Context(), media.TicksIn(14*time.Second)); err != nil {
			t.Fatal(err)
		}
		spoken := c.Say(media.Tone(8000, 1200, time.Second, -10))
		report, result := g.end(c)
		if want := (call.Result{Outcome: call.Completed, Reason: call.Goodbye}); result != want {
			t.Errorf("the call ended %v, want %v", result, want)
		}
		rec := g.recording()
		if got := g.ledger.events(); got != "granted ended" {
			t.Errorf("the ledger has %q: consent was asked again", got)
		}
		from := spoken.From
		if at := onset(rec.left, 1200); (at - from.Duration()).Abs() > 40*time.Millisecond {
			t.Errorf("said at %v, recorded at %v: the silence has not its true length", from.Duration(), at)
		}
		for _, tone := range []float64{450, 460, 500} {
			heard, kept := onset(report.Heard, tone), onset(rec.right, tone)
			if heard < 0 || (heard-kept).Abs() > 40*time.Millisecond {
				t.Errorf("%.0f Hz was heard at %v and recorded at %v", tone, heard, kept)
			}
		}
	})
}

func TestLimitEndsTheCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, replier: &replies{each: []string{"440Hz*60"}}, limit: 10 * time.Second})
		c := g.dial()
		report, result := g.end(c)
		if want := (call.Result{Outcome: call.Policy, Reason: call.Duration}); result != want {
			t.Errorf("the call ended %v, want %v", result, want)
		}
		if at := onset(report.Heard, 1500); at < 9900*time.Millisecond || at > 11*time.Second {
			t.Errorf("the caller was told at %v", at)
		}
	})
}

func TestDrainSaysGoodbye(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, replier: &replies{each: []string{"440Hz*60"}}})
		c := g.dial()
		if err := c.WaitUntil(t.Context(), media.TicksIn(5*time.Second)); err != nil {
			t.Fatal(err)
		}
		g.calls.Close()
		if g.calls.Reserve("call-2") {
			t.Error("a draining registry admits calls")
		}
		g.calls.Goodbye()
		report, result := g.end(c)
		if want := (call.Result{Outcome: call.Policy, Reason: call.ShuttingDown}); result != want {
			t.Errorf("the call ended %v, want %v", result, want)
		}
		if onset(report.Heard, 1600) < 0 {
			t.Error("nobody said goodbye")
		}
		synctest.Wait()
		select {
		case <-g.calls.Drained():
		default:
			t.Error("the registry has not drained")
		}
	})
}

// TestClocksDrift holds both channels of a ten-minute call together although
// the carrier's clock is far from ours.
func TestClocksDrift(t *testing.T) {
	for _, ppm := range []float64{500, -500} {
		bubble(t, func(t *testing.T) {
			var each []string
			for range 30 {
				each = append(each, "440Hz 450Hz 460Hz 470Hz 480Hz")
			}
			g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, engine: &engine{},
				replier: &replies{each: each}, carrier: sim.CarrierOptions{SkewPPM: ppm},
				set: func(s *dialog.Settings) { s.SilenceAfter = time.Hour }})
			c := g.dial()
			var said []*sim.Spoken
			for at := 15 * time.Second; at < 10*time.Minute; at += 30 * time.Second {
				if err := c.WaitUntil(t.Context(), media.TicksIn(at)); err != nil {
					t.Fatal(err)
				}
				said = append(said, c.Say(media.Tone(8000, 1200, time.Second, -10)))
			}
			if err := c.WaitUntil(t.Context(), media.TicksIn(10*time.Minute)); err != nil {
				t.Fatal(err)
			}
			c.Hangup()
			report, _ := g.end(c)
			rec := g.recording()
			worst := time.Duration(0)
			for _, s := range said {
				from := s.From
				begin := int(from.Sample(8000)) - 8000
				if at := onset(rec.left[begin:], 1200); (at - time.Second).Abs() > 20*time.Millisecond {
					t.Errorf("%+.0f ppm: said at %v, recorded %v off", ppm, from.Duration(), at-time.Second)
				}
			}
			for i := 0; i < len(report.Heard)-16000 && i < len(rec.right)-16000; i += 8000 {
				heard, kept := onset(report.Heard[i:i+16000], 440), onset(rec.right[i:i+16000], 440)
				if heard > 0 && heard < time.Second {
					worst = max(worst, (heard - kept).Abs())
				}
			}
			if worst > 20*time.Millisecond {
				t.Errorf("%+.0f ppm: the agent's channel is up to %v off", ppm, worst)
			}
			t.Logf("%+.0f ppm: worst offset %v", ppm, worst)
		})
	}
}

// panics is a replier with a fault.
type panics struct{}

func (panics) Reply(context.Context, dialog.Input) iter.Seq2[dialog.Part, error] {
	return func(func(dialog.Part, error) bool) { panic("a fault of the replier") }
}

func TestPanicEndsThisCallAndKeepsItsRecording(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, replier: panics{}})
		c := g.dial()
		_, result := g.end(c)
		if want := (call.Result{Outcome: call.Internal, Reason: call.Panicked}); result != want {
			t.Errorf("the call ended %v, want %v", result, want)
		}
		if rec := g.recording(); !rec.manifest.Complete || onset(rec.right, 900) < 0 {
			t.Error("what was recorded before the fault is not all there")
		}
	})
}

// stuck is an engine that answers nothing until it is told to stop.
type stuck struct{ tones }

func (stuck) Speak(ctx context.Context, _ string, _ int) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		<-ctx.Done()
		yield(nil, ctx.Err())
	}
}

func (stuck) Reply(ctx context.Context, _ dialog.Input) iter.Seq2[dialog.Part, error] {
	return func(yield func(dialog.Part, error) bool) {
		<-ctx.Done()
		yield(dialog.Part{}, ctx.Err())
	}
}

func TestStuckEnginesDoNotOutliveTheCall(t *testing.T) {
	for _, o := range []options{
		{speaker: stuck{}, replier: &replies{each: []string{"440Hz"}}},
		{speaker: tones{}, replier: stuck{}},
	} {
		bubble(t, func(t *testing.T) {
			o.mode, o.message = consent.NoticeMode, notice()
			g := newGateway(t, o)
			c := g.dial()
			if err := c.WaitUntil(t.Context(), media.TicksIn(5*time.Second)); err != nil {
				t.Fatal(err)
			}
			c.Hangup()
			if _, result := g.end(c); result.Reason != call.HungUp {
				t.Errorf("the call ended %v, want hung up", result)
			}
		})
	}
}

// TestLongAnnouncement holds that all of an announcement is recorded that is longer than
// the queue of a recorder, to which it goes at once when the grant is on disk.
func TestLongAnnouncement(t *testing.T) {
	const length = 90 * time.Second
	bubble(t, func(t *testing.T) {
		message := notice()
		message.Parts[1].Audio.PCM = media.Tone(8000, 900, length, -12)
		g := newGateway(t, options{mode: consent.NoticeMode, message: message, speaker: tones{}, replier: &replies{each: []string{"440Hz"}}})
		c := g.dial()
		until(t, c, length+5*time.Second)
		c.Hangup()
		g.end(c)
		rec := g.recording()
		if !rec.manifest.Complete {
			t.Errorf("the manifest is incomplete: %v", rec.manifest.Incomplete)
		}
		from := onset(rec.right, 900)
		if from < 0 {
			t.Fatal("the announcement is not recorded")
		}
		for at := from + 20*time.Millisecond; at < from+length-40*time.Millisecond; at += 20 * time.Millisecond {
			i := int(at.Seconds() * 8000)
			if media.ToneLevel(rec.right[i:i+160], 8000, 900) < -16 {
				t.Fatalf("the announcement is missing at %v", at)
			}
		}
	})
}
