package remote

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are the measurements of engines elsewhere. The label engine is the
// engine's name.
type Metrics struct {
	connects *prometheus.CounterVec
	connect  *prometheus.HistogramVec
	replayed *prometheus.CounterVec
	dropped  *prometheus.CounterVec
	ignored  *prometheus.CounterVec
}

// resultOK is the result of a connection that came about; other results are the
// classes of failure.
const resultOK = "ok"

// NewMetrics registers the metrics with r, or nowhere if r is nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	return &Metrics{
		connects: f.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_stt_connections_total",
			Help: "Connections and requests to recognition engines elsewhere, by how they came about or ended: ok, or the class of the failure.",
		}, []string{"engine", "result"}),
		connect: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sidetone_stt_connect_seconds",
			Help:    "Time to connect to a recognition engine elsewhere, of attempts that succeeded.",
			Buckets: []float64{.025, .05, .1, .2, .4, .8, 1.5, 3, 5},
		}, []string{"engine"}),
		replayed: f.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_stt_replayed_seconds_total",
			Help: "Audio of the open turn that was sent again after a connection broke.",
		}, []string{"engine"}),
		dropped: f.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_stt_audio_dropped_seconds_total",
			Help: "Audio that a recognition engine elsewhere never got, because more than 30 s of a turn waited for it.",
		}, []string{"engine"}),
		ignored: f.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_stt_ignored_total",
			Help: "What was passed over: malformed messages, and partials that nobody had time for.",
		}, []string{"engine", "what"}),
	}
}

// The values of the label what.
const (
	malformed   = "malformed"
	latePartial = "partial"
)
