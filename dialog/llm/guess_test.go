package llm

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sidetone/consent"
	"sidetone/dialog"
)

// guesser is a replier that guesses, and what comes of it.
type guesser struct {
	r       *Replier
	metrics *Metrics
	shop    *shop
	spent   []Spending

	sure   chan consent.Heard
	cancel context.CancelFunc
	parts  []dialog.Part
	err    error
	done   bool
}

// guessed asks a replier early, which has the answers of a fake.
func guessed(t *testing.T, answers ...[]step) *guesser {
	t.Helper()
	agent := withOrders(t)
	agent.Pause, agent.HandOver = true, []string{"night"}
	agent.LLM.Goals = support.LLM.Goals
	g := &guesser{metrics: NewMetrics(prometheus.NewPedanticRegistry()), shop: &shop{says: "on its way"}, sure: make(chan consent.Heard, 1)}
	e := NewEngines(EnginesOptions{Metrics: g.metrics}, Engine{Name: "test", Chat: &fake{answers: answers}, Prices: Prices{Input: 1}})
	g.r = New(Options{
		Engines: e, Agent: agent, Runner: g.shop, Transfers: map[string]dialog.Transfer{"baker": {To: "+15550100"}},
		Spent: func(s Spending) { g.spent = append(g.spent, s) },
	})
	ctx, cancel := context.WithCancel(t.Context())
	g.cancel = cancel
	in := dialog.Input{Turn: 3, Kind: dialog.Said, Said: heard(t, "anna please"), Guess: true, Sure: g.sure}
	go func() {
		defer func() { g.done = true }()
		for part, err := range g.r.Reply(ctx, in) {
			if err != nil {
				g.err = err
				return
			}
			g.parts = append(g.parts, part)
		}
	}()
	return g
}

// adopt says that the guess was right.
func (g *guesser) adopt(said consent.Heard) { g.sure <- said }

func (g *guesser) count(result string) float64 {
	return testutil.ToFloat64(g.metrics.guesses.WithLabelValues(result))
}

// TestGuessHasNoEffect lets a model call each tool in a guess: nothing of it happens
// until the guess is adopted, however long that takes, and never when it is dropped.
func TestGuessHasNoEffect(t *testing.T) {
	for name, c := range map[string]struct {
		call   step
		then   []step // what the model says to the result
		effect func(g *guesser) bool
	}{
		"answer": {calling(recordAnswer, `{"key":"name","value":"Anna"}`), nil, func(g *guesser) bool {
			i := slices.IndexFunc(g.parts, func(p dialog.Part) bool { return p.Answer != nil })
			return i >= 0 && g.parts[i].Answer.Said.String() == "Anna, please."
		}},
		"end":       {calling(endCall, `{}`), nil, func(g *guesser) bool { return g.last().End }},
		"transfer":  {calling(transferCall, `{"to":"baker"}`), nil, func(g *guesser) bool { return g.last().Transfer != "" }},
		"child":     {calling(callerMinor, `{}`), nil, func(g *guesser) bool { return g.last().Minor }},
		"pause":     {calling(pauseTool, `{}`), nil, func(g *guesser) bool { return g.last().Pause }},
		"hand over": {calling(handOver, `{"to":"night"}`), nil, func(g *guesser) bool { return g.last().HandOver != "" }},
		"HTTP tool": {calling("order_status", `{"number":"7"}`), says("It is."), func(g *guesser) bool { return len(g.shop.asked) == 1 && g.last().Sentence == "It is." }},
		"no such": {calling("rm", `{}`), nil, func(g *guesser) bool {
			return testutil.ToFloat64(g.metrics.calls.WithLabelValues("unknown", "refused")) == 1
		}},
		"only words": {step{}, nil, func(g *guesser) bool { return len(g.parts) == 1 }},
	} {
		for _, adopted := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					g := guessed(t, append(append(says("I see. "), step{usage: &Usage{Input: 1e6}}), c.call), c.then)
					time.Sleep(time.Minute) // longer than the model may take
					synctest.Wait()
					if g.done || len(g.parts) > 1 || len(g.shop.asked) > 0 || len(g.r.recorded)+len(g.r.offered)+len(g.spent) > 0 {
						t.Fatalf("before it is certain: done %v, parts %+v, tools %q, spent %v", g.done, g.parts, g.shop.asked, g.spent)
					}
					want := "dropped"
					if adopted {
						want = "adopted"
						g.adopt(heard(t, "Anna, please."))
					} else {
						g.cancel()
					}
					time.Sleep(time.Second)
					synctest.Wait()
					if !g.done || g.count(want) != 1 || g.count("adopted")+g.count("dropped") != 1 {
						t.Errorf("done %v, %v adopted, %v dropped", g.done, g.count("adopted"), g.count("dropped"))
					}
					if len(g.spent) != 1 || g.spent[0].Dropped == adopted || g.spent[0].Cost != 1 {
						t.Errorf("spent %+v", g.spent)
					}
					cost := map[bool]float64{true: 0, false: 1}[adopted]
					if n := testutil.ToFloat64(g.metrics.wasted.WithLabelValues("test")); n != cost {
						t.Errorf("dropped guesses cost %v, want %v", n, cost)
					}
					if !adopted && (len(g.parts) > 1 || len(g.shop.asked) > 0 || len(g.r.recorded)+len(g.r.offered) > 0 || testutil.CollectAndCount(g.metrics.calls) > 0) {
						t.Errorf("a dropped guess leaves %+v, tools %q", g.parts, g.shop.asked)
					}
					if adopted && (g.err != nil || !c.effect(g)) {
						t.Errorf("an adopted guess has no effect: %+v, %v", g.parts, g.err)
					}
					g.cancel()
				})
			})
		}
	}
}

func (g *guesser) last() dialog.Part {
	if len(g.parts) == 0 {
		return dialog.Part{}
	}
	return g.parts[len(g.parts)-1]
}

// TestGuessThatFails checks that it does not wait to say so, and is not adopted.
func TestGuessThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guessed(t, []step{{wait: time.Second, err: ErrCut}}, []step{{err: ErrCut}})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !g.done || !errors.Is(g.err, ErrCut) || g.count("dropped") != 1 {
			t.Errorf("done %v, %v, %v dropped", g.done, g.err, g.count("dropped"))
		}
		g.cancel()
	})
}

// TestGuessIsDroppedInItsStream cancels a guess while the model writes.
func TestGuessIsDroppedInItsStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guessed(t, append([]step{{usage: &Usage{Input: 5}}}, says("I see. But what do you mean by that?")...))
		time.Sleep(35 * time.Millisecond)
		g.cancel()
		synctest.Wait()
		if !g.done || g.count("dropped") != 1 || len(g.parts) > 1 || len(g.spent) != 1 || !g.spent[0].Dropped {
			t.Errorf("done %v, %v dropped, parts %+v, spent %+v", g.done, g.count("dropped"), g.parts, g.spent)
		}
		if n := testutil.ToFloat64(g.metrics.requests.WithLabelValues("test", "cancelled")); n != 1 {
			t.Errorf("%v requests are cancelled", n)
		}
	})
}
