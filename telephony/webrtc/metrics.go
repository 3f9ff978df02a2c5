package webrtc

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics counts what the package sees. Its label sets are closed, and none of
// them holds an identifier.
type Metrics struct {
	signalMetrics
	legMetrics
	inboundMetrics
}

// NewMetrics registers the package's metrics with r; nil registers nothing.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	return &Metrics{newSignalMetrics(f), newLegMetrics(f), newInboundMetrics(f)}
}
