package consent

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sidetone/media"
)

// agreed are the words of a call whose conversation is under way.
var agreed = map[Mode]string{
	NoticeMode:  "hear 1500ms ok",
	OptOutMode:  "hear 1500ms ok",
	NoRecord:    "hear 1500ms ok",
	OptInDTMF:   "hear 1 ok",
	OptInSpeech: "hear 1s yes ok hear",
	OptInEither: "hear 1 ok",
}

// talking returns a rig whose conversation is under way, with engines on this
// machine.
func talking(t testing.TB, mode Mode) *rig {
	t.Helper()
	terms := under(t, mode)
	terms.Policy = terms.Policy.For(true)
	r := newRig(t, terms, notice)
	r.say(agreed[mode])
	return r
}

const (
	takenBack = "row withdrawn operator, shut, withdrawn, quiet, play withdrawn"
	allGone   = "row withdrawn operator, shut, withdrawn whole, destroy, quiet"
	byKey     = "taken, row withdrawn key, shut, withdrawn, quiet, play withdrawn"
)

// TestLater tells what happens once the question has been answered: for each
// mode and order of events what is done, in order, and what is open then.
func TestLater(t *testing.T) {
	talk, nothing := []Purpose{Converse}, []Purpose(nil)
	for _, c := range []struct {
		mode  Mode
		words string
		want  string
		open  []Purpose
	}{
		// Keys.
		{OptOutMode, "9 hear", byKey + "; carry on", talk},
		{OptOutMode, "* 9 hear", byKey + "; carry on", talk},
		{OptOutMode, "9? 1", "", everything},
		{OptOutMode, "* 9? hear", byKey + "; carry on", talk},
		{NoticeMode, "9", "", everything},
		{NoticeMode, "* 9 hear", byKey + "; carry on", talk},
		{NoticeMode, "* 1 1", "", everything},
		{OptInDTMF, "1 2", "", everything},
		{OptInSpeech, "9 hear", byKey + "; carry on", talk},
		{NoRecord, "9 * 9 * 1", "", talk},
		{OptOutMode, "9 hear 9", byKey + "; carry on; taken, row withdrawn key, shut, withdrawn whole, destroy, quiet", talk},
		{OptOutMode, "9 hear 9 9", byKey + "; carry on; taken, row withdrawn key, shut, withdrawn whole, destroy, quiet; taken", talk},

		// Withdrawal.
		{OptInDTMF, "withdraw hear withdraw", takenBack + "; carry on", talk},
		{OptInDTMF, "withdraw 9", takenBack + "; taken, hush, row withdrawn key, shut, withdrawn whole, destroy, quiet", talk},
		{NoticeMode, "whole gone hear", allGone + "; row destroyed system, quiet, play deleted; carry on", talk},
		{NoticeMode, "whole queued hear", allGone + "; row deletion_queued system, quiet, play deletion_requested; carry on", talk},
		{NoticeMode, "whole whole gone gone", allGone + "; row destroyed system, quiet, play deleted", talk},
		{NoticeMode, "withdraw hear whole", takenBack + "; carry on; " + allGone, talk},
		{NoRecord, "withdraw whole gone", "", talk},

		// Asking again.
		{OptInDTMF, "withdraw hear * 1 hear 1 ok", takenBack + "; carry on; taken, row asked key, quiet, question, play ai, play recording, play choice; " +
			"taken, row granted key; opened granted, settled granted", everything},
		{OptInDTMF, "withdraw hear ask hear 2 ok hear", takenBack + "; carry on; row asked operator, quiet, question, play ai, play recording, play choice; " +
			"taken, row refused key, play refused; opened refused; settled refused", talk},
		{OptInDTMF, "ask", "shut, row asked operator, quiet, question, play ai, play recording, play choice", talk},
		{OptInDTMF, "ask:other hear 1 ok", "shut, row asked agent, quiet, question, play recording, play choice; taken, row granted key; opened granted, settled granted", everything},
		{OptInDTMF, "ask hear 6s hear 6s ok hear", "shut, row asked operator, quiet, question, play ai, play recording, play choice; play again; " +
			"row undecided silent, play refused; opened undecided; settled undecided", talk},
		{OptInDTMF, "ask ask pause hear:1 ask", "shut, row asked operator, quiet, question, play ai, play recording, play choice", talk},
		{NoticeMode, "ask hear 1500ms 2020ms", "shut, row asked operator, quiet, question, play ai, play recording, play choice; row granted continued; " +
			"shut, withdrawn, quiet, play withdrawn", talk},
		{NoRecord, "ask", "", talk},
		{NoRecord, "ask:other hear 1500ms ok", "row asked agent, quiet, question, play recording, play choice; row not_asked policy; opened not_asked, settled not_asked", talk},
		{NoticeMode, "whole ask gone hear ask", allGone + "; row destroyed system, quiet, play deleted; carry on; " +
			"row asked operator, quiet, question, play ai, play recording, play choice", talk},
		{NoticeMode, "ask whole", "shut, row asked operator, quiet, question, play ai, play recording, play choice; " +
			"row withdrawn operator, shut, withdrawn whole, destroy, hush, row refused operator, play refused", talk},
		{NoticeMode, "ask hear 1500ms whole ok", "shut, row asked operator, quiet, question, play ai, play recording, play choice; row granted continued; " +
			"opened refused, row withdrawn operator, shut, withdrawn whole, destroy, settled refused", talk},
		{NoticeMode, "ask hear 1500ms whole fail", "shut, row asked operator, quiet, question, play ai, play recording, play choice; row granted continued; " +
			"row withdrawn operator, shut, withdrawn whole, destroy, quiet, play withdrawn", talk},

		// Pause.
		{NoticeMode, "pause hear", "row paused agent, paused, quiet, play paused", nothing},
		{NoticeMode, "pause hear unpause ok hear", "row paused agent, paused, quiet, play paused; row resumed operator; unpaused, quiet, play resumed; carry on", everything},
		{NoticeMode, "pause unpause ok", "row paused agent, paused, quiet, play paused; hush, row resumed operator; unpaused, quiet, play resumed", everything},
		{NoticeMode, "pause:5 1 9 * 5 ok", "row paused agent, paused, quiet, play paused; taken; taken; taken; taken, hush, row resumed key; " +
			"unpaused, quiet, play resumed", everything},
		{NoticeMode, "pause hear withdraw hear unpause ok", "row paused agent, paused, quiet, play paused; " + takenBack +
			"; row resumed operator; unpaused, carry on", talk},
		{NoticeMode, "pause hear unpause withdraw ok", "row paused agent, paused, quiet, play paused; row resumed operator; " +
			"row withdrawn operator, shut, withdrawn, row resumed operator, quiet, play withdrawn; unpaused, carry on", talk},
		{NoticeMode, "pause hear whole unpause gone ok", "row paused agent, paused, quiet, play paused; " + allGone +
			"; row resumed operator; row destroyed system, row resumed operator; unpaused, carry on", talk},
		{NoticeMode, "pause hear unpause fail hear unpause ok", "row paused agent, paused, quiet, play paused; row resumed operator; " +
			"shut, withdrawn, quiet, play withdrawn; row resumed operator; unpaused, carry on", talk},
		{NoticeMode, "pause hear unpause 2020ms ok", "row paused agent, paused, quiet, play paused; row resumed operator; shut, withdrawn, quiet, play withdrawn", nothing},
		{NoticeMode, "pause pause ask hear unpause unpause", "row paused agent, paused, quiet, play paused; row resumed operator", nothing},
		{NoticeMode, "pause hear lost unpause ok", "row paused agent, paused, quiet, play paused; shut, withdrawn, quiet, play withdrawn; " +
			"hush, row resumed operator; unpaused, carry on", talk},
		{NoRecord, "pause hear unpause ok hear", "row paused agent, paused, quiet, play paused; row resumed operator; unpaused, carry on", talk},
		{NoticeMode, "unpause", "", everything},

		// The ledger is lost.
		{NoticeMode, "lost hear lost", "shut, withdrawn, quiet, play withdrawn; carry on", talk},
		{NoticeMode, "withdraw hear fail", takenBack + "; carry on", talk},
		{NoticeMode, "withdraw fail", takenBack + "; hush, carry on", talk},
		{NoticeMode, "ask lost", "shut, row asked operator, quiet, question, play ai, play recording, play choice; hush, settled undecided", talk},
		{NoRecord, "lost", "", talk},

		// A child.
		{NoticeMode, "minor gone hear", "row minor_suspected speech, quiet, shut, destroy, play minor; row destroyed system; row ended policy, leave minor", nothing},
		{NoticeMode, "whole minor gone hear", allGone + "; row minor_suspected speech, quiet, play minor; row destroyed system; row ended policy, leave minor", nothing},
		{NoticeMode, "pause minor hear", "row paused agent, paused, quiet, play paused; hush, row minor_suspected speech, quiet, shut, destroy, play minor; " +
			"row ended policy, leave minor", nothing},
		{NoticeMode, "ask minor", "shut, row asked operator, quiet, question, play ai, play recording, play choice; " +
			"hush, row minor_suspected speech, quiet, shut, destroy, play minor", nothing},
		{NoticeMode, "minor withdraw ask pause unpause lost 9 1 minor", "row minor_suspected speech, quiet, shut, destroy, play minor", nothing},
		{NoRecord, "minor hear", "row minor_suspected speech, quiet, play minor; row ended policy, leave minor", nothing},

		// The end.
		{NoticeMode, "whole end gone", allGone + "; row ended hung_up; row destroyed system", nothing},
		{NoticeMode, "minor hear queued queued", "row minor_suspected speech, quiet, shut, destroy, play minor; row ended policy, leave minor; row deletion_queued system", nothing},
		{NoticeMode, "ask hear 1500ms whole end gone", "shut, row asked operator, quiet, question, play ai, play recording, play choice; row granted continued; " +
			"row withdrawn operator, shut, withdrawn whole, destroy, row ended hung_up; row destroyed system", nothing},
		{NoticeMode, "gone", "", everything},
	} {
		t.Run(fmt.Sprintf("%s_%s", c.mode, strings.ReplaceAll(c.words, " ", "_")), func(t *testing.T) {
			r := talking(t, c.mode)
			if got := r.say(c.words); got != c.want {
				t.Errorf("did  %s\nwant %s", got, c.want)
			}
			r.wantOpen("then", c.open)
			r.proved()
		})
	}
}

// Before anything was granted a child is as well the end of it.
func TestMinorBeforeTheAnswer(t *testing.T) {
	const gone = "row minor_suspected speech, quiet, settled refused leaves"
	for _, c := range []struct{ words, want string }{
		{"minor hear", "hush, " + gone + ", play minor; row ended policy, leave minor"},
		{"hear minor", gone + ", play minor"},
		{"hear 1s yes minor ok", "row granted speech, play heard_yes; hush, " + gone + ", shut, destroy, play minor"},
		{"hear 1s yes ok minor", "row granted speech, play heard_yes; opened granted; " +
			"hush, row minor_suspected speech, quiet, settled granted leaves, shut, destroy, play minor"},
		{"hear 1s no ok hear minor hear", "row refused speech, play heard_no; opened refused; settled refused leaves, quiet, play goodbye; " +
			"hush, row minor_suspected speech, quiet, play minor; row ended policy, leave minor"},
		{"hear 1s yes fail minor hear", "row granted speech, play heard_yes; settled ledger_failed leaves, hush, play unprovable; give up"},
	} {
		r := newRig(t, under(t, OptInSpeech), notice)
		if got := r.say(c.words); got != c.want {
			t.Errorf("%s:\ndid  %s\nwant %s", c.words, got, c.want)
		}
		r.wantOpen(c.words, nil)
	}
	m := NewMachine(under(t, NoticeMode), notice)
	m.Step(Minor{})
	if m.Step(Answered{}) != nil {
		t.Error("the message is played to a child")
	}
}

// TestMidConfirmation: whatever comes while "I heard yes" is said, the question
// settles.
func TestMidConfirmation(t *testing.T) {
	for _, c := range []struct {
		words, want string
		open        []Purpose
	}{
		{"withdraw hear", "hush, row withdrawn operator, shut, withdrawn, settled granted, quiet, play withdrawn; carry on", []Purpose{Converse}},
		{"lost hear", "shut, withdrawn, play withdrawn; settled granted", []Purpose{Converse}},
		{"9 hear", "taken, hush, row withdrawn key, shut, withdrawn, settled granted, quiet, play withdrawn; carry on", []Purpose{Converse}},
		{"ask pause 1 yes hear", "settled granted", everything},
	} {
		r := newRig(t, under(t, OptInSpeech), notice)
		r.say("hear 1s yes ok")
		if got := r.say(c.words); got != c.want {
			t.Errorf("%s: did %s, want %s", c.words, got, c.want)
		}
		r.wantOpen(c.words, c.open)
	}
	r := newRig(t, under(t, OptInSpeech), notice)
	r.say("hear 1s no ok")
	if got, want := r.say("lost hear hear"), "settled refused leaves, quiet, play goodbye; row ended policy, leave"; got != want {
		t.Errorf("lost after a no: did %s, want %s", got, want)
	}
}

// A goodbye to somebody who is still recorded, since the agent may not talk to
// them, can be cut short like all else.
func TestWithdrawalInTheGoodbye(t *testing.T) {
	for _, c := range []struct{ words, want string }{
		{"withdraw hear", "row withdrawn operator, shut, withdrawn; row ended policy, leave"},
		{"9 9 hear", "taken, row withdrawn key, shut, withdrawn; taken, row withdrawn key, shut, withdrawn whole, destroy; row ended policy, leave"},
		{"lost hear", "shut, withdrawn; row ended policy, leave"},
		{"minor hear", "hush, row minor_suspected speech, quiet, shut, destroy, play minor; row ended policy, leave minor"},
		{"ask pause unpause 1 hear", "row ended policy, leave"},
	} {
		terms := under(t, OptOutMode)
		terms.Policy.Converse = Rule{Level: Never}
		r := newRig(t, terms, notice)
		r.say("hear 1500ms ok")
		r.wantOpen("the goodbye", everything[1:])
		if got := r.say(c.words); got != c.want {
			t.Errorf("%s: did %s, want %s", c.words, got, c.want)
		}
		r.wantOpen(c.words, nil)
		r.proved()
	}
}

// TestWithdrawalReachesBack: what was said since the caller began to say so is not
// kept, whatever has come between, but nothing of before the grant is touched.
func TestWithdrawalReachesBack(t *testing.T) {
	for _, c := range []struct {
		words       string
		since, kept float64 // as row and action say; until when something passes
	}{
		{"10s withdraw:-3s", 11.5, 11.5},
		{"10s withdraw:3s", 14.5, 14.5},
		{"10s withdraw:-60s", 4.5, 0},
		{"10s pause 1s withdraw:-3s", 12.5, 12.5},
		{"10s pause 4s unpause ok 1s withdraw:-6s", 13.5, 13.5},
		{"10s pause 4s unpause withdraw:-6s", 12.5, 12.5},
		{"10s withdraw 1s withdraw:-3s", 14.5, 14.5},
		{"10s withdraw 1s whole", 15.5, 14.5},
		{"10s ask hear:1 withdraw:-3s", 14.5, 14.5}, // a refusal: the take has ended
		{"10s withdraw ask hear 1500ms ok 1s withdraw:-6s", 19, 14.5},
	} {
		r := talking(t, NoticeMode)
		r.say(c.words)
		for p := Record; p < purposes; p++ {
			to := media.Tick(0)
			for _, i := range r.m.gate.valves[p] {
				if i.from < i.to {
					to = max(to, i.to)
				}
			}
			if to.Seconds() != c.kept {
				t.Errorf("%s: %s passes until %.3f s, want %.3f s", c.words, p, to.Seconds(), c.kept)
			}
		}
		if got := r.shuts[len(r.shuts)-1].From.Seconds(); got != c.since {
			t.Errorf("%s: shut since %.3f s, want %.3f s", c.words, got, c.since)
		}
		rows := r.proved()
		i := slices.IndexFunc(rows, func(row Row) bool { return row.Event == rowWithdrawn && row.From == c.since })
		if i < 0 && !strings.Contains(c.words, "ask hear:1") {
			t.Errorf("%s: no row says since %.3f s", c.words, c.since)
		}
	}
}

// A second grant is a new take: it opens as of its own tick.
func TestSecondGrant(t *testing.T) {
	r := talking(t, OptInDTMF) // at 3 s
	r.say("7s ask hear 2s 1 1s ok")
	want := []interval{{3 * second, 10 * second}, {15 * second, never}}
	for p := Record; p < purposes; p++ {
		if got := r.m.gate.valves[p]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s passes in %v, want %v", p, got, want)
		}
	}
	if got := r.m.gate.valves[Converse]; len(got) != 1 || got[0].from != 3*second {
		t.Errorf("converse passes in %v: it is not asked again", got)
	}
	a := r.newest()
	if a.Origin != 10*second || len(a.Row.Message.Parts) != 3 || a.Row.Message.Parts[0].From != 10 {
		t.Errorf("recording from %.1f s on, parts %+v: want those of the second time", a.Origin.Seconds(), a.Row.Message.Parts)
	}
	r.proved()
}

// TestSecondTakeIsDestroyedToo: what is kept after a destruction can be destroyed.
func TestSecondTakeIsDestroyedToo(t *testing.T) {
	for _, words := range []string{"whole", "minor", "9 9"} {
		r := talking(t, OptOutMode)
		r.say("whole gone hear ask hear 1500ms ok")
		if got := r.say(words); !strings.Contains(got, "destroy") {
			t.Errorf("%s: did %s", words, got)
		}
	}
}

// Where the policy destroys no whole calls, a wish for that is a withdrawal.
func TestNoWholeCall(t *testing.T) {
	terms := under(t, OptOutMode)
	terms.Decision.WholeCall = false
	r := newRig(t, terms, notice)
	if got := r.say("hear 1500ms ok 9 hear 9 whole"); !strings.HasSuffix(got, byKey+"; carry on; taken") {
		t.Errorf("did %s", got)
	}
	if row := r.newest().Row; row.Scope != fromNow {
		t.Errorf("scope %s", row.Scope)
	}
	r.proved()
}

// TestMayChange holds what a page may offer.
func TestMayChange(t *testing.T) {
	for _, c := range []struct {
		words                    string
		withdraw, destroy, again bool
	}{
		{"", true, true, false},
		{"withdraw", false, true, true},
		{"whole", false, false, false},
		{"whole gone", false, false, true},
		{"pause", true, true, false},
		{"ask", false, true, true},
		{"minor", false, false, false},
		{"end", false, false, false},
	} {
		r := talking(t, OptOutMode)
		r.say(c.words)
		if w, d, a := r.m.MayChange(); w != c.withdraw || d != c.destroy || a != c.again {
			t.Errorf("after %q: withdraw %v, destroy %v, again %v", c.words, w, d, a)
		}
	}
}

// TestRowsAtMost: a call writes no more than 200 rows, whatever it is asked for,
// and a withdrawal shuts all the same.
func TestRowsAtMost(t *testing.T) {
	for name, words := range map[string]string{
		"pauses":            "pause unpause ok hear",
		"questions":         "ask hear 1500ms ok",
		"unrecordable":      "ask hear 1500ms un",
		"withdrawals":       "whole gone hear ask hear 1500ms ok",
		"a failing unpause": "pause unpause 2020ms",
	} {
		t.Run(name, func(t *testing.T) {
			r := talking(t, OptOutMode)
			for range 1000 {
				r.say(words)
			}
			kept := len(r.open()) > 1
			r.say("whole gone minor hear end gone")
			r.wantOpen("at the end", nil)
			rows := 0
			for _, a := range r.rows {
				if rows++; strings.HasSuffix(words, "un") && a.Keep { // and a row that nothing could be recorded
					rows++
				}
			}
			if rows > maxRows || rows < 150 && name != "a failing unpause" {
				t.Errorf("%d rows; the last numbers %d", rows, r.newest().Number)
			}
			if name == "pauses" && !kept {
				t.Error("the last pause does not end")
			}
			if last := r.rows[len(r.rows)-1].Row.Event; last != rowEnded && last != rowDestroyed {
				t.Errorf("the last row is %s", last)
			}
		})
	}
}

// Who takes back a grant that let the agent say nothing hears the goodbye all the
// same.
func TestWithdrawalBeforeTheGoodbye(t *testing.T) {
	terms := under(t, OptInSpeech)
	terms.Policy.Converse = Rule{Level: Never}
	r := newRig(t, terms, notice)
	r.say("hear 1s yes ok")
	want := "hush, row withdrawn operator, shut, withdrawn, settled granted leaves, quiet, play goodbye; row ended policy, leave"
	if got := r.say("withdraw hear"); got != want {
		t.Errorf("did %s, want %s", got, want)
	}
	r.wantOpen("then", nil)
	r.proved()
}

// Rows do not go back in time where events come with older ticks than those before
// them, and what such a row opens, it opens as of its own tick.
func TestTicksDoNotGoBack(t *testing.T) {
	r := onScreen(t, NoticeMode)
	r.say("keep ok 10s ask")
	r.step(Chose{At: r.now - 500, Keep: true, Message: "m"})
	if from, _ := r.m.Pending(); from != r.now {
		t.Errorf("granted as of %d, before the question at %d", from, r.now)
	}
	r.say("ok")
	r.step(Pause{At: r.now - 500})
	r.step(Unpause{At: r.now - 1000})
	if from, _ := r.m.Pending(); from != r.now {
		t.Errorf("resumed as of %d, before the pause at %d", from, r.now)
	}
	for _, row := range r.proved()[1:] {
		if row.At != r.now.Seconds() {
			t.Errorf("row %s at %v s", row.Event, row.At)
		}
	}
}
