package consent

import (
	"errors"
	"fmt"
	"slices"
)

// ErrRows says that the rows of a call do not follow from the rules; the wrapping
// error names the row, from 0, and the rule that it breaks.
var ErrRows = errors.New("consent: impossible rows")

// replaySlack is how much earlier than the answer before it a part may begin in
// its row, in seconds: when a part was played is known from marks.
const replaySlack = 1.0

// The events of rows that are no Outcome.
const (
	rowAsked     = "asked"
	rowWithdrawn = "withdrawn"
	rowPaused    = "paused"
	rowResumed   = "resumed"
	rowMinor     = "minor_suspected"
	rowDestroyed = "destroyed"
	rowQueued    = "deletion_queued"
	rowEnded     = "ended"
)

// The scopes of a withdrawal.
const (
	fromNow   = "from_now"
	wholeCall = "whole_call"
)

// ways are by what each event that answers or ends the question may come.
var ways = map[string][]How{
	string(Granted):      {HowContinued, HowKey, HowSpeech, HowButton},
	string(NotAsked):     {HowPolicy},
	string(Refused):      {HowKey, HowSpeech, HowButton, HowOperator, HowAgent},
	string(Undecided):    {HowSilent, HowUnclear, HowTalked},
	string(Unrecordable): {HowSystem},
	string(Abandoned):    {HowHungUp, HowSilent},
	rowEnded:             {HowHungUp, HowPolicy},
}

// answering reports whether a row of this event answers the question.
func answering(event string) bool {
	return slices.Contains([]string{string(Granted), string(NotAsked), string(Refused), string(Undecided)}, event)
}

// opening reports whether a row of this event may open a valve.
func opening(event string) bool { return event == rowResumed || answering(event) }

// CheckRows returns an error that wraps ErrRows and names the first row that can
// not have come about by the rules, given all rows of one call in the order of the
// ledger. It judges by what the rows say, and by nothing else.
//
// The rows of a call that was cut off pass, and so do those of which the ledger
// lost some while it failed: a row that is missing never opened anything.
func CheckRows(rows []Row) error {
	c := trail{first: rows}
	for i, r := range rows {
		if broken := c.take(i, r); broken != "" {
			return fmt.Errorf("%w: row %d (%s): %s", ErrRows, i, r.Event, broken)
		}
	}
	return nil
}

// trail is what the rows so far say.
type trail struct {
	first     []Row
	policy    Policy
	before    Row
	answers   int
	answered  float64 // when the question was answered last
	wholeCall bool
	open      [purposes]bool
	standing  [purposes]bool // what was opened last, and has not been taken back; a pause is not that
	paused    bool
	begun     bool // more has happened than the first answer
	child     bool
	over      bool
}

// take judges a row and returns the rule that it breaks, or "".
func (c *trail) take(i int, r Row) string {
	valves, broken := c.read(i, r)
	if broken != "" {
		return broken
	}
	if broken = c.inOrder(i, r, valves); broken != "" {
		return broken
	}
	switch {
	case answering(r.Event):
		broken = c.answer(r, valves)
	case r.Event == rowResumed:
		broken = c.resume(valves)
	default:
		broken = c.note(r, valves)
	}
	c.before, c.open = r, valves
	return broken
}

// read takes what stands in every row of the call.
func (c *trail) read(i int, r Row) (valves [purposes]bool, broken string) {
	if i >= maxRows {
		return valves, fmt.Sprintf("a call has at most %d rows", maxRows)
	}
	rules := [purposes]Rule{}
	for p := range purposes {
		text, known := r.Policy[p.String()]
		open, told := r.Valves[p.String()]
		if !known || !told || rules[p].UnmarshalText([]byte(text)) != nil {
			return valves, "it does not say what holds for " + p.String()
		}
		valves[p] = open
	}
	c.policy = Policy{Converse: rules[Converse], Record: rules[Record], Transcript: rules[Transcript], Snippet: rules[Snippet]}
	switch first := c.first[0]; {
	case len(r.Policy) != int(purposes) || len(r.Valves) != int(purposes):
		return valves, "it names unknown valves"
	case r.Mode != c.policy.Mode():
		return valves, "its policy does not ask in this mode"
	case r.Subject != first.Subject || r.Mode != first.Mode:
		return valves, "caller or mode have changed"
	}
	for p := range r.Policy {
		if r.Policy[p] != c.first[0].Policy[p] {
			return valves, "the policy has changed"
		}
	}
	return valves, ""
}

// inOrder judges what holds whatever the row is about.
func (c *trail) inOrder(i int, r Row, valves [purposes]bool) string {
	closing := r.Event == rowDestroyed || r.Event == rowQueued
	switch {
	case i > 0 && r.At < c.before.At:
		return "time goes back"
	case c.over && !closing:
		return "the call is over"
	case c.child && !closing && r.Event != rowEnded:
		return "the caller may be a child, and the call only ends"
	case (c.over || c.child) && valves != [purposes]bool{}:
		return "a valve is open for good that is shut for good"
	case ways[r.Event] != nil && !slices.Contains(ways[r.Event], r.How):
		return "it can not have come by " + string(r.How)
	}
	return ""
}

// answer judges an answer: what it opens, and what was told before it.
func (c *trail) answer(r Row, valves [purposes]bool) string {
	v := verdict{outcome: Outcome(r.Event), how: r.How}
	may := v.opens(c.policy)
	again, granted := c.answers > 0, c.granted(r, valves)
	if again { // what the conversation may have is not asked again
		may[Converse] = c.open[Converse]
	}
	switch {
	case c.paused:
		return "the question is not put in a pause"
	case granted != "":
		return granted
	case beyond(valves, may):
		return "a valve is open that this answer does not open"
	case r.Decision == nil:
		return "it does not say by which rules it was asked"
	case (v.outcome == NotAsked) != (r.Mode == NoRecord && v.outcome != Refused):
		return "what is kept is asked for, and nothing else"
	}
	c.answers, c.answered, c.begun = c.answers+1, r.At, c.begun || again
	c.wholeCall, c.standing = r.Decision.WholeCall, valves
	return ""
}

// granted judges how a caller agreed.
func (c *trail) granted(r Row, valves [purposes]bool) string {
	if r.Event != string(Granted) {
		return ""
	}
	told := func(k PartKind) bool {
		return slices.ContainsFunc(r.Message.Parts, func(p PartRow) bool { return p.Kind == k && p.Confirmed && p.SHA256 != "" })
	}
	kept := valves[Record] || valves[Transcript] || valves[Snippet]
	switch shown := r.Message.Shown; {
	case shown != (r.How == HowButton):
		return "on a screen a button answers, and nowhere else"
	case !shown && r.Mode.optIn() == (r.How == HowContinued):
		return "going on is agreement where nobody is asked, and nowhere else"
	case r.How == HowSpeech && !r.Mode.spoken():
		return "a spoken answer does not count"
	case r.Message.ID == "":
		return "no message was played"
	case !shown && kept && !told(PartRecording):
		return "nobody said that the call is recorded"
	case !shown && r.Mode.optIn() && !told(PartChoice):
		return "nobody said how to answer"
	case c.answers > 0 && slices.ContainsFunc(r.Message.Parts, func(p PartRow) bool { return p.From < c.answered-replaySlack }):
		return "the message was not played again"
	}
	return ""
}

// resume judges the end of a pause.
func (c *trail) resume(valves [purposes]bool) string {
	if beyond(valves, c.standing) {
		return "a valve is open that the pause had not shut"
	}
	c.paused, c.begun, c.standing = false, true, valves
	return ""
}

// note judges a row that opens nothing.
func (c *trail) note(r Row, valves [purposes]bool) string {
	kept := valves[Record] || valves[Transcript] || valves[Snippet]
	first := !c.begun
	c.begun = c.begun || r.Event != string(Unrecordable)
	switch {
	case beyond(valves, c.open):
		return "it opens a valve"
	case kept && r.Event != rowDestroyed && r.Event != rowQueued:
		return "it keeps what it shuts"
	}
	switch r.Event {
	case string(Unrecordable):
		if c.before.Event != string(Granted) {
			return "nothing was granted"
		}
		c.standing = valves
	case string(Abandoned):
		c.over = true
		if !first || c.answers > 1 {
			return "the question had been answered"
		}
	case rowAsked:
		c.standing = valves
		if c.answers == 0 || c.paused {
			return "the question is put again before an answer, or in a pause"
		}
	case rowWithdrawn:
		c.standing = [purposes]bool{Converse: c.standing[Converse]}
		return c.withdraw(r)
	case rowPaused:
		if c.answers == 0 || c.paused {
			return "there is nothing to pause"
		}
		c.paused = true
	case rowMinor:
		c.child = true
	case rowEnded:
		c.over = true
	case rowDestroyed, rowQueued:
		return ""
	default:
		return "there is no such event"
	}
	if (c.paused || c.child || c.over) && valves[Converse] {
		return "it keeps what it shuts"
	}
	return ""
}

// withdraw judges what a withdrawal takes back.
func (c *trail) withdraw(r Row) string {
	switch {
	case c.answers == 0:
		return "nothing was granted"
	case r.Scope != fromNow && r.Scope != wholeCall:
		return "it does not say what it takes back"
	case r.Scope == wholeCall && !c.wholeCall:
		return "the policy does not destroy whole calls"
	case r.From > r.At:
		return "it takes back what was not yet said"
	}
	return ""
}

// beyond reports whether a valve is open that may not be.
func beyond(open, may [purposes]bool) bool {
	for p := range open {
		if open[p] && !may[p] {
			return true
		}
	}
	return false
}
