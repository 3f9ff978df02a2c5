package webrtc

import "github.com/prometheus/client_golang/prometheus/promauto"

// legMetrics measures legs.
type legMetrics struct{}

func newLegMetrics(f promauto.Factory) legMetrics { return legMetrics{} }
