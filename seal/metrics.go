package seal

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the figures of this package.
type Metrics struct {
	ready      prometheus.Gauge
	empty      prometheus.Counter
	wrapErrors prometheus.Counter
}

// NewMetrics makes the metrics and registers them with r, unless r is nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		ready: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sidetone_seal_pool_takes", Help: "Takes whose keys are made and ready.",
		}),
		empty: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sidetone_seal_pool_empty_total", Help: "Times that keys were wanted and none were ready.",
		}),
		wrapErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sidetone_seal_wrap_errors_total", Help: "Failures to wrap an identity to the epoch key.",
		}),
	}
	if r != nil {
		r.MustRegister(m.ready, m.empty, m.wrapErrors)
	}
	return m
}
