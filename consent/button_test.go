package consent

import (
	"strings"
	"testing"

	"sidetone/media"
)

// onScreen returns a rig whose caller reads the message, with engines on this
// machine.
func onScreen(t *testing.T, mode Mode) *rig {
	t.Helper()
	terms := under(t, mode)
	terms.Policy, terms.Screen = terms.Policy.For(true), true
	return newRig(t, terms, notice)
}

// TestButtons tells what a caller with a screen can do: nothing but a button
// opens a valve, wherever the message is.
func TestButtons(t *testing.T) {
	talk := []Purpose{Converse}
	for _, c := range []struct {
		words, want string
		open        []Purpose
	}{
		{"hear 100s 1 9 * 9 yes no unclear stale", "", nil},
		{"over 10s", "", nil},
		{"keep ok", "hush, row granted button; opened granted, settled granted", everything},
		{"hear:1 keep un hear", "hush, row granted button; opened unrecordable, play unable; settled unrecordable", talk},
		{"hear keep ok", "row granted button; opened granted, settled granted", everything},
		{"go ok", "hush, row refused button; opened refused, settled refused", talk},
		{"hear go ok keep", "row refused button; opened refused, settled refused", talk},
		{"erase ok", "hush, row refused button; opened refused, settled refused", talk},
		{"withdraw ok hear", "hush, row refused operator, play refused; opened refused; settled refused", talk},
		{"keep go ok", "hush, row granted button; opened refused, row withdrawn button, shut, withdrawn, settled refused", talk},
		{"keep erase ok gone", "hush, row granted button; opened refused, row withdrawn button, shut, withdrawn whole, destroy, settled refused; " +
			"row destroyed system, quiet, play deleted", talk},
		{"keep fail hear", "hush, row granted button; settled ledger_failed leaves, play unprovable; give up", nil},
		{"keep ok 9 * 9 1", "hush, row granted button; opened granted, settled granted", everything},
		{"keep ok go hear go", "hush, row granted button; opened granted, settled granted; " +
			"row withdrawn button, shut, withdrawn, quiet, play withdrawn; carry on", talk},
		{"keep ok erase gone hear", "hush, row granted button; opened granted, settled granted; " +
			"row withdrawn button, shut, withdrawn whole, destroy, quiet; row destroyed system, quiet, play deleted; carry on", talk},
		{"keep ok go hear ask keep ok", "hush, row granted button; opened granted, settled granted; row withdrawn button, shut, withdrawn, quiet, play withdrawn; " +
			"carry on; row asked operator, quiet, question, play ai, play recording, play choice; hush, row granted button; opened granted, settled granted", everything},
		{"keep ok ask hear 117s ok hear", "hush, row granted button; opened granted, settled granted; " +
			"shut, row asked operator, quiet, question, play ai, play recording, play choice; row undecided silent, play refused; opened undecided; settled undecided", talk},
		{"keep ok ask erase", "hush, row granted button; opened granted, settled granted; shut, row asked operator, quiet, question, play ai, play recording, play choice; " +
			"row withdrawn button, shut, withdrawn whole, destroy, hush, row refused button", talk},
		{"keep ok pause go", "hush, row granted button; opened granted, settled granted; row paused agent, paused, quiet, play paused; " +
			"hush, row withdrawn button, shut, withdrawn, quiet, play withdrawn", nil},
		{"hear:1 end", "settled abandoned leaves, row abandoned hung_up", nil},
		{"hear 116980ms", "", nil},
		{"hear 117s keep ok hear", "settled abandoned leaves, row abandoned silent, unanswered", nil},
	} {
		for _, mode := range []Mode{NoticeMode, OptOutMode, OptInDTMF, OptInSpeech} {
			t.Run(string(mode)+"_"+strings.ReplaceAll(c.words, " ", "_"), func(t *testing.T) {
				r := onScreen(t, mode)
				if !r.m.Asks() {
					t.Fatal("it asks nothing")
				}
				if got := r.say(c.words); got != c.want {
					t.Errorf("did  %s\nwant %s", got, c.want)
				}
				r.wantOpen("then", c.open)
				if !strings.Contains(c.words, "fail") {
					r.proved()
				}
			})
		}
	}
}

// The row says that the words stood on a screen, and how much was heard.
func TestRowOfAButton(t *testing.T) {
	r := onScreen(t, NoticeMode)
	r.say("hear:1 keep ok")
	row := r.newest().Row
	if row.At != 1 || !row.Message.Shown || len(row.Message.Parts) != 1 || row.How != HowButton {
		t.Errorf("row %+v", row)
	}
	if since, _ := r.m.gate.Since(Record); since != second {
		t.Errorf("open since %v s, want 1 s", since.Seconds())
	}
	if _, ok := r.m.Hearing(); ok {
		t.Error("a spoken answer is wanted")
	}
}

// Who presses the button to go on unrecorded wants to converse, also with engines
// elsewhere; but not against the agent's terms.
func TestGoingOnUnrecorded(t *testing.T) {
	for _, c := range []struct {
		mode  Mode
		leave bool
		want  string
		open  []Purpose
	}{
		{OptInDTMF, false, "opened refused, settled refused", []Purpose{Converse}},
		{OptOutMode, false, "opened refused, settled refused", []Purpose{Converse}},
		{NoticeMode, true, "opened refused, settled refused leaves, quiet, play goodbye; row ended policy, leave", nil},
	} {
		terms := under(t, c.mode)
		terms.Screen, terms.LeaveUnrecorded = true, c.leave
		r := newRig(t, terms, notice)
		r.say("go")
		if got := r.say("ok hear"); got != c.want {
			t.Errorf("%s: did %s, want %s", c.mode, got, c.want)
		}
		r.wantOpen(string(c.mode), c.open)
		r.proved()
	}
}

// Where nothing is kept there is nothing to ask.
func TestNothingToAsk(t *testing.T) {
	r := onScreen(t, NoRecord)
	if r.m.Asks() {
		t.Fatal("it asks")
	}
	if got, want := r.say("keep go hear 1500ms ok"), "row not_asked policy; opened not_asked, settled not_asked"; got != want {
		t.Errorf("did %s, want %s", got, want)
	}
	if !r.newest().Row.Message.Shown {
		t.Error("the row does not say that the words stood on a screen")
	}
}

// A question on a screen needs no sound.
func TestButtonWithoutSound(t *testing.T) {
	terms := under(t, OptInDTMF)
	terms.Screen = true
	r := newRig(t, terms, message("m"))
	if got, want := r.say("5s keep ok"), "row granted button; opened granted, settled granted"; got != want {
		t.Errorf("did %s, want %s", got, want)
	}
	if a := r.newest(); a.Row.At != (5 * media.Tick(second)).Seconds() {
		t.Errorf("row at %v s", a.Row.At)
	}
	r.proved()
}
