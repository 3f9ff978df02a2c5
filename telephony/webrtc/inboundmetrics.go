package webrtc

import "github.com/prometheus/client_golang/prometheus/promauto"

// inboundMetrics counts what becomes of the caller's packets.
type inboundMetrics struct{}

func newInboundMetrics(f promauto.Factory) inboundMetrics { return inboundMetrics{} }
