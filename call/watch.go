package call

import (
	"sidetone/consent"
	"sidetone/transcribe"
)

// UpdateKind is the kind of an Update.
type UpdateKind string

// The kinds of update.
const (
	AgentChosen      UpdateKind = "agent"
	ConsentSettled   UpdateKind = "consent"
	ConsentWithdrawn UpdateKind = "withdrawn"
	RecordingPaused  UpdateKind = "paused"
	PauseOverdue     UpdateKind = "pause_overdue" // it goes on
	RecordingResumed UpdateKind = "resumed"
	Spoke            UpdateKind = "turn"
	Answered         UpdateKind = "answer"
	TurnTimed        UpdateKind = "timing"
	CallEnded        UpdateKind = "ended"
)

// Update is what a call shows of itself while it runs: nothing that its
// transcript may not hold.
type Update struct {
	Kind    UpdateKind
	Agent   string             // AgentChosen: who answers
	Consent consent.Outcome    // ConsentSettled
	Turn    *transcribe.Turn   // Spoke
	Answer  *transcribe.Answer // Answered
	Timing  *Timing            // TurnTimed
	Result  Result             // CallEnded
}

func (c *Call) watch(u Update) {
	if c.Watch != nil {
		c.Watch(u)
	}
}
