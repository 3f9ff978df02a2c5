package store

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are the figures of this package. The zero of every label set is
// closed: op is a method name of Objects, result one of ok, not_found,
// conflict, denied, timeout, unavailable, error.
type Metrics struct {
	s3     *prometheus.HistogramVec // op, result
	sync   prometheus.Histogram
	ledger *prometheus.HistogramVec // result
	batch  prometheus.Histogram

	checkpoints *prometheus.CounterVec // result
	unsigned    prometheus.Gauge
	failing     prometheus.Gauge
	ballast     prometheus.Gauge
}

// NewMetrics registers the figures with reg, which may be nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	return &Metrics{
		s3: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sidetone_s3_operation_seconds",
			Help:    "Time of an object store operation with its retries, by operation and result.",
			Buckets: []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"op", "result"}),
		sync: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "sidetone_s3_builtin_sync_seconds",
			Help:    "Time of one syncfs of the built-in object store.",
			Buckets: []float64{.001, .002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
		ledger: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sidetone_ledger_append_seconds",
			Help:    "Time from the request to append a ledger row until it is on disk, by result.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"result"}),
		batch: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "sidetone_ledger_commit_rows",
			Help:    "Ledger rows made durable by one commit.",
			Buckets: []float64{1, 2, 5, 10, 25, 50, 100, 256},
		}),
		checkpoints: f.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_ledger_checkpoints_total",
			Help: "Signed checkpoints of the ledger that this process wrote or could not write, by result.",
		}, []string{"result"}),
		unsigned: f.NewGauge(prometheus.GaugeOpts{
			Name: "sidetone_ledger_unsigned_rows",
			Help: "Ledger rows of this process that no signed checkpoint covers yet.",
		}),
		failing: f.NewGauge(prometheus.GaugeOpts{
			Name: "sidetone_ledger_failing",
			Help: "1 while rows or checkpoints of the ledger cannot be written.",
		}),
		ballast: f.NewGauge(prometheus.GaugeOpts{
			Name: "sidetone_ledger_ballast_bytes",
			Help: "Room that the ledger keeps for when its disk is full; less than configured while it is.",
		}),
	}
}

// observe notes the time since start under op and the result of err.
func (m *Metrics) observe(op string, start time.Time, err error) {
	m.s3.WithLabelValues(op, result(err)).Observe(time.Since(start).Seconds())
}
