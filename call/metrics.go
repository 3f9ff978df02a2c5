package call

import (
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/telephony"
)

// The stages that the call itself measures, beside those of the turn machine.
// Gateway is our own share: end of turn to the first frame sent, without the
// engines' time.
const (
	stageTTS     dialog.Stage = "tts"
	stagePlayout dialog.Stage = "playout"
	stageGateway dialog.Stage = "gateway"
)

// Metrics of all calls.
type Metrics struct {
	active         *prometheus.GaugeVec
	attempted      *prometheus.CounterVec
	ended          *prometheus.CounterVec
	duration       *prometheus.HistogramVec
	firstAudio     prometheus.Histogram
	turns          *prometheus.HistogramVec
	holds          prometheus.Counter
	bargeIns       prometheus.Counter
	heldFor        prometheus.Histogram
	stopped        prometheus.Histogram
	echoes         prometheus.Counter
	consents       *prometheus.CounterVec
	decision       *prometheus.HistogramVec
	message        prometheus.Histogram
	repeats        prometheus.Counter
	talkedOver     prometheus.Counter
	earlyKeys      prometheus.Counter
	withdrawn      *prometheus.CounterVec
	pauses         *prometheus.CounterVec
	paused         *prometheus.GaugeVec
	destructions   *prometheus.CounterVec
	violations     *prometheus.CounterVec
	lateness       prometheus.Histogram
	detectorErrors prometheus.Counter
	recognised     *prometheus.CounterVec
}

// NewMetrics registers the metrics of calls; r may be nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	turn := []float64{.005, .01, .025, .05, .1, .2, .3, .5, .7, 1, 1.5, 2, 3, 5, 8}
	m := &Metrics{
		active: f.NewGaugeVec(prometheus.GaugeOpts{Name: "sidetone_calls_active",
			Help: "Calls in progress."}, []string{"kind", "direction"}),
		attempted: f.NewCounterVec(prometheus.CounterOpts{Name: "sidetone_calls_attempted_total",
			Help: "Calls that asked to be admitted, by result."}, []string{"result"}),
		ended: f.NewCounterVec(prometheus.CounterOpts{Name: "sidetone_calls_finished_total",
			Help: "Calls that ended, by outcome and reason."}, []string{"outcome", "reason"}),
		duration: f.NewHistogramVec(prometheus.HistogramOpts{Name: "sidetone_call_duration_seconds",
			Help: "Length of calls, by kind of leg.", Buckets: []float64{1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600}}, []string{"kind"}),
		firstAudio: f.NewHistogram(prometheus.HistogramOpts{Name: "sidetone_first_audio_seconds",
			Help: "Start of a call's leg to the first agent audio sent.", Buckets: []float64{.001, .002, .005, .01, .02, .03, .05, .1, .25, .5, 1, 2}}),
		turns: f.NewHistogramVec(prometheus.HistogramOpts{Name: "sidetone_turn_latency_seconds",
			Help: "Latency of a turn by stage: endpoint, stt, token, llm, tts, playout, gateway (our own share), total.", Buckets: turn}, []string{"stage"}),
		holds: f.NewCounter(prometheus.CounterOpts{Name: "sidetone_holds_total",
			Help: "Times that playout was held because the caller spoke."}),
		bargeIns: f.NewCounter(prometheus.CounterOpts{Name: "sidetone_barge_ins_total",
			Help: "Agent turns that the caller cut short."}),
		heldFor: f.NewHistogram(prometheus.HistogramOpts{Name: "sidetone_false_hold_seconds",
			Help: "Length of holds that ended in resuming.", Buckets: turn}),
		stopped: f.NewHistogram(prometheus.HistogramOpts{Name: "sidetone_barge_in_stop_seconds",
			Help: "Onset of the caller's speech to the clear sent to the carrier.", Buckets: turn}),
		echoes: f.NewCounter(prometheus.CounterOpts{Name: "sidetone_echoes_ignored_total",
			Help: "Detected speech that was the agent's own voice coming back."}),
		consents: f.NewCounterVec(prometheus.CounterOpts{Name: "sidetone_consent_outcomes_total",
			Help: "How the question of consent ended: how callers were asked, the outcome, and by what."}, []string{"mode", "outcome", "how"}),
		decision: f.NewHistogramVec(prometheus.HistogramOpts{Name: "sidetone_consent_decision_seconds",
			Help: "From when the caller could first answer to the answer.", Buckets: []float64{.25, .5, 1, 2, 5, 10, 20, 45}}, []string{"mode"}),
		message: f.NewHistogram(prometheus.HistogramOpts{Name: "sidetone_consent_message_seconds",
			Help: "From the answered call to the last part of the message that was played whole.", Buckets: []float64{1, 2, 5, 10, 15, 20, 30, 45}}),
		repeats: f.NewCounter(prometheus.CounterOpts{Name: "sidetone_consent_repeats_total",
			Help: "Messages that were repeated because the caller talked over them."}),
		talkedOver: f.NewCounter(prometheus.CounterOpts{Name: "sidetone_consent_talked_over_seconds_total",
			Help: "Speech over messages."}),
		earlyKeys: f.NewCounter(prometheus.CounterOpts{Name: "sidetone_consent_early_keys_total",
			Help: "Keys that did not count, since the choice had not been played."}),
		withdrawn: f.NewCounterVec(prometheus.CounterOpts{Name: "sidetone_consent_withdrawals_total",
			Help: "Grants taken back, or shut by a failing ledger (system), by scope and by what."}, []string{"scope", "how"}),
		pauses: f.NewCounterVec(prometheus.CounterOpts{Name: "sidetone_recording_pauses_total",
			Help: "Pauses in which nothing is heard by anybody, by who asked."}, []string{"how"}),
		paused: f.NewGaugeVec(prometheus.GaugeOpts{Name: "sidetone_calls_paused",
			Help: "Calls in a pause, and whether it has lasted longer than a pause should."}, []string{"overdue"}),
		destructions: f.NewCounterVec(prometheus.CounterOpts{Name: "sidetone_recording_destructions_total",
			Help: "Calls whose recordings a withdrawal destroyed, or had queued."}, []string{"result"}),
		violations: f.NewCounterVec(prometheus.CounterOpts{Name: "sidetone_invariant_violations_total",
			Help: "Promises that were about to be broken; must stay 0."}, []string{"invariant"}),
		lateness: f.NewHistogram(prometheus.HistogramOpts{Name: "sidetone_media_send_lateness_seconds",
			Help: "How late agent frames were sent against their schedule.", Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2}}),
		detectorErrors: f.NewCounter(prometheus.CounterOpts{Name: "sidetone_vad_errors_total",
			Help: "Frames that voice activity detection failed on."}),
		recognised: f.NewCounterVec(prometheus.CounterOpts{Name: "sidetone_stt_results_total",
			Help: "Turns given to speech recognition, by engine and result: words, empty, noise that words were made of, or lost with the engine."}, []string{"engine", "result"}),
	}
	for _, result := range []string{"admitted", "refused"} {
		m.attempted.WithLabelValues(result)
	}
	for _, overdue := range []bool{false, true} {
		m.paused.WithLabelValues(strconv.FormatBool(overdue))
	}
	for _, i := range consent.Invariants {
		m.violations.WithLabelValues(string(i))
	}
	return m
}

// Attempted counts a call that asked to be admitted.
func (m *Metrics) Attempted(admitted bool) {
	result := "refused"
	if admitted {
		result = "admitted"
	}
	m.attempted.WithLabelValues(result).Inc()
}

// Unserved counts a call that was admitted and ended before it could begin.
func (m *Metrics) Unserved(r Result) {
	m.ended.WithLabelValues(string(r.Outcome), string(r.Reason)).Inc()
}

func (m *Metrics) began(i telephony.Info) {
	m.active.WithLabelValues(string(i.Kind), string(i.Direction)).Inc()
}

func (m *Metrics) finished(i telephony.Info, r Result, took time.Duration) {
	m.active.WithLabelValues(string(i.Kind), string(i.Direction)).Dec()
	m.ended.WithLabelValues(string(r.Outcome), string(r.Reason)).Inc()
	m.duration.WithLabelValues(string(i.Kind)).Observe(took.Seconds())
}

// proved takes a row of proof on its way.
func (m *Metrics) proved(r consent.Row) {
	if !isOutcome(r) {
		return
	}
	m.repeats.Add(float64(r.Message.Repeats))
	m.talkedOver.Add(r.Message.TalkedOver)
	m.earlyKeys.Add(float64(r.Message.EarlyKeys))
	if n := len(r.Message.Parts); n > 0 {
		m.message.Observe(r.Message.Parts[n-1].To)
	}
	if r.Answer != nil {
		m.decision.WithLabelValues(string(r.Mode)).Observe(r.Answer.Waited)
	}
}

// isOutcome reports whether a row answers the question, or ends it.
func isOutcome(r consent.Row) bool {
	return slices.Contains(consent.Outcomes, consent.Outcome(r.Event))
}

// settled counts how a question ended.
func (m *Metrics) settled(mode consent.Mode, o consent.Outcome, how consent.How) {
	if o == consent.Unrecordable || o == consent.LedgerFailed {
		how = consent.HowSystem
	}
	m.consents.WithLabelValues(string(mode), string(o), string(how)).Inc()
}

func (m *Metrics) withdrew(w consent.Withdrawn) {
	scope := "from_now"
	if w.Whole {
		scope = "whole_call"
	}
	m.withdrawn.WithLabelValues(scope, string(w.How)).Inc()
}

func (m *Metrics) destroyed(queued bool) {
	result := "done"
	if queued {
		result = "queued"
	}
	m.destructions.WithLabelValues(result).Inc()
}

func (m *Metrics) stage(s dialog.Stage, took time.Duration) {
	switch s {
	case dialog.StageHeld:
		m.heldFor.Observe(took.Seconds())
	case dialog.StageBargeIn:
		m.stopped.Observe(took.Seconds())
	default:
		m.turns.WithLabelValues(string(s)).Observe(took.Seconds())
	}
}

// stopwatch measures our own share of a turn: from the end of the caller's turn
// to the first frame of the reply, less the time that the engines took.
type stopwatch struct {
	began   time.Time // of the turn: the zero time when nothing is measured
	engines time.Duration
	ready   time.Time // first audio of the reply
}

func (w *stopwatch) finalized(now time.Time) { w.began, w.engines, w.ready = now, 0, time.Time{} }

func (w *stopwatch) recognised(took time.Duration) { w.engines += took }

// replied counts the first sentence of a reply only.
func (w *stopwatch) replied(took time.Duration) {
	if w.ready.IsZero() {
		w.engines += took
	}
}

func (w *stopwatch) synthesised(took time.Duration) {
	if w.ready.IsZero() && !w.began.IsZero() {
		w.engines += took
		w.ready = time.Now()
	}
}

// sent takes the sending of a frame.
func (w *stopwatch) sent(now time.Time, c *Call) {
	if w.began.IsZero() || w.ready.IsZero() {
		return
	}
	c.stage(stagePlayout, now.Sub(w.ready))
	c.stage(stageGateway, max(0, now.Sub(w.began)-w.engines))
	w.began = time.Time{}
}
