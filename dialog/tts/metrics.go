package tts

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sidetone/dialog"
)

// Metrics counts what the voices do. A nil *Metrics counts nothing.
type Metrics struct {
	requests *prometheus.CounterVec
	first    *prometheus.HistogramVec
	cache    *prometheus.CounterVec
	failures *prometheus.CounterVec
}

// NewMetrics registers the metrics of this package with reg, which may be nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_tts_requests_total",
			Help: "Sentences given to a voice, by result: ok, cancelled or error.",
		}, []string{"speaker", "result"}),
		first: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sidetone_tts_first_audio_seconds",
			Help:    "Time from a sentence to its first audio.",
			Buckets: []float64{.01, .025, .05, .1, .2, .3, .5, .75, 1, 2, 4},
		}, []string{"speaker"}),
		cache: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_tts_cache_total",
			Help: "Sentences looked up in the cache of repeated sentences, by result: hit or miss.",
		}, []string{"result"}),
	}
	m.failures = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sidetone_tts_failures_total",
		Help: "Sentences that a voice elsewhere did not say to their end, by class of failure.",
	}, []string{"speaker", "class"})
	if reg != nil {
		reg.MustRegister(m.requests, m.first, m.cache, m.failures)
	}
	return m
}

func (m *Metrics) cached(hit bool) {
	switch {
	case m == nil:
	case hit:
		m.cache.WithLabelValues("hit").Inc()
	default:
		m.cache.WithLabelValues("miss").Inc()
	}
}

func (m *Metrics) failed(speaker string, err error) {
	var f *Failure
	if errors.As(err, &f) {
		m.failures.WithLabelValues(speaker, string(f.Class)).Inc()
	}
}

// Measure returns a Speaker that is next, measured.
func (m *Metrics) Measure(next dialog.Speaker) dialog.Speaker {
	return measured{next, m}
}

type measured struct {
	dialog.Speaker
	metrics *Metrics
}

func (s measured) Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		begin, first, result := time.Now(), true, "ok"
		defer func() { s.metrics.requests.WithLabelValues(s.Name(), result).Inc() }()
		for pcm, err := range s.Speaker.Speak(ctx, text, rate) {
			switch {
			case errors.Is(err, context.Canceled):
				result = "cancelled"
			case err != nil:
				result = "error"
				s.metrics.failed(s.Name(), err)
			case first:
				first = false
				s.metrics.first.WithLabelValues(s.Name()).Observe(time.Since(begin).Seconds())
			}
			if !yield(pcm, err) {
				if err == nil {
					result = "cancelled"
				}
				return
			}
		}
	}
}
