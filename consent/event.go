package consent

import "sidetone/media"

// Answer is what a caller answered by voice.
type Answer uint8

// The spoken answers.
const (
	Unclear Answer = iota
	Yes
	No
)

// How says by what something about consent came. It stands in the ledger.
type How string

// The ways.
const (
	HowContinued How = "continued" // going on after the message
	HowKey       How = "key"
	HowSpeech    How = "speech"
	HowButton    How = "button"
	HowPolicy    How = "policy"   // nothing is asked where nothing may be kept
	HowSystem    How = "system"   // a fault of ours: the ledger, the recorder
	HowSilent    How = "silent"   // no answer came
	HowUnclear   How = "unclear"  // no answer was understood
	HowTalked    How = "talked"   // the message was talked over twice
	HowHungUp    How = "hung_up"  // the call ended
	HowOperator  How = "operator" // the command line or the operator's API
	HowAgent     How = "agent"    // the agent's file or a tool of it
)

// Event is something that happened in the call, given to Machine.Step.
type Event interface{ event() }

// The events. At is the tick at which the call saw it.
type (
	// Answered: the call has begun.
	Answered struct{ At media.Tick }
	// Played: what Play number N asked for was played to its end, confirmed by the
	// far end, between ticks From and To.
	Played struct {
		At, From, To media.Tick
		N            int
	}
	// Speech: the caller, and not our echo, began (On) or ceased to speak at At.
	Speech struct {
		At media.Tick
		On bool
	}
	// Spoken: a stretch of speech that began at From while Hearing has been matched
	// on this machine.
	Spoken struct {
		At, From media.Tick
		Answer   Answer
		Score    float64 // 0 to 1
	}
	// Key: the caller pressed a key. Asked says that the agent waits for digits: a
	// 9 is then part of an answer, and only *9 refuses.
	Key struct {
		At    media.Tick
		Digit byte
		Asked bool
	}
	// Chose: the caller pressed a button. Message names the message that was on the
	// screen. Keep says that they agreed; otherwise they go on unrecorded, or, once
	// they had agreed, take that back, and with Whole for all of the call.
	Chose struct {
		At      media.Tick
		Keep    bool
		Whole   bool
		Message string
	}
	// Withdraw: a grant is taken back as of From, which is before At where the
	// caller said so; with Whole, for all of the call. Where nothing more can be kept,
	// it is taken back by HowSystem.
	Withdraw struct {
		At, From media.Tick
		Whole    bool
		How      How
	}
	// Ask: the question shall be put again, by another message if Message is not nil.
	// Elsewhere names who will then get something of the call, beside Terms.Elsewhere.
	Ask struct {
		At        media.Tick
		Message   *Message
		Elsewhere []string
		How       How
	}
	// Pause: nothing is to be heard by anybody until Unpause. Until is a key that
	// ends it, 0 for none.
	Pause struct {
		At    media.Tick
		Until byte
		How   How
	}
	// Unpause ends a Pause.
	Unpause struct {
		At  media.Tick
		How How
	}
	// Minor: the caller is a child.
	Minor struct {
		At  media.Tick
		How How
	}
	// Destroyed: what Destroy asked for has been done, or is Queued.
	Destroyed struct {
		At     media.Tick
		Queued bool
	}
	// Written: the row of an Append is on disk. Recordable says that a recording
	// could be begun; without it nothing will be kept.
	Written struct {
		At         media.Tick
		Row        int
		Recordable bool
	}
	// Failed: the row of an Append could not be written.
	Failed struct {
		At  media.Tick
		Row int
	}
	// LedgerLost: rows of other calls could not be written.
	LedgerLost struct{ At media.Tick }
	// Passed: time went by (every 20 ms).
	Passed struct{ At media.Tick }
	// Ended: the call is over.
	Ended struct{ At media.Tick }
)

func (Answered) event()   {}
func (Played) event()     {}
func (Speech) event()     {}
func (Spoken) event()     {}
func (Key) event()        {}
func (Chose) event()      {}
func (Withdraw) event()   {}
func (Ask) event()        {}
func (Pause) event()      {}
func (Unpause) event()    {}
func (Minor) event()      {}
func (Destroyed) event()  {}
func (Written) event()    {}
func (Failed) event()     {}
func (LedgerLost) event() {}
func (Passed) event()     {}
func (Ended) event()      {}

// Action is what the call shall do.
type Action interface{ action() }

// The actions, to be done in order.
type (
	// Play plays a part of the message or a prompt after what is played already;
	// Played answers it by its number.
	Play struct {
		N    int
		Part *Part
	}
	// Hush stops what Play has begun; nothing of it is answered any more.
	Hush struct{}
	// Append writes a row of proof; Written or Failed answers it by its number.
	// Keep says that a recording must be ready before Written.
	Append struct {
		Number int
		Keep   bool
		Origin media.Tick // Keep: the first tick that the recording may hold
		Row    Row

		valves [purposes]bool // those of Row
		since  media.Tick     // as of which they stand
		cut    media.Tick     // the same of what is kept: before since where it is taken back
	}
	// Opened: the valves that the outcome opens are open.
	Opened struct{ Outcome Outcome }
	// Settled: the question of consent has its outcome. The conversation begins, or
	// goes on, unless it Leaves.
	Settled struct {
		Outcome Outcome
		Leaves  bool
	}
	// Shut: the valves of what is kept are shut as of From, and the take ends there.
	// What was handed on since must go.
	Shut struct{ At, From media.Tick }
	// Withdrawn: a grant was taken back, with Whole for all of the call.
	Withdrawn struct {
		At    media.Tick
		Whole bool
		How   How
	}
	// Destroy destroys what was kept of the call; Destroyed answers it.
	Destroy struct{}
	// Paused and Unpaused say that a pause has begun or ended.
	Paused   struct{ How How }
	Unpaused struct{}
	// Question: the question is put; a screen shows it.
	Question struct{}
	// Quiet stops the agent, which shall neither speak nor hear until CarryOn.
	Quiet struct{}
	// CarryOn lets the agent go on.
	CarryOn struct{}
	// Leave ends the conversation: the caller is handed on or hears no more.
	Leave struct{ Minor bool }
	// Unanswered: the caller never answered; the call ends.
	Unanswered struct{}
	// Taken: the key was meant for this machine; nobody else gets it.
	Taken struct{}
	// GiveUp: the ledger fails, so nobody can agree to anything; the call ends.
	GiveUp struct{}
)

func (Play) action()       {}
func (Hush) action()       {}
func (Append) action()     {}
func (Opened) action()     {}
func (Settled) action()    {}
func (Shut) action()       {}
func (Withdrawn) action()  {}
func (Destroy) action()    {}
func (Paused) action()     {}
func (Unpaused) action()   {}
func (Question) action()   {}
func (Quiet) action()      {}
func (CarryOn) action()    {}
func (Leave) action()      {}
func (Unanswered) action() {}
func (Taken) action()      {}
func (GiveUp) action()     {}

// Outcome is how the question of consent ended; a metric label.
type Outcome string

// The outcomes.
const (
	Granted      Outcome = "granted"
	NotAsked     Outcome = "not_asked"    // the policy keeps nothing
	Refused      Outcome = "refused"      // the caller said no
	Undecided    Outcome = "undecided"    // no answer came, or none that was understood
	Unrecordable Outcome = "unrecordable" // granted, but nothing could be kept
	Abandoned    Outcome = "abandoned"    // the caller hung up before the answer
	LedgerFailed Outcome = "ledger_failed"
)

// Outcomes lists all of them.
var Outcomes = []Outcome{Granted, NotAsked, Refused, Undecided, Unrecordable, Abandoned, LedgerFailed}
