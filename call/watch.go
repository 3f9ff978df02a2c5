package call

import (
	"sidetone/consent"
	"sidetone/transcribe"
)

// UpdateKind is the kind of an Update.
type UpdateKind string

// The kinds of update.
const (
	ConsentSettled   UpdateKind = "consent"
	ConsentWithdrawn UpdateKind = "withdrawn"
	Spoke            UpdateKind = "turn"
	Answered         UpdateKind = "answer"
	CallEnded        UpdateKind = "ended"
)

// Update is what a call shows of itself while it runs: nothing that its
// transcript may not hold.
type Update struct {
	Kind    UpdateKind
	Consent consent.Outcome    // ConsentSettled
	Turn    *transcribe.Turn   // Spoke
	Answer  *transcribe.Answer // Answered
	Result  Result             // CallEnded
}

func (c *Call) watch(u Update) {
	if c.Watch != nil {
		c.Watch(u)
	}
}
