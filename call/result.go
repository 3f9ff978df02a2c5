package call

import (
	"sidetone/dialog"
	"sidetone/telephony"
)

// Outcome says on whose account a call ended. It is a metric label.
type Outcome string

// The outcomes.
const (
	Completed Outcome = "completed" // the agent finished
	Caller    Outcome = "caller"    // the caller ended it
	Carrier   Outcome = "carrier"   // the transport failed
	Vendor    Outcome = "vendor"    // an engine failed
	Policy    Outcome = "policy"    // a limit or a rule of the operator
	Internal  Outcome = "internal"  // a fault of this program
)

// Reason says why a call ended. It is a metric label.
type Reason string

// The reasons.
const (
	Goodbye      Reason = "goodbye"
	Transferred  Reason = "transferred"
	HungUp       Reason = "hung_up"
	NoSpeech     Reason = "no_speech"
	NoConsent    Reason = "no_consent" // the question of consent was not answered, or against the agent's terms
	Dropped      Reason = "dropped"
	Unanswered   Reason = "unanswered"
	Protocol     Reason = "protocol"
	Stalled      Reason = "stalled"
	ReplyLost    Reason = "reply_lost"
	LedgerFailed Reason = "ledger_failed"
	Duration     Reason = "duration_limit"
	ShuttingDown Reason = "shutting_down"
	Panicked     Reason = "panicked"
	NotBegun     Reason = "not_begun" // the call could not be put together
	Minor        Reason = "minor"     // the caller is a child
	Crashed      Reason = "crashed"   // the process ended before the call did
)

// Result is how a call ended: the log line, the call's row and the metric
// labels are this value.
type Result struct {
	Outcome Outcome
	Reason  Reason
}

// ofDialog is the result of a call that its agent ended.
func ofDialog(r dialog.Reason) Result {
	switch r {
	case dialog.Transferred:
		return Result{Completed, Transferred}
	case dialog.NoSpeech:
		return Result{Caller, NoSpeech}
	case dialog.ReplyLost:
		return Result{Vendor, ReplyLost}
	default:
		return Result{Completed, Goodbye}
	}
}

// ofLeg is the result of a call whose leg ended by itself.
func ofLeg(c telephony.Cause) Result {
	switch c {
	case telephony.HungUp, telephony.Ended:
		return Result{Caller, HungUp}
	case telephony.Dropped:
		return Result{Carrier, Dropped}
	case telephony.Unanswered:
		return Result{Carrier, Unanswered}
	case telephony.Stalled:
		return Result{Carrier, Stalled}
	case telephony.Overloaded:
		return Result{Internal, Stalled}
	default:
		return Result{Carrier, Protocol}
	}
}
