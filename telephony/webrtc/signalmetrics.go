package webrtc

import "github.com/prometheus/client_golang/prometheus/promauto"

// signalMetrics counts sessions and what became of them.
type signalMetrics struct{}

func newSignalMetrics(f promauto.Factory) signalMetrics { return signalMetrics{} }
