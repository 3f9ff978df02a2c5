package webrtc

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Reasons for which a message of the page is not used; metric labels.
const (
	badJSON   = "json" // no JSON object with a type, or a field of another type
	badUTF8   = "utf8"
	badText   = "text"   // nothing left of it, or too much
	badDigit  = "digit"  // no key
	badChoice = "choice" // none of the choices, or of no message
	badField  = "field"  // a field that may not be told, or one that is missing
	badStats  = "stats"  // a delay that can not be true
	badFlood  = "flood"  // too many in a second; it ends the leg
)

// Reasons for which something is not shown; metric labels.
const (
	unshownTooLong = "too_long" // over maxMessage
	unshownClosed  = "closed"   // the page has closed its data channel
)

// Where audio is lost in a leg; metric labels.
const (
	lostRecv   = "recv"   // the call did not read for a second
	lostUnsent = "unsent" // sent to a far end that was gone
)

// What became of a far end that could not be reached; metric labels.
const (
	outageOver     = "resumed"
	outageTimedOut = "timed_out"
	outageFailed   = "failed"
	outageEnded    = "ended"
)

// The ways of sound; metric labels.
const (
	wayIn  = "in"  // from the browser
	wayOut = "out" // to the browser
)

// legMetrics measures legs.
type legMetrics struct {
	messages *prometheus.CounterVec
	bad      *prometheus.CounterVec
	unshown  *prometheus.CounterVec
	dropped  *prometheus.CounterVec
	lagging  prometheus.Counter
	outages  *prometheus.CounterVec
	loss     *prometheus.HistogramVec
	jitter   *prometheus.HistogramVec
	mos      *prometheus.HistogramVec
	rtt      prometheus.Histogram
	buffer   prometheus.Histogram
}

func newLegMetrics(f promauto.Factory) legMetrics {
	counter := func(name, help, label string, values ...string) *prometheus.CounterVec {
		v := f.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
		for _, value := range values {
			v.WithLabelValues(value)
		}
		return v
	}
	ways := func(name, help string, buckets ...float64) *prometheus.HistogramVec {
		v := f.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{"direction"})
		v.WithLabelValues(wayIn)
		v.WithLabelValues(wayOut)
		return v
	}
	return legMetrics{
		messages: counter("sidetone_webrtc_messages_total", "Messages of pages that were used.", "type",
			typeChoose, typeText, typeTyping, typeKey, typeAbout, typeMute, typeStats, typeHushed, typeBye, typeUnknown),
		bad: counter("sidetone_webrtc_bad_messages_total", "Messages of pages that could not be used.", "reason",
			badJSON, badUTF8, badText, badDigit, badChoice, badField, badStats, badFlood),
		unshown: counter("sidetone_webrtc_unshown_total", "Messages to pages that could not be sent.", "reason",
			unshownTooLong, unshownClosed),
		dropped: counter("sidetone_webrtc_leg_frames_dropped_total", "Audio frames dropped by a leg's bounded queue.", "queue",
			lostRecv, lostUnsent),
		lagging: f.NewCounter(prometheus.CounterOpts{Name: "sidetone_webrtc_frames_lagging_total",
			Help: "Frames queued behind more than five others."}),
		outages: counter("sidetone_webrtc_outages_total", "Times that a browser could not be reached, by what became of it.", "result",
			outageOver, outageTimedOut, outageFailed, outageEnded),
		loss: ways("sidetone_webrtc_loss_ratio", "Share of a leg's packets that were lost or came too late.",
			.001, .005, .01, .02, .05, .1, .2, .4),
		jitter: ways("sidetone_webrtc_jitter_seconds", "A leg's mean interarrival jitter (RFC 3550).",
			.001, .002, .005, .01, .02, .03, .05, .1, .2),
		mos: ways("sidetone_webrtc_mos", "Estimated mean opinion score of a leg, 1 to 4.5 (ITU-T G.107, simplified).",
			1.5, 2, 2.5, 3, 3.3, 3.6, 3.8, 4, 4.2, 4.3, 4.4),
		rtt: f.NewHistogram(prometheus.HistogramOpts{Name: "sidetone_webrtc_rtt_seconds",
			Help: "A leg's mean round trip time.", Buckets: []float64{.005, .01, .02, .05, .1, .15, .2, .3, .5, 1}}),
		buffer: f.NewHistogram(prometheus.HistogramOpts{Name: "sidetone_webrtc_playout_delay_seconds",
			Help: "A browser's mean delay between a packet's arrival and its playing.", Buckets: []float64{.02, .04, .06, .08, .1, .15, .2, .3, .5}}),
	}
}

// badMessage counts a message of the page that is not used.
func (m *legMetrics) badMessage(reason string) { m.bad.WithLabelValues(reason).Inc() }

func (m *legMetrics) drop(queue string, frames int) {
	if frames > 0 {
		m.dropped.WithLabelValues(queue).Add(float64(frames))
	}
}
