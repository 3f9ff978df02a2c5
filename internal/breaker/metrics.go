package breaker

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Kind is what engines are for; a metric label.
type Kind string

// The kinds.
const (
	STT Kind = "stt"
	LLM Kind = "llm"
	TTS Kind = "tts"
)

// Metrics are those of all breakers. A nil *Metrics counts nothing.
type Metrics struct {
	states    *prometheus.GaugeVec
	takeovers *prometheus.CounterVec
}

// NewMetrics registers the metrics with r, or nowhere if r is nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	return &Metrics{
		states: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sidetone_engine_breaker_state",
			Help: "Whether an engine is asked: 0 it is, 1 it is tried again, 2 it is left out.",
		}, []string{"kind", "engine"}),
		takeovers: f.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_engine_takeovers_total",
			Help: "Times that another engine took over inside a call, by that engine and when: before a turn or answer had begun, or within it.",
		}, []string{"kind", "engine", "when"}),
	}
}

func (m *Metrics) state(o Options, s State) {
	if m != nil {
		m.states.WithLabelValues(string(o.Kind), o.Engine).Set(float64(s))
	}
}

func (m *Metrics) tookOver(o Options, within bool) {
	if m == nil {
		return
	}
	when := "before"
	if within {
		when = "within"
	}
	m.takeovers.WithLabelValues(string(o.Kind), o.Engine, when).Inc()
}
