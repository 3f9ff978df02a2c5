package llm

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the model does. A nil *Metrics counts nothing.
type Metrics struct {
	requests *prometheus.CounterVec
	first    prometheus.Histogram
	tokens   *prometheus.CounterVec
	calls    *prometheus.CounterVec
}

// NewMetrics registers the metrics of this package with reg, which may be nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_llm_requests_total",
			Help: "Requests to the language model, by result: ok, cancelled, timeout, cut, refused (by status) or error.",
		}, []string{"result"}),
		first: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "sidetone_llm_first_token_seconds",
			Help:    "Time from a request to the first token of its answer.",
			Buckets: []float64{.05, .1, .2, .3, .5, .75, 1, 1.5, 2, 3, 4},
		}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_llm_tokens_total",
			Help: "Tokens as the endpoint counts them, by kind: input, cached (input from a cache), written (input put into it) or output.",
		}, []string{"kind"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_llm_tool_calls_total",
			Help: "Tools that the model called, by tool and by result: ok or refused.",
		}, []string{"tool", "result"}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.first, m.tokens, m.calls)
	}
	return m
}

// requested counts one request by how it ended.
func (m *Metrics) requested(err error, gone bool) {
	if m == nil {
		return
	}
	m.requests.WithLabelValues(resultOf(err, gone)).Inc()
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

func (m *Metrics) firstToken(took time.Duration) {
	if m != nil {
		m.first.Observe(took.Seconds())
	}
}

func (m *Metrics) used(u Usage) {
	if m != nil {
		for kind, n := range map[string]int64{"input": u.Input, "cached": u.Cached, "written": u.Written, "output": u.Output} {
			m.tokens.WithLabelValues(kind).Add(float64(max(0, n)))
		}
	}
}

func (m *Metrics) called(tool string, err error) {
	if m == nil {
		return
	}
	result := "ok"
	if err != nil {
		result = "refused"
	}
	m.calls.WithLabelValues(describe(tool), result).Inc()
}
