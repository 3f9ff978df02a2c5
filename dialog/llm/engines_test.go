package llm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sidetone/dialog"
	"sidetone/internal/breaker"
)

// failing is a chat that fails in its own way each time it is asked.
type failing struct {
	err   error
	after time.Duration
	asked int
}

func (f *failing) Stream(ctx context.Context, _ Request) iter.Seq2[Delta, error] {
	return func(yield func(Delta, error) bool) {
		f.asked++
		select {
		case <-time.After(f.after):
			yield(Delta{}, f.err)
		case <-ctx.Done():
			yield(Delta{}, ctx.Err())
		}
	}
}

// pair is a replier with two engines.
type pair struct {
	*Replier
	metrics *Metrics
	counted *prometheus.Registry
	log     bytes.Buffer
}

func pairOf(first, second Chat) *pair {
	p := &pair{metrics: NewMetrics(nil), counted: prometheus.NewPedanticRegistry()}
	engines := NewEngines(EnginesOptions{Metrics: p.metrics, Breakers: breaker.NewMetrics(p.counted), Log: slog.New(slog.NewTextHandler(&p.log, nil))},
		Engine{Name: "first", Chat: first, Prices: Prices{Input: 2, Cached: 0.5, Output: 10}}, Engine{Name: "second", Chat: second})
	p.Replier = New(Options{Engines: engines, Agent: support, Transfers: map[string]dialog.Transfer{"baker": {To: "+15550100"}}})
	return p
}

// state is what is known of an engine, by its number.
func (p *pair) state(i int) breaker.State { return p.o.Engines.list[i].breaker.State() }

// tookOver checks that the second engine took over once.
func (p *pair) tookOver(when string) error {
	return testutil.GatherAndCompare(p.counted, strings.NewReader(fmt.Sprintf(`
		# HELP sidetone_engine_takeovers_total Times that another engine took over inside a call, by that engine and when: before a turn or answer had begun, or within it.
		# TYPE sidetone_engine_takeovers_total counter
		sidetone_engine_takeovers_total{engine="second",kind="llm",when=%q} 1
	`, when)), "sidetone_engine_takeovers_total")
}

// said is what the caller says in these tests.
func said(t *testing.T) dialog.Input {
	return dialog.Input{Kind: dialog.Said, Said: heard(t, "Is there bread?")}
}

func TestTakeover(t *testing.T) {
	hang := step{wait: time.Hour}
	for name, c := range map[string]struct {
		first []step
		want  []string
		took  time.Duration
		more  []string // what the second engine was told beyond the first
		when  string
	}{
		"no first token":    {[]step{hang}, []string{"There is.", "Come by!"}, 2500 * time.Millisecond, nil, "before"},
		"refused":           {[]step{{err: &VendorError{Status: 500, Retryable: true}}}, []string{"There is.", "Come by!"}, 0, nil, "before"},
		"not allowed":       {[]step{{err: &VendorError{Status: 401}}}, []string{"There is.", "Come by!"}, 0, nil, "before"},
		"in half a word":    {[]step{{text: "I bel"}, {err: ErrCut}}, []string{"There is.", "Come by!"}, 0, nil, "before"},
		"stalls in a word":  {[]step{{text: "I bel"}, hang}, []string{"There is.", "Come by!"}, 2500 * time.Millisecond, nil, "before"},
		"in a thought":      {[]step{{text: "<think>Hm"}, {err: ErrCut}}, []string{"There is.", "Come by!"}, 0, nil, "before"},
		"after a sentence":  {[]step{{text: "Let me see. I bel"}, {err: ErrCut}}, []string{"Let me see.", "There is.", "Come by!"}, 0, []string{"Let me see.", "(You were cut off there."}, "within"},
		"with a call of it": {[]step{calling("transfer", `{"to":"baker"}`), {err: ErrCut}}, []string{"There is.", "Come by!"}, 0, nil, "before"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second := &fake{answers: [][]step{c.first}}, &fake{answers: [][]step{{{text: "There is. Come by!"}}}}
				p := pairOf(first, second)
				began := time.Now()
				parts, err := collect(t.Context(), p.Replier, said(t))
				if got := sentences(parts); err != nil || !reflect.DeepEqual(got, c.want) {
					t.Errorf("said %q, %v", got, err)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
				for _, part := range parts {
					if part.End || part.Transfer != "" {
						t.Errorf("the engine that is gone decides: %+v", part)
					}
				}
				told, more := first.requests[0].Messages, second.requests[0].Messages
				if !reflect.DeepEqual(more[:len(told)], told) || len(more)-len(told) != len(c.more) {
					t.Fatalf("the second engine was told %+v", more)
				}
				for i, want := range c.more {
					if !strings.HasPrefix(more[len(told)+i].Text, want) {
						t.Errorf("the second engine was told %q, want %q", more[len(told)+i].Text, want)
					}
				}
				if err := p.tookOver(c.when); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestNobodyTakesOver checks what no other engine is asked for.
func TestNobodyTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The caller goes on: nobody waits for the answer.
		second := &fake{answers: [][]step{{{text: "No."}}}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p := pairOf(&failing{after: time.Hour}, second)
		if _, err := collect(ctx, p.Replier, said(t)); !errors.Is(err, context.DeadlineExceeded) || len(second.requests) > 0 {
			t.Errorf("%v, %d requests", err, len(second.requests))
		}
		// It has said goodbye.
		p = pairOf(&fake{answers: [][]step{{{text: "Goodbye!\n"}, calling("end_call", `{}`), {err: ErrCut}}}}, second)
		parts, err := collect(t.Context(), p.Replier, said(t))
		if err != nil || len(second.requests) > 0 || !parts[len(parts)-1].End {
			t.Errorf("%+v, %v", parts, err)
		}
		// All of them fail.
		one, two := &failing{err: &VendorError{Status: 500, Retryable: true}}, &failing{err: ErrCut}
		if _, err := collect(t.Context(), pairOf(one, two).Replier, said(t)); !errors.Is(err, ErrCut) || one.asked != 1 || two.asked != 1 {
			t.Errorf("%v, asked %d and %d times", err, one.asked, two.asked)
		}
	})
}

// TestModelIsTheFirstEngines checks that an agent's model is not asked of another
// vendor, and that what is used is counted where it was, with its price.
func TestModelIsTheFirstEngines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &fake{answers: [][]step{{{usage: &Usage{Input: 500, Cached: 1000, Output: 20}}, {err: ErrCut}}}}
		second := &fake{answers: [][]step{{{text: "Yes."}, {usage: &Usage{Input: 300, Output: 7}}}}}
		p := pairOf(first, second)
		agent := *support
		model := *support.LLM
		model.Model = "theirs"
		agent.LLM = &model
		p.o.Agent = &agent
		if _, err := collect(t.Context(), p.Replier, said(t)); err != nil {
			t.Fatal(err)
		}
		if first.requests[0].Model != "theirs" || second.requests[0].Model != "" {
			t.Errorf("asked for the models %q and %q", first.requests[0].Model, second.requests[0].Model)
		}
		for _, c := range []struct {
			engine, kind string
			want         float64
		}{{"first", "input", 500}, {"first", "cached", 1000}, {"first", "output", 20}, {"second", "input", 300}, {"second", "output", 7}} {
			if n := testutil.ToFloat64(p.metrics.tokens.WithLabelValues(c.engine, c.kind)); n != c.want {
				t.Errorf("%s: %v %s tokens, want %v", c.engine, n, c.kind, c.want)
			}
		}
		if cost := testutil.ToFloat64(p.metrics.cost.WithLabelValues("first")); cost != (500*2+1000*0.5+20*10)/1e6 {
			t.Errorf("it cost %v", cost)
		}
		if cost := testutil.ToFloat64(p.metrics.cost.WithLabelValues("second")); cost != 0 {
			t.Errorf("without prices it cost %v", cost)
		}
	})
}

// TestBreaker checks that an engine that does not work is left out, and tried
// again by one call at a time.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &failing{err: ErrCut}
		p := pairOf(first, talker{})
		ask := func() {
			t.Helper()
			if parts, err := collect(t.Context(), p.Replier, said(t)); err != nil || len(sentences(parts)) == 0 {
				t.Errorf("%v, %v", parts, err)
			}
		}
		if p.state(0) != breaker.Closed || p.state(1) != breaker.Closed {
			t.Error("the breakers are not closed at first")
		}
		for range 5 {
			ask()
		}
		if first.asked != 3 || p.state(0) != breaker.Open || !strings.Contains(p.log.String(), "engine=first") {
			t.Errorf("asked %d times, state %d, log %q", first.asked, p.state(0), p.log.String())
		}
		time.Sleep(breaker.OpenAtFirst)
		ask() // the probe
		ask()
		if first.asked != 4 || p.state(0) != breaker.Open {
			t.Errorf("asked %d times, state %d", first.asked, p.state(0))
		}
		time.Sleep(breaker.OpenAtFirst + time.Second)
		if ask(); first.asked != 4 {
			t.Error("an engine whose probe failed is tried again too soon")
		}
		time.Sleep(breaker.OpenAtFirst)
		first.after = time.Second // the probe takes a while; others do not wait for it
		done := make(chan bool)
		go func() { ask(); done <- true }()
		synctest.Wait()
		if p.state(0) != breaker.HalfOpen {
			t.Errorf("state %d while it is tried", p.state(0))
		}
		if ask(); first.asked != 5 {
			t.Errorf("asked %d times: a second probe", first.asked)
		}
		<-done
		time.Sleep(breaker.OpenAtLast)
		p.o.Engines.list[0].Chat = talker{}
		ask()
		if p.state(0) != breaker.Closed || !strings.Contains(p.log.String(), "is back") {
			t.Errorf("state %d, log %q", p.state(0), p.log.String())
		}
		if text := p.log.String(); strings.Contains(text, "bread") {
			t.Errorf("the log has words: %s", text)
		}
	})
}

// talker is a chat that works.
type talker struct{}

func (talker) Stream(context.Context, Request) iter.Seq2[Delta, error] {
	return func(yield func(Delta, error) bool) { yield(Delta{Text: "There is."}, nil) }
}

// TestWhatCountsAgainstAnEngine checks each way in which a request may end.
func TestWhatCountsAgainstAnEngine(t *testing.T) {
	for name, c := range map[string]struct {
		err         error
		begun, gone bool
		want        breaker.Verdict
		wait        time.Duration
	}{
		"answered":            {nil, true, false, breaker.Good, 0},
		"an empty answer":     {nil, false, false, breaker.Neutral, 0},
		"cut":                 {ErrCut, true, false, breaker.Bad, 0},
		"no first token":      {ErrFirstToken, false, false, breaker.Bad, 0},
		"no connection":       {&VendorError{Retryable: true}, false, false, breaker.Bad, 0},
		"500":                 {&VendorError{Status: 500}, false, false, breaker.Bad, 0},
		"503, in a second":    {&VendorError{Status: 503, RetryAfter: time.Second}, false, false, breaker.Bad, time.Second},
		"401":                 {&VendorError{Status: 401}, false, false, breaker.Hopeless, 0},
		"404":                 {&VendorError{Status: 404}, false, false, breaker.Hopeless, 0},
		"429":                 {&VendorError{Status: 429}, false, false, breaker.Bad, 0},
		"429, in a minute":    {&VendorError{Status: 429, RetryAfter: time.Minute}, false, false, breaker.Hopeless, time.Minute},
		"this request":        {&VendorError{Status: 400}, false, false, breaker.Neutral, 0},
		"the answer is old":   {ErrTooSlow, true, false, breaker.Neutral, 0},
		"nobody waits":        {context.Canceled, true, false, breaker.Neutral, 0},
		"nobody waits, a 500": {&VendorError{Status: 500}, false, true, breaker.Neutral, 0},
	} {
		if got, wait := judge(c.err, c.begun, c.gone); got != c.want || wait != c.wait {
			t.Errorf("%s: verdict %d, wait %v, want %d and %v", name, got, wait, c.want, c.wait)
		}
	}
}

// TestNoEngineIsThere checks that nobody waits when all are known not to work.
func TestNoEngineIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pairOf(&failing{err: &VendorError{Status: 401}}, &failing{err: &VendorError{Status: 403}})
		collect(t.Context(), p.Replier, said(t))
		began := time.Now()
		if _, err := collect(t.Context(), p.Replier, said(t)); !errors.Is(err, ErrUnavailable) || time.Since(began) != 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
