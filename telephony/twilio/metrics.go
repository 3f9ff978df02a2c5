package twilio

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Reasons for which a webhook or a stream is refused; metric labels.
const (
	refusedMethod      = "method"
	refusedContentType = "content_type"
	refusedTooLarge    = "too_large"
	refusedForm        = "form"
	refusedSignature   = "signature"
	refusedAdmission   = "admission_error"
	refusedClosed      = "closed"

	refusedUpgrade    = "upgrade"
	refusedNoStart    = "no_start"
	refusedEarly      = "early_frames"
	refusedStart      = "bad_start"
	refusedNoToken    = "token_missing"
	refusedForged     = "token_forged"
	refusedExpired    = "token_expired"
	refusedOtherCall  = "token_other_call"
	refusedUsed       = "token_used"
	refusedOnceError  = "token_check_error"
	refusedNotWaiting = "not_waiting"
)

// Reasons for which a single frame is not used; metric labels.
const (
	badJSON    = "json"
	badBase64  = "base64"
	badBinary  = "binary"
	badTrack   = "track"
	badStream  = "stream"
	badMark    = "mark"
	badDigit   = "digit"
	badTooLong = "too_long"
	badStart   = "second_start"
)

// Queues in which audio can be lost; metric labels.
const (
	lostRecv    = "recv"    // the call did not read for a second
	lostLate    = "late"    // older than what was already handed on
	lostPartial = "partial" // under 20 ms before a jump
	lostUnsent  = "unsent"  // sent to a far end that was gone
)

// What became of a stream that was lost; metric labels.
const (
	resumeDone     = "resumed"
	resumeTimedOut = "timed_out"
	resumeEnded    = "ended"
)

// Status callbacks, folded to a closed set; metric labels.
const (
	statusStreamStarted = "stream_started"
	statusStreamStopped = "stream_stopped"
	statusStreamError   = "stream_error"
	statusCallProgress  = "call_progress"
	statusCallEnded     = "call_ended"
	statusUnknown       = "unknown"
)

// Metrics counts what the package sees. Its label sets are closed, and none of
// them holds an identifier.
type Metrics struct {
	webhooks *prometheus.CounterVec
	streams  *prometheus.CounterVec
	frames   [kindCount]prometheus.Counter
	bad      *prometheus.CounterVec
	dropped  *prometheus.CounterVec
	lagging  prometheus.Counter
	sockets  prometheus.Gauge
	resumes  *prometheus.CounterVec
	status   *prometheus.CounterVec
	unused   prometheus.Counter
}

// NewMetrics registers the package's metrics with r; nil registers nothing.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	counter := func(name, help, label string, values ...string) *prometheus.CounterVec {
		v := f.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
		for _, value := range values {
			v.WithLabelValues(value)
		}
		return v
	}
	m := &Metrics{
		webhooks: counter("sidetone_twilio_webhook_rejections_total", "Webhooks refused.", "reason",
			refusedMethod, refusedContentType, refusedTooLarge, refusedForm, refusedSignature, refusedAdmission, refusedClosed),
		streams: counter("sidetone_twilio_stream_rejections_total", "Media streams refused before they reached a call.", "reason",
			refusedMethod, refusedSignature, refusedUpgrade, refusedNoStart, refusedEarly, refusedStart, refusedNoToken, refusedForged,
			refusedExpired, refusedOtherCall, refusedUsed, refusedOnceError, refusedNotWaiting, refusedClosed),
		bad: counter("sidetone_twilio_bad_frames_total", "Frames from the carrier that could not be used.", "reason",
			badJSON, badBase64, badBinary, badTrack, badStream, badMark, badDigit, badTooLong, badStart),
		dropped: counter("sidetone_twilio_frames_dropped_total", "Audio frames dropped by a bounded queue.", "queue",
			lostRecv, lostLate, lostPartial, lostUnsent),
		resumes: counter("sidetone_twilio_stream_resumes_total", "Lost streams by what became of them.", "result",
			resumeDone, resumeTimedOut, resumeEnded),
		status: counter("sidetone_twilio_status_callbacks_total", "Call and stream status callbacks.", "event",
			statusStreamStarted, statusStreamStopped, statusStreamError, statusCallProgress, statusCallEnded, statusUnknown),
		lagging: f.NewCounter(prometheus.CounterOpts{Name: "sidetone_twilio_frames_lagging_total",
			Help: "Frames queued behind more audio than the lead and five frames."}),
		sockets: f.NewGauge(prometheus.GaugeOpts{Name: "sidetone_twilio_sockets",
			Help: "Media stream sockets open now."}),
		unused: f.NewCounter(prometheus.CounterOpts{Name: "sidetone_twilio_calls_unanswered_total",
			Help: "Accepted calls whose stream never came."}),
	}
	frames := counter("sidetone_twilio_frames_total", "Frames received from the carrier.", "kind")
	for k := range kindCount {
		m.frames[k] = frames.WithLabelValues(k.String())
	}
	return m
}

func (m *Metrics) badFrame(reason string) { m.bad.WithLabelValues(reason).Inc() }

func (m *Metrics) drop(queue string, frames int) {
	if frames > 0 {
		m.dropped.WithLabelValues(queue).Add(float64(frames))
	}
}
