package webrtc

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"sidetone/media"
)

// packetResult is what became of a packet of the caller's; a metric label.
type packetResult uint8

const (
	packetSound     packetResult = iota // decoded
	packetKey                           // of a key press
	packetEmpty                         // without payload
	packetOther                         // of a payload type that was not agreed
	packetDuplicate                     // it had come before
	packetLate                          // it had been given up
	packetStray                         // of another stream, or its number is far off
	packetTooLarge                      // over media.JitterPayload
	packetMalformed                     // no RTP, or neither sound nor key
	packetEarly                         // its time runs ahead of real time
	packetResults
)

func (r packetResult) String() string {
	return [packetResults]string{"sound", "key", "empty", "other_type", "duplicate", "late", "stray", "too_large", "malformed", "early"}[r]
}

// jumpReason is why the caller's sound goes on at a later tick; a metric label.
type jumpReason uint8

const (
	jumpPause   jumpReason = iota // nothing is missing: the sender was silent
	jumpLoss                      // packets are missing
	jumpKeys                      // keys were pressed
	jumpRestart                   // the stream began anew
	jumpReasons
)

func (r jumpReason) String() string {
	return [jumpReasons]string{"pause", "loss", "keys", "restart"}[r]
}

// inboundMetrics counts what becomes of the caller's packets.
type inboundMetrics struct {
	results  [packetResults]prometheus.Counter
	lost     prometheus.Counter
	copied   prometheus.Counter // seconds
	made     prometheus.Counter // seconds
	jumps    [jumpReasons]prometheus.Counter
	partial  prometheus.Counter
	restarts prometheus.Counter
	keys     prometheus.Counter
}

func newInboundMetrics(f promauto.Factory) inboundMetrics {
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	results := f.NewCounterVec(prometheus.CounterOpts{Name: "sidetone_webrtc_packets_total",
		Help: "RTP packets from browsers by what became of them."}, []string{"result"})
	jumps := f.NewCounterVec(prometheus.CounterOpts{Name: "sidetone_webrtc_sound_jumps_total",
		Help: "Gaps left in callers' sound."}, []string{"why"})
	concealed := f.NewCounterVec(prometheus.CounterOpts{Name: "sidetone_webrtc_concealed_seconds_total",
		Help: "Callers' sound that was lost and filled in."}, []string{"how"})
	m := inboundMetrics{
		lost:     counter("sidetone_webrtc_packets_lost_total", "RTP packets from browsers that never came, or too late."),
		copied:   concealed.WithLabelValues("fec"),
		made:     concealed.WithLabelValues("plc"),
		partial:  counter("sidetone_webrtc_partial_frames_total", "Pieces of under 20 ms dropped before a gap."),
		restarts: counter("sidetone_webrtc_stream_restarts_total", "Times that a browser's stream was placed anew by real time."),
		keys:     counter("sidetone_webrtc_keys_total", "Keys pressed by RFC 4733 events."),
	}
	for r := range packetResults {
		m.results[r] = results.WithLabelValues(r.String())
	}
	for r := range jumpReasons {
		m.jumps[r] = jumps.WithLabelValues(r.String())
	}
	return m
}

// conceal counts sound that was filled in.
func (m *inboundMetrics) conceal(copied, made media.Tick) {
	m.copied.Add(copied.Seconds())
	m.made.Add(made.Seconds())
}
