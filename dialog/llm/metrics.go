package llm

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the models do. A nil *Metrics counts nothing.
type Metrics struct {
	requests *prometheus.CounterVec
	first    *prometheus.HistogramVec
	tokens   *prometheus.CounterVec
	cost     *prometheus.CounterVec
	calls    *prometheus.CounterVec
	lookups  *prometheus.HistogramVec
	guesses  *prometheus.CounterVec
	wasted   *prometheus.CounterVec
}

// NewMetrics registers the metrics of this package with reg, which may be nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_llm_requests_total",
			Help: "Requests to a language model, by engine and result: ok, cancelled, timeout, cut, refused (by status) or error.",
		}, []string{"engine", "result"}),
		first: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sidetone_llm_first_token_seconds",
			Help:    "Time from a request to the first token of its answer, by engine.",
			Buckets: []float64{.05, .1, .2, .3, .5, .75, 1, 1.5, 2, 3, 4},
		}, []string{"engine"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_llm_tokens_total",
			Help: "Tokens as the endpoint counts them, by engine and kind: input, cached (input from a cache), written (input put into it) or output.",
		}, []string{"engine", "kind"}),
		cost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_llm_cost_total",
			Help: "What the tokens cost, by engine, in the currency of the configured prices.",
		}, []string{"engine"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_llm_tool_calls_total",
			Help: "Tools that the model called, by tool and by result: ok or refused.",
		}, []string{"tool", "result"}),
		lookups: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sidetone_llm_lookup_seconds",
			Help:    "Time that tools of agents' files took to answer, by result: ok or failed.",
			Buckets: []float64{.05, .1, .2, .5, 1, 2, 3, 5, 10, 20, 30},
		}, []string{"result"}),
		guesses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_llm_guesses_total",
			Help: "Replies begun before the caller's turn was over, by result: adopted or dropped.",
		}, []string{"result"}),
		wasted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_llm_guess_cost_total",
			Help: "What dropped guesses cost, by engine, as far as their endpoints had told; part of sidetone_llm_cost_total.",
		}, []string{"engine"}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.first, m.tokens, m.cost, m.calls, m.lookups, m.guesses, m.wasted)
	}
	return m
}

// requested counts one request by how it ended.
func (m *Metrics) requested(engine string, err error, gone bool) {
	if m != nil {
		m.requests.WithLabelValues(engine, resultOf(err, gone)).Inc()
	}
}

func resultOf(err error, gone bool) string {
	var vendor *VendorError
	switch {
	case gone, errors.Is(err, context.Canceled):
		return "cancelled"
	case err == nil:
		return "ok"
	case errors.Is(err, ErrFirstToken), errors.Is(err, ErrIdle), errors.Is(err, ErrTooSlow), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, ErrCut):
		return "cut"
	case errors.As(err, &vendor) && vendor.Status != 0:
		return "refused"
	}
	return "error"
}

func (m *Metrics) firstToken(engine string, took time.Duration) {
	if m != nil {
		m.first.WithLabelValues(engine).Observe(took.Seconds())
	}
}

func (m *Metrics) used(e *engine, u Usage) {
	if m == nil {
		return
	}
	for kind, n := range map[string]int64{"input": u.Input, "cached": u.Cached, "written": u.Written, "output": u.Output} {
		m.tokens.WithLabelValues(e.Name, kind).Add(float64(n))
	}
	m.cost.WithLabelValues(e.Name).Add(e.Prices.of(u))
}

// guessed counts a guess.
func (m *Metrics) guessed(adopted bool) {
	if m == nil {
		return
	}
	result := "dropped"
	if adopted {
		result = "adopted"
	}
	m.guesses.WithLabelValues(result).Inc()
}

// spent counts what a dropped guess has cost.
func (m *Metrics) spent(s Spending) {
	if m != nil && s.Dropped {
		m.wasted.WithLabelValues(s.Engine).Add(s.Cost)
	}
}

func (m *Metrics) lookedUp(err error, took time.Duration) {
	if m == nil {
		return
	}
	result := "ok"
	if err != nil {
		result = "failed"
	}
	m.lookups.WithLabelValues(result).Observe(took.Seconds())
}

func (m *Metrics) called(tool string, err error) {
	if m == nil {
		return
	}
	result := "ok"
	if err != nil {
		result = "refused"
	}
	m.calls.WithLabelValues(tool, result).Inc()
}
