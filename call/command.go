package call

import (
	"time"

	"sidetone/consent"
)

// Command is what an operator may ask of a live call.
type Command string

// The commands.
const (
	PauseRecording  Command = "pause"        // nobody hears anything until Resume
	ResumeRecording Command = "resume"       //
	StopRecording   Command = "withdraw"     // nothing more is kept
	DestroyAll      Command = "withdraw_all" // nor what was kept, where the policy allows that
	AskAgain        Command = "ask"          // put the question of consent again
	CallerIsMinor   Command = "minor"        // keep nothing, and end the call
	LedgerFails     Command = "ledger_fails" // rows can not be written
)

// Do asks something of the call; it reports false where the call can not take it
// any more. It may be called from any goroutine and does not block.
func (c *Call) Do(cmd Command) bool {
	select {
	case <-c.deaf:
		return false
	default:
	}
	select {
	case c.commands <- cmd:
		return true
	default:
		return false
	}
}

// obey takes a command into the loop.
func (c *Call) obey(cmd Command) {
	at := c.clock.Tick(time.Now())
	switch cmd {
	case PauseRecording:
		c.step(consent.Pause{At: at, How: consent.HowOperator}, at)
	case ResumeRecording:
		c.step(consent.Unpause{At: at, How: consent.HowOperator}, at)
	case StopRecording:
		c.step(consent.Withdraw{At: at, From: at, How: consent.HowOperator}, at)
	case DestroyAll:
		c.step(consent.Withdraw{At: at, From: at, Whole: true, How: consent.HowOperator}, at)
	case AskAgain:
		c.step(consent.Ask{At: at, How: consent.HowOperator}, at)
	case CallerIsMinor:
		c.step(consent.Minor{At: at, How: consent.HowOperator}, at)
	case LedgerFails:
		c.step(consent.LedgerLost{At: at}, at)
	}
}
