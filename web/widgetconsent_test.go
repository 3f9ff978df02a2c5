package web

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sidetone/web/webtest"
)

// settled is what the gateway says of consent while the call goes on.
func settled(outcome string, recording bool, choices ...string) string {
	return fmt.Sprintf(`{type: 'consent_settled', outcome: %q, recording: %v, transcript: %v, choices: %s}`,
		outcome, recording, recording, list(choices))
}

// list is a list of strings in JavaScript.
func list(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// chose is a message of the page.
func chose(choice, message string) string {
	return fmt.Sprintf(`{"type":"choose","choice":%q,"message":%q}`, choice, message)
}

var agreed = chose("agree", "m1")

// inShadow is an expression for what the first element of the widget that a
// selector matches is asked.
func inShadow(selector, property string) string {
	return fmt.Sprintf("document.querySelector('sidetone-call').shadowRoot.querySelector(%q)%s", selector, property)
}

// announced is what screen readers have been told, the newest last.
func (s stranger) announced() (told []string) {
	s.t.Helper()
	s.Eval("[..."+inShadow("[aria-live=polite]", ".children].map((p) => p.textContent)"), &told)
	return told
}

// What can be pressed is what the gateway offers, and no more.
func TestControlsAreThoseOffered(t *testing.T) {
	s := visit(t, webtest.Start(t), inline, "", webtest.Options{Width: 480, Height: 720})
	s.talk()
	all := []string{"Stop recording", "Stop and delete recording", "Delete recording", "Record again", "Record this call"}
	for _, test := range []struct {
		settled, text string
		want          []string
	}{
		{settled("not_asked", false), "This call is not recorded", nil},
		{settled("granted", true), "This call is recorded", nil},
		{settled("granted", true, "unrecorded"), "This call is recorded", all[:1]},
		{settled("granted", true, "unrecorded", "delete"), "This call is recorded", all[:2]},
		{settled("withdrawn", false, "delete", "again"), "This call is not recorded", all[2:4]},
		{settled("withdrawn", false, "again"), "This call is not recorded", all[3:4]},
		{settled("paused", false, "unrecorded"), "Paused: nothing is heard or recorded", all[:1]},
		{settled("paused", false, "unrecorded", "delete"), "Paused: nothing is heard or recorded", all[:2]},
		{settled("undecided", false, "again", "agree", "nonsense"), "This call is not recorded", all[3:4]},
		{strings.Replace(settled("granted", false, "unrecorded"), "transcript: false", "transcript: true", 1), "The words of this call are kept", all[:1]},
	} {
		s.tell(test.settled)
		s.AwaitText(".kept-text", test.text, soon)
		s.AwaitEval(fmt.Sprintf("[...%s].filter((b) => b.checkVisibility()).length === %d", inShadow(".links", ".children"), len(test.want)), soon)
		var offered []string
		for _, name := range all {
			if s.Visible("button", name) {
				offered = append(offered, name)
			}
		}
		if !slices.Equal(offered, test.want) {
			t.Errorf("%s: offered %q, want %q", test.settled, offered, test.want)
		}
		if told := s.announced(); len(told) == 0 || told[len(told)-1] != test.text {
			t.Errorf("%s: screen readers are told %q", test.settled, told)
		}
		s.accessible()
	}
	s.flawless()
}

// Who refused has nothing that could be recorded again.
func TestRefusedCallsCanBeRecorded(t *testing.T) {
	s := visit(t, webtest.Start(t), inline, "", webtest.Options{Width: 480, Height: 720})
	s.connect()
	s.tell(hello, asking)
	s.Click("button", "Continue without recording")
	s.tell(refused, hearing)
	s.Click("button", "Record this call")
	s.awaitGot("choose", chose("unrecorded", "m1"), chose("again", "m1"))
	s.flawless()
}

func TestVisitorsStopTheRecording(t *testing.T) {
	s := visit(t, webtest.Start(t), inline, "", webtest.Options{Width: 480, Height: 720})
	s.talk()
	s.Click("button", "Stop recording")
	s.awaitGot("choose", agreed, chose("unrecorded", "m1"))
	s.AwaitEval(inShadow(".kept", ".dataset.kept === 'recording'"), soon) // until the gateway says so
	s.tell(settled("withdrawn", false, "again"), `{type: 'said', turn: 0, text: 'From now on nothing is recorded.', interrupted: false, from: 0, to: 0}`)
	s.AwaitText(".kept", "This call is not recorded", soon)
	s.AwaitText(".lines", "From now on nothing is recorded.", soon)
	if focused := s.Focused(); focused != "Message" {
		t.Errorf("the button that went has left the focus on %q", focused)
	}
	if told, want := s.announced(), []string{"This call is recorded", "This call is not recorded", "Assistant: From now on nothing is recorded."}; !slices.Equal(told, want) {
		t.Errorf("screen readers are told %q, want %q", told, want)
	}
	s.tell(`{type: 'over', outcome: 'completed', reason: 'goodbye'}`)
	s.AwaitText(".own", "being prepared", soon) // what was recorded before is there
	s.flawless()
}

// Deleting asks first, all by keyboard; what was deleted is not handed out.
func TestVisitorsDeleteTheRecording(t *testing.T) {
	s := visit(t, webtest.Start(t), floating, "", webtest.Options{Width: 480, Height: 720})
	s.Click("button", "Talk to us")
	s.talk()
	s.Press("Shift+Tab") // from the line to type to the conversation
	s.Press("Shift+Tab")
	if focused := s.Focused(); focused != "Stop and delete recording" {
		t.Fatalf("the focus is on %q", focused)
	}
	const asked = "Stop recording, and delete all that was kept of this call? This cannot be undone."
	question := func() {
		t.Helper()
		s.Press("Enter")
		s.Await("group", asked, soon)
		var name string
		s.Eval(`(() => { const root = document.querySelector('sidetone-call').shadowRoot;
			return root.getElementById(root.activeElement.getAttribute('aria-labelledby'))?.textContent ?? ''; })()`, &name)
		if name != asked {
			t.Errorf("the focus is on %q", name)
		}
	}
	question()
	s.accessible()
	s.Screenshot("deleting")
	s.Press("Escape")
	s.AwaitGone("group", asked, soon)
	if focused := s.Focused(); focused != "Stop and delete recording" || !s.Visible("dialog", "Voice assistant") {
		t.Errorf("Escape leaves the focus on %q", focused)
	}
	question()
	s.Click("button", "Cancel")
	s.AwaitGone("group", asked, soon)
	if said := s.got("choose"); len(said) != 1 {
		t.Errorf("chosen without the visitor: %q", said)
	}
	question()
	s.Press("Tab")
	if focused := s.Focused(); focused != "Delete" {
		t.Errorf("after the question the focus is on %q", focused)
	}
	s.Press("Enter")
	s.awaitGot("choose", agreed, chose("delete", "m1"))
	s.Press("Enter") // once is enough
	s.accessible()
	s.tell(settled("withdrawn", false, "again"))
	s.AwaitText(".kept", "This call is not recorded", soon)
	if focused := s.Focused(); focused != "Message" {
		t.Errorf("after the deletion the focus is on %q", focused)
	}
	s.awaitGot("choose", agreed, chose("delete", "m1"))
	s.tell(`{type: 'over', outcome: 'completed', reason: 'goodbye'}`)
	s.AwaitText(".ended", "The call has ended", soon)
	if asked := s.requests("GET"); len(asked) > 0 {
		t.Errorf("asked for a recording that was deleted: %v", asked)
	}
	s.flawless()
}

// What is asked before a deletion goes when there is nothing left to delete.
func TestDeletionByOtherWaysEndsTheAsking(t *testing.T) {
	s := visit(t, webtest.Start(t), inline, "", webtest.Options{Width: 480, Height: 720})
	s.talk()
	s.Click("button", "Stop and delete recording")
	s.Await("button", "Delete", soon)
	s.tell(settled("withdrawn", false, "delete", "again"))
	s.AwaitText(".question", "Delete all that was kept of this call?", soon)
	s.tell(settled("withdrawn", false, "again"))
	s.AwaitGone("button", "Delete", soon)
	s.Await("button", "Record again", soon)
	if focused := s.Focused(); focused != "Message" {
		t.Errorf("the focus is on %q", focused)
	}
	s.flawless()
}

// The question stands over the conversation, which is as it was afterwards.
func TestQuestionIsPutAgain(t *testing.T) {
	s := visit(t, webtest.Start(t), inline, "", webtest.Options{Width: 480, Height: 720})
	s.talk()
	s.tell(`{type: 'caption', id: 1, text: 'My name is Ada.', final: true, how: 'spoken', from: 1, to: 3}`, settled("withdrawn", false, "again"))
	s.Fill("textbox", "Message", "What I was about to")
	again := func(message string) {
		t.Helper()
		s.tell(`{type: 'state', state: 'announcing'}`, strings.Replace(asking, "m1", message, 1),
			`{type: 'said', turn: 0, text: 'This call is recorded.', interrupted: false, from: 0, to: 0}`)
		s.Await("heading", "About the recording", soon)
		s.AwaitText(".consent", "Nothing is recorded until you have answered.", soon)
		var described string
		s.Eval(`(() => { const root = document.querySelector('sidetone-call').shadowRoot, group = root.activeElement;
			return group.getAttribute('aria-describedby').split(' ').map((id) => root.getElementById(id).textContent).join(' '); })()`, &described)
		if !strings.Contains(described, "Nothing is recorded until") || !strings.Contains(described, "This call is recorded.") {
			t.Errorf("the focus is on what is described by %q", described)
		}
		if s.Visible("textbox", "Message") || s.Visible("button", "Mute") {
			t.Error("the conversation is still there")
		}
	}
	s.Click("button", "Record again")
	s.awaitGot("choose", agreed, chose("again", "m1"))
	again("m2")
	s.AwaitText(".state", "Asking about the recording", soon)
	s.accessible()
	s.Screenshot("again")
	s.Click("button", "Continue without recording")
	s.awaitGot("choose", agreed, chose("again", "m1"), chose("unrecorded", "m2"))
	s.tell(refused, hearing)
	s.AwaitText(".kept", "This call is not recorded", soon)
	if focused := s.Focused(); focused != "Record again" {
		t.Errorf("the focus comes back to %q", focused)
	}

	s.Press("Enter")
	again("m3")
	s.Click("button", "Agree")
	s.awaitGot("choose", agreed, chose("again", "m1"), chose("unrecorded", "m2"), chose("again", "m2"), chose("agree", "m3"))
	s.tell(granted, hearing)
	s.AwaitText(".kept", "This call is recorded", soon)
	if focused := s.Focused(); focused != "Message" {
		t.Errorf("the focus comes back to %q", focused)
	}
	s.AwaitText(".lines", "My name is Ada.", soon)
	s.Press("End")
	s.Eval("document.querySelector('sidetone-call').shadowRoot.activeElement.value += ' say'", nil)
	s.Press("Enter")
	s.awaitGot("text", `{"type":"text","text":"What I was about to say"}`)
	// Who agrees and refuses hears so; the question is read where the focus is.
	want := []string{"This call is recorded", "You: My name is Ada.", "This call is not recorded", "This call is not recorded", "This call is recorded"}
	if told := s.announced(); !slices.Equal(told, want) {
		t.Errorf("screen readers are told %q, want %q", told, want)
	}
	s.flawless()
}

// The operator asks anew, while the panel is closed: it opens, and the recording
// is over before the answer.
func TestQuestionOpensThePanel(t *testing.T) {
	s := visit(t, webtest.Start(t), floating, "", webtest.Options{Width: 480, Height: 720})
	s.Click("button", "Talk to us")
	s.talk()
	s.Press("Escape")
	s.AwaitText(".launcher", "This call is recorded", soon)
	s.accessible()
	s.Screenshot("minimised-recorded")
	s.tell(strings.Replace(asking, "m1", "m2", 1))
	s.Await("dialog", "Voice assistant", soon)
	s.Click("button", "Hang up") // there is a way out
	s.awaitGot("bye", `{"type":"bye"}`)
	s.AwaitText(".ended", "The call has ended", soon)
	s.flawless()
}

func TestPausesAreShown(t *testing.T) {
	s := visit(t, webtest.Start(t), floating, "", webtest.Options{Width: 480, Height: 720})
	s.Click("button", "Talk to us")
	s.talk()
	s.tell(settled("paused", false, "unrecorded", "delete"))
	s.AwaitText(".state", "Paused", soon)
	s.AwaitText(".kept", "Paused: nothing is heard or recorded", soon)
	s.accessible()
	s.Screenshot("paused")
	// What is typed would be lost: it stays until the pause is over.
	s.Fill("textbox", "Message", "Hello")
	s.Press("Enter")
	s.tell(settled("withdrawn", false)) // by the operator; the pause goes on
	s.AwaitGone("button", "Stop recording", soon)
	s.AwaitText(".state", "Paused", soon)
	s.Press("Enter")
	s.Press("Escape")
	s.AwaitText(".launcher", "Paused: nothing is heard or recorded", soon)
	s.accessible()
	s.Press("Enter")
	s.tell(settled("granted", false, "again"), hearing)
	s.AwaitText(".state", "Listening", soon)
	s.AwaitText(".kept", "This call is not recorded", soon)
	s.Press("Enter")
	s.awaitGot("text", `{"type":"text","text":"Hello"}`)
	s.flawless()
}

// Every state of what is kept can be looked at, in each look and language.
func TestLooksOfWhatIsKept(t *testing.T) {
	b := webtest.Start(t)
	for name, o := range map[string]webtest.Options{
		"light":  {Width: 480, Height: 720},
		"dark":   {Width: 480, Height: 720, Dark: true, Language: "de-DE"},
		"small":  {Width: 320, Height: 480, Language: "fr-FR"},
		"forced": {Width: 480, Height: 720, ForcedColors: true, Language: "es-ES"},
	} {
		t.Run(name, func(t *testing.T) {
			mode := inline
			if name == "small" {
				mode = floating
			}
			s := visit(t, b, mode+fmt.Sprintf(` lang=%q label="Ask"`, o.Language), "", o)
			if name == "small" {
				s.Click("button", "Ask")
			}
			s.Click("button", map[string]string{"": "Start call", "de-DE": "Anruf beginnen", "fr-FR": "Démarrer l’appel", "es-ES": "Iniciar llamada"}[o.Language])
			s.AwaitEval("gateway.label === 'sidetone.v1'", soon)
			s.tell(hello, asking, granted, hearing,
				`{type: 'said', turn: 1, text: 'Thank you. Have you used our product before?', interrupted: false, from: 1, to: 4}`,
				`{type: 'caption', id: 1, text: 'Yes, I use it to plan my week.', final: true, how: 'spoken', from: 5, to: 8}`)
			s.AwaitEval(inShadow(".kept", "?.dataset.kept === 'recording'"), soon)
			s.look("kept-" + name + "-1-recorded")
			s.Eval(inShadow(".links button:not([hidden]) + button", ".click()"), nil)
			s.look("kept-" + name + "-2-deleting")
			s.tell(settled("paused", false, "unrecorded", "delete"))
			s.Press("Escape")
			s.AwaitEval(inShadow(".kept", ".dataset.kept === 'paused'"), soon)
			s.look("kept-" + name + "-3-paused")
			s.tell(settled("withdrawn", false, "delete", "again"), settled("granted", false, "delete", "again"))
			s.AwaitEval(inShadow(".kept", ".dataset.kept === 'nothing'"), soon)
			s.look("kept-" + name + "-4-stopped")
			s.tell(strings.Replace(asking, "m1", "m2", 1))
			s.AwaitEval(inShadow(".consent", " !== null"), soon)
			s.look("kept-" + name + "-5-again")
			s.flawless()
			s.Close()
		})
	}
}
