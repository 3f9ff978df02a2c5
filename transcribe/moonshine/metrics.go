package moonshine

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are the measurements of an Engine.
type Metrics struct {
	decode          *prometheus.HistogramVec
	wait            prometheus.Histogram
	partialsDropped prometheus.Counter
	audioDropped    prometheus.Counter
}

// The values of the label kind.
const (
	kindPartial = "partial"
	kindFinal   = "final"
	kindClip    = "clip"
)

// NewMetrics registers the metrics with r, or nowhere if r is nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	m := &Metrics{
		decode: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sidetone_moonshine_decode_seconds",
			Help:    "Time to decode one stretch of speech, without waiting, by kind (partial, final, clip).",
			Buckets: []float64{.025, .05, .1, .2, .3, .5, .75, 1, 2, 4},
		}, []string{"kind"}),
		wait: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "sidetone_moonshine_queue_wait_seconds",
			Help:    "Time that a stretch of finished speech waited for its decode.",
			Buckets: []float64{.001, .005, .025, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		partialsDropped: f.NewCounter(prometheus.CounterOpts{
			Name: "sidetone_moonshine_partials_dropped_total",
			Help: "Partials that were due and not made, because decodes were busy or a final came first.",
		}),
		audioDropped: f.NewCounter(prometheus.CounterOpts{
			Name: "sidetone_moonshine_audio_dropped_seconds_total",
			Help: "Speech that was never decoded, because more than 30 s of a call waited.",
		}),
	}
	m.decode.WithLabelValues(kindPartial)
	m.decode.WithLabelValues(kindFinal)
	m.decode.WithLabelValues(kindClip)
	return m
}
