package chain

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are the measurements of chains.
type Metrics struct{ unheard prometheus.Counter }

// NewMetrics registers the metrics with r, or nowhere if r is nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	return &Metrics{unheard: promauto.With(r).NewCounter(prometheus.CounterOpts{
		Name: "sidetone_stt_unheard_seconds_total",
		Help: "Audio of callers that no recognition engine heard, since none of them was there.",
	})}
}
