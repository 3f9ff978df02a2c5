package tts

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sidetone/dialog"
	"sidetone/internal/breaker"
	"sidetone/media"
)

// teller is a voice that says words by their number of letters, 60 ms each, so that
// what was said can be read from the audio: each sample holds a letter.
type teller struct {
	name  string
	away  bool          // it is elsewhere
	wait  time.Duration // to the first audio
	hangs int           // after so many samples; 0: never
	err   error         // in the place of hanging
	asked []string
}

func (v *teller) Name() string { return v.name }
func (v *teller) Local() bool  { return !v.away }

// letter is how long a letter takes.
const letter = 60 * time.Millisecond

func (v *teller) Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		v.asked = append(v.asked, text)
		if v.err != nil && v.hangs == 0 {
			yield(nil, v.err)
			return
		}
		if !pause(ctx, v.wait) {
			yield(nil, ctx.Err())
			return
		}
		n, each := 0, int(letter.Seconds()*float64(rate))
		for _, r := range text + " " {
			pcm := slices.Repeat([]int16{int16(r)}, each)
			if n += len(pcm); v.hangs > 0 && n > v.hangs {
				if v.err != nil {
					yield(nil, v.err)
				} else {
					<-ctx.Done()
					yield(nil, ctx.Err())
				}
				return
			}
			if !yield(pcm, nil) {
				return
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// heard is what a caller hears of a sentence, when the first of it, and the longest
// wait after that.
type heard struct {
	text       string
	first, gap time.Duration
	err        error
}

func listen(s dialog.Speaker, text string) (h heard) {
	last, letters := time.Now(), []rune{}
	for pcm, err := range s.Speak(context.Background(), text, 8000) {
		if err != nil {
			h.err = err
			break
		}
		if len(letters) == 0 {
			h.first = time.Since(last)
		} else {
			h.gap = max(h.gap, time.Since(last))
		}
		last = time.Now()
		for i := 0; i < len(pcm); i += int(letter.Seconds() * 8000) {
			letters = append(letters, rune(pcm[i]))
		}
	}
	h.text = strings.Join(strings.Fields(string(letters)), " ")
	return h
}

// choir is two voices and what is counted of them.
func choir(first, second *teller) (*Voices, *prometheus.Registry) {
	registry := prometheus.NewPedanticRegistry()
	m := breaker.NewMetrics(registry)
	voice := func(v *teller) Voice {
		return Voice{v, breaker.New(breaker.Options{Kind: breaker.TTS, Engine: v.name, Metrics: m})}
	}
	return NewVoices(VoicesOptions{}, voice(first), voice(second)), registry
}

const sentence = "The quick brown fox jumps over the lazy dog and runs away."

// TestAnotherVoice has the first voice fail before a word is said: the second says
// the sentence soon, and goes on in this call.
func TestAnotherVoice(t *testing.T) {
	for name, c := range map[string]struct {
		first teller
		wait  time.Duration
	}{
		"refused":       {teller{err: &Failure{Class: Busy, Status: 503}}, 0},
		"not allowed":   {teller{err: &Failure{Class: Denied, Status: 401}}, 0},
		"silent":        {teller{wait: time.Hour}, 1500 * time.Millisecond},
		"an odd error":  {teller{err: errors.New("odd")}, 0},
		"nothing comes": {teller{hangs: -1}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.first.name = "first"
				if c.first.hangs < 0 {
					c.first.hangs, c.first.err = 1, &Failure{Class: Protocol}
				}
				second := &teller{name: "second", wait: 100 * time.Millisecond}
				v, registry := choir(&c.first, second)
				s := v.ForCall(Prepared{})
				if h := listen(s, sentence); h.text != sentence || h.err != nil || h.first != c.wait+second.wait {
					t.Errorf("heard %q after %v, %v", h.text, h.first, h.err)
				}
				if h := listen(s, "Hello."); h.text != "Hello." || h.first != second.wait || s.Name() != "second" {
					t.Errorf("then heard %q after %v by %s", h.text, h.first, s.Name())
				}
				if n := testutil.CollectAndCount(registry, "sidetone_engine_takeovers_total"); n != 1 || len(c.first.asked) != 1 {
					t.Errorf("%d takeovers; the first was asked %q", n, c.first.asked)
				}
				if name := v.ForCall(Prepared{}).Name(); name != "first" {
					t.Errorf("a new call begins with %s", name)
				}
			})
		})
	}
}

// TestVoiceGoesInMidSentence has the first voice go after each stretch of a sentence:
// the second goes on, and of the words none is missing and at most two come twice.
func TestVoiceGoesInMidSentence(t *testing.T) {
	words := strings.Fields(sentence)
	for _, hangs := range []bool{false, true} {
		for at := 1; at < len(sentence); at++ {
			synctest.Test(t, func(t *testing.T) {
				first := &teller{name: "first"}
				v, _ := choir(first, &teller{name: "second"})
				for range 3 {
					listen(v.ForCall(Prepared{}), "It is a long and winding road that leads to your door.")
				}
				if first.hangs = at * int(letter.Seconds()*8000); !hangs {
					first.err = &Failure{Class: Cut}
				}
				h := listen(v.ForCall(Prepared{}), sentence)
				// What came before the gap has to be heard first.
				if h.err != nil || h.gap > 1500*time.Millisecond+time.Duration(at)*letter {
					t.Fatalf("after %d letters: a gap of %v, %v", at, h.gap, h.err)
				}
				part, rest := sentence[:at], h.text[min(at, len(h.text)):]
				rest = strings.TrimSpace(rest)
				missing := strings.TrimSpace(strings.TrimSuffix(sentence, rest))
				whole := len(strings.Fields(part))
				if !strings.HasSuffix(sentence, rest) || whole-len(strings.Fields(missing)) > 2 || len(strings.Fields(missing)) > whole {
					t.Errorf("after %q came %q", part, rest)
				}
				if n := len(strings.Fields(missing)); n > 0 && n == whole && len(strings.Join(words[:n], " ")) > at {
					t.Errorf("after %q the word %q is not said whole", part, words[n-1])
				}
			})
		}
	}
}

// TestAllVoicesGo checks what is told of a sentence of which there was a part, that a
// prepared one is said all the same, and how soon.
func TestAllVoicesGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &teller{name: "first", away: true}, &teller{name: "second"}
		v, _ := choir(first, second)
		listen(v.ForCall(Prepared{}), "It is a long and winding road that leads to your door.")
		first.hangs, first.err = 20*int(letter.Seconds()*8000), &Failure{Class: Cut}
		second.err = &Failure{Class: Busy}
		s := v.ForCall(Prepared{prepared, true})
		cut := (*dialog.CutError)(nil)
		if h := listen(s, sentence); !errors.As(h.err, &cut) || cut.Said != "The quick brown" || strings.Contains(h.err.Error(), "quick") {
			t.Errorf("heard %q, %v, %+v", h.text, h.err, cut)
		}
		first.hangs, first.err, first.wait = 0, nil, time.Hour
		asked := len(first.asked)
		if h := listen(s, "Sorry."); h.text != "x" || h.first != 0 || len(first.asked) != asked {
			t.Errorf("heard %q after %v", h.text, h.first)
		}
		began := time.Now()
		if h := listen(s, sentence); h.err == nil || time.Since(began) > 3*time.Second {
			t.Errorf("heard %q, %v after %v", h.text, h.err, time.Since(began))
		}
		first.wait = 0
		if h := listen(s, sentence); h.text != sentence {
			t.Errorf("once it is back it says %q, %v", h.text, h.err)
		}
	})
}

// prepared is a sentence that was rendered as a mark of its own.
var prepared = map[string]media.Audio{"Sorry.": {Rate: 8000, PCM: slices.Repeat([]int16{'x'}, 480)}}

// TestPreparedSentence checks when a sentence is said as it was rendered: while the voice
// that rendered it speaks, and for who asks for it while the voice is at work.
func TestPreparedSentence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &teller{name: "first", wait: time.Second}, &teller{name: "second"}
		v, _ := choir(first, second)
		own, borrowed := v.ForCall(Prepared{Sentences: prepared}), v.ForCall(Prepared{prepared, true})
		if h := listen(own, "Sorry."); h.text != "x" || h.first != 0 {
			t.Errorf("its own voice says %q after %v", h.text, h.first)
		}
		if h := listen(borrowed, "Sorry."); h.text != "Sorry." {
			t.Errorf("another voice's sentence is said as %q", h.text)
		}
		first.err = &Failure{Class: Busy}
		listen(own, sentence)
		if h := listen(own, "Sorry."); h.text != "Sorry." || own.Name() != "second" {
			t.Errorf("the voice that took over, %s, says %q", own.Name(), h.text)
		}
		for _, s := range []dialog.Reciter{own, borrowed} {
			for range s.Speak(t.Context(), sentence, 8000) {
				if pcm, ok := s.Recite("Sorry.", 16000); !ok || len(pcm) != 960 {
					t.Errorf("meanwhile %d samples are there, %v", len(pcm), ok)
				}
				break
			}
			if pcm, ok := s.Recite(sentence, 8000); ok || pcm != nil {
				t.Errorf("%d samples of what was never rendered", len(pcm))
			}
		}
	})
}

// TestCrowdedVoices checks that voices on this machine that are late, for want of
// processors, are waited for longer than those elsewhere, above all where the caller is
// told so, and not for ever.
func TestCrowdedVoices(t *testing.T) {
	for _, c := range []struct {
		wait    time.Duration // for the first audio
		away    bool          // the voice is elsewhere
		covered bool
		lost    time.Duration // when it is given up; 0: never
	}{
		{3200 * time.Millisecond, true, true, 3 * time.Second},
		{3200 * time.Millisecond, false, false, 0},
		{4 * time.Second, false, false, 3500 * time.Millisecond},
		{4 * time.Second, false, true, 0},
		{6 * time.Second, false, true, 5 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			first := &teller{name: "first", wait: c.wait, away: c.away}
			v := NewVoices(VoicesOptions{Covered: c.covered}, Voice{first, breaker.New(breaker.Options{})})
			began := time.Now()
			h := listen(v.ForCall(Prepared{Sentences: prepared}), sentence)
			if took := time.Since(began); (h.err != nil) != (c.lost > 0) || c.lost > 0 && took != c.lost {
				t.Errorf("%+v: heard %q, %v after %v", c, h.text, h.err, took)
			}
		})
	}
}

// TestNothingToSay checks that a voice is not blamed for a text of which it makes
// nothing, while a caller who would hear no word of one has another voice.
func TestNothingToSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		workers := NewWorkers(toilerPieces, 1, &toiler{})
		defer workers.Close()
		first, second := &engraver{workers}, &teller{name: "second"}
		b := breaker.New(breaker.Options{Kind: breaker.TTS})
		v := NewVoices(VoicesOptions{}, Voice{first, b}, Voice{second, breaker.New(breaker.Options{Kind: breaker.TTS})})
		for text, takes := range map[string]bool{"...": false, "👍": false, "你好": true, strings.Repeat("é", MaxText+1): true} {
			for range breaker.Tolerated {
				if h := listen(v.ForCall(Prepared{}), text); h.err != nil || (h.text != "") != takes {
					t.Errorf("%.10q: another voice says %.10q, %v", text, h.text, h.err)
				}
			}
		}
		if b.State() != breaker.Closed {
			t.Error("it is left out")
		}
	})
}

// engraver is a voice of workers.
type engraver struct{ *Workers }

func (*engraver) Name() string { return "engraver" }
func (*engraver) Local() bool  { return true }

// TestNobodyListens checks that a caller who interrupts says nothing of the voice.
func TestNobodyListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &teller{name: "first", wait: time.Hour}
		v, registry := choir(first, &teller{name: "second"})
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			for _, err := range v.ForCall(Prepared{}).Speak(ctx, sentence, 8000) {
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("it ended with %v", err)
				}
			}
			cancel()
		}
		first.wait = 0
		for range v.ForCall(Prepared{}).Speak(t.Context(), sentence, 8000) {
			break
		}
		if s := v.list[0].Breaker.State(); s != breaker.Closed || testutil.CollectAndCount(registry, "sidetone_engine_takeovers_total") != 0 {
			t.Errorf("the breaker is %d", s)
		}
	})
}

// TestVoicesAreLocal checks that voices are on this machine only where all are.
func TestVoicesAreLocal(t *testing.T) {
	v, _ := choir(&teller{}, &teller{})
	w, _ := choir(&teller{}, &teller{away: true})
	if !v.Local() || w.Local() {
		t.Error("voices elsewhere are here")
	}
}
