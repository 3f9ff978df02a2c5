package webrtc

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// What becomes of sessions; metric labels.
const (
	sessionConnected = "connected" // media flowed, and the call was served
	sessionAbandoned = "abandoned" // no media within the time allowed
	sessionFailed    = "failed"    // ICE or DTLS failed before that
	sessionHungUp    = "hung_up"   // DELETE before that
	sessionClosed    = "closed"    // the server closed before that
)

// What becomes of ICE restarts; metric labels. Refused ones are counted as
// refusals.
const (
	restartDone   = "done"
	restartFailed = "failed"
)

// Why candidates of browsers are not used; metric labels.
const (
	candidatePrivate = "private" // loopback, link-local or private
	candidateName    = "name"    // a name, such as those of mDNS
	candidateTCP     = "tcp"     // the browser connects to us, not we to it
	candidateOther   = "other"   // of RTCP, multicast, or not to be understood
)

// Why a message on the data channel was dropped; metric labels.
const (
	messageTooLong = "too_long"
	messageBinary  = "binary"
	messageChannel = "channel" // a data channel that is not ours, with all in it
)

// signalMetrics counts sessions and what became of them.
type signalMetrics struct {
	sessions    *prometheus.CounterVec
	refusals    *prometheus.CounterVec
	iceRestarts *prometheus.CounterVec
	candidates  *prometheus.CounterVec
	messages    *prometheus.CounterVec
	packets     prometheus.Counter
	floods      prometheus.Counter
	tcpRefused  prometheus.Counter
	peers       prometheus.Gauge
	connect     prometheus.Histogram
}

func newSignalMetrics(f promauto.Factory) signalMetrics {
	counter := func(name, help, label string, values ...string) *prometheus.CounterVec {
		v := f.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
		for _, value := range values {
			v.WithLabelValues(value)
		}
		return v
	}
	return signalMetrics{
		sessions: counter("sidetone_webrtc_sessions_total", "Browser sessions by what became of their connecting.", "result",
			sessionConnected, sessionAbandoned, sessionFailed, sessionHungUp, sessionClosed),
		refusals:    counter("sidetone_webrtc_refusals_total", "Signalling requests of browsers refused.", "code", codes...),
		iceRestarts: counter("sidetone_webrtc_ice_restarts_total", "ICE restarts by result.", "result", restartDone, restartFailed),
		candidates: counter("sidetone_webrtc_candidates_dropped_total", "ICE candidates of browsers that are not used.", "reason",
			candidatePrivate, candidateName, candidateTCP, candidateOther),
		messages: counter("sidetone_webrtc_messages_dropped_total", "Data channel messages dropped before they were read.", "reason",
			messageTooLong, messageBinary, messageChannel),
		packets: f.NewCounter(prometheus.CounterOpts{Name: "sidetone_webrtc_packets_unknown_total",
			Help: "RTP packets of a payload type that was not negotiated, or too short to be one."}),
		floods: f.NewCounter(prometheus.CounterOpts{Name: "sidetone_webrtc_floods_total",
			Help: "Connections given up because of too many RTP streams or data channels."}),
		tcpRefused: f.NewCounter(prometheus.CounterOpts{Name: "sidetone_webrtc_tcp_refusals_total",
			Help: "TCP connections to the media port beyond the number allowed."}),
		peers: f.NewGauge(prometheus.GaugeOpts{Name: "sidetone_webrtc_peers",
			Help: "Peer connections open now."}),
		connect: f.NewHistogram(prometheus.HistogramOpts{Name: "sidetone_webrtc_connect_seconds",
			Help:    "Time from a browser's offer to media that can flow.",
			Buckets: []float64{0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 15}}),
	}
}
