package seal

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the figures of this package.
type Metrics struct {
	ready      prometheus.Gauge
	empty      prometheus.Counter
	wrapErrors prometheus.Counter
	epoch      prometheus.Gauge
	recipients prometheus.Gauge
	here       prometheus.Gauge
	proved     prometheus.Gauge
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
		epoch: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sidetone_key_epoch", Help: "Number of the epoch to which recordings are wrapped, from 1.",
		}),
		recipients: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sidetone_key_recipients", Help: "Keys of which any one opens what is recorded now.",
		}),
		here: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sidetone_key_private_here", Help: "1 where the private half of the epoch's key lies on this machine.",
		}),
		proved: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sidetone_key_proved_timestamp_seconds",
			Help: "When the recipient of the epoch of whom that is longest ago has shown that it can decrypt; 0 if one never has.",
		}),
	}
	if r != nil {
		r.MustRegister(m.ready, m.empty, m.wrapErrors, m.epoch, m.recipients, m.here, m.proved)
	}
	return m
}

// Observe sets the figures of a keyring's current epoch. proved is the zero time
// where one of its recipients has proved nothing.
func (m *Metrics) Observe(k *Keyring, proved time.Time) {
	m.epoch.Set(float64(len(k.Epochs())))
	m.recipients.Set(float64(max(1, len(k.Current().Recipients)))) // a service's key is one
	m.here.Set(0)
	if k.Serving() {
		m.here.Set(1)
	}
	m.proved.Set(0)
	if !proved.IsZero() {
		m.proved.Set(float64(proved.Unix()))
	}
}
