package web

import (
	"fmt"
	"strings"
	"testing"

	"sidetone/web/webtest"
)

const floating = `agent="interview" token-url="/token"`

func TestFloatingPanelIsUsedByKeyboard(t *testing.T) {
	s := visit(t, webtest.Start(t), floating, "", webtest.Options{Width: 1100, Height: 760})
	s.accessible()
	s.Screenshot("launcher")
	s.Press("Tab")
	if focused := s.Focused(); focused != "Talk to us" {
		t.Fatalf("the first tab leads to %q", focused)
	}
	s.Press("Enter")
	s.Await("dialog", "Voice assistant", soon)
	if focused := s.Focused(); focused != "Start call" {
		t.Errorf("the open panel has the focus on %q", focused)
	}
	s.Screenshot("floating")
	s.Press("Escape")
	s.AwaitGone("dialog", "Voice assistant", soon)
	if focused := s.Focused(); focused != "Talk to us" {
		t.Errorf("the closed panel leaves the focus on %q", focused)
	}
	s.Press("Enter")
	s.Press("Enter")
	s.AwaitEval("gateway.label === 'sidetone.v1'", soon)
	s.tell(hello, asking)
	s.AwaitText(".words", "recorded", soon)
	// Where the focus is, the question is read: its name and its words.
	var question [2]string
	s.Eval(`(() => { const root = document.querySelector('sidetone-call').shadowRoot, group = root.activeElement;
		return ['aria-labelledby', 'aria-describedby'].map((a) => root.getElementById(group.getAttribute(a)).textContent); })()`, &question)
	if question[0] != "Before we begin" || !strings.Contains(question[1], "This call is recorded.") {
		t.Errorf("the focus is on %q", question)
	}
	s.Press("Tab") // Agree; the words need no scrolling
	if focused := s.Focused(); focused != "Agree" {
		t.Errorf("the next tab leads to %q", focused)
	}
	s.Press("Enter")
	s.awaitGot("choose", `{"type":"choose","choice":"agree","message":"m1"}`)
	s.tell(granted, hearing)
	s.Await("button", "Hang up", soon)
	if focused := s.Focused(); focused != "Message" {
		t.Errorf("the conversation begins with the focus on %q", focused)
	}
	s.Press("Escape") // the panel closes, the call goes on
	s.AwaitGone("dialog", "Voice assistant", soon)
	s.AwaitText(".launcher", "0:0", soon)
	s.accessible()
	s.Screenshot("minimised")
	if gone := s.got("bye"); len(gone) > 0 {
		t.Error("Escape has hung up")
	}
	s.Press("Enter")
	s.Await("button", "Hang up", soon)
	s.flawless()
}

func TestPanelSpeaksTheLanguage(t *testing.T) {
	b := webtest.Start(t)
	for _, test := range []struct{ browser, lang, agent, start, consent, agree string }{
		{"en-US", "", "en", "Start call", "Before we begin", "Agree"},
		{"de-DE", "", "de", "Anruf beginnen", "Bevor wir beginnen", "Zustimmen"},
		{"en-US", "", "es-MX", "Start call", "Antes de empezar", "Aceptar"},
		{"de-DE", "fr", "en", "Démarrer l’appel", "Avant de commencer", "Accepter"},
		{"ja-JP", "", "ja", "Start call", "Before we begin", "Agree"},
	} {
		t.Run(test.browser+" "+test.lang+" "+test.agent, func(t *testing.T) {
			attributes := inline
			if test.lang != "" {
				attributes += fmt.Sprintf(` lang="%s"`, test.lang)
			}
			s := visit(t, b, attributes, "", webtest.Options{Width: 480, Height: 720, Language: test.browser})
			s.Click("button", test.start)
			s.AwaitEval("gateway.label === 'sidetone.v1'", soon)
			s.tell(strings.Replace(hello, "language: 'en'", fmt.Sprintf("language: '%s'", test.agent), 1),
				strings.Replace(asking, "language: 'en'", fmt.Sprintf("language: '%s'", test.agent), 1))
			s.Await("heading", test.consent, soon)
			s.Await("button", test.agree, soon)
			var lang string
			if s.Eval("document.querySelector('sidetone-call').shadowRoot.querySelector('.words').lang", &lang); lang != test.agent {
				t.Errorf("the words are marked as %q", lang)
			}
			s.flawless()
			s.Close()
		})
	}
}

func TestPanelTakesAttributes(t *testing.T) {
	s := visit(t, webtest.Start(t), `mode="inline" agent="a b" token="t" gateway="/voice/" label="Ask &lt;us&gt;" theme="dark"`, "", webtest.Options{})
	s.Await("heading", "Ask <us>", soon)
	var dark bool
	s.Eval(`getComputedStyle(document.querySelector('sidetone-call').shadowRoot.querySelector('.panel')).backgroundColor === 'rgb(21, 27, 26)'`, &dark)
	if !dark {
		t.Error("the panel is not dark")
	}
	s.Click("button", "Start call")
	s.AwaitEval("gateway.label === 'sidetone.v1'", soon)
	post := s.requests("POST")
	if len(post) != 1 || post[0].Path != "/voice/webrtc/sessions" || post[0].Search != "?agent=a+b" || post[0].Headers["Authorization"] != "Bearer t" {
		t.Errorf("the offer was sent as %+v", post)
	}
	s.flawless()
}

// Every look of the panel keeps contrast, sizes and order, and a narrow page is
// not made wider.
func TestLooksAreAccessible(t *testing.T) {
	b := webtest.Start(t)
	for name, o := range map[string]webtest.Options{
		"light":  {Width: 480, Height: 720},
		"dark":   {Width: 480, Height: 720, Dark: true},
		"phone":  {Width: 390, Height: 780, ReducedMotion: true},
		"small":  {Width: 320, Height: 480, Dark: true},
		"forced": {Width: 480, Height: 720, ForcedColors: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := visit(t, b, floating, "", o)
			s.Screenshot(name + "-0-launcher")
			s.Click("button", "Talk to us")
			s.look(name + "-1-idle")
			s.connect()
			s.tell(strings.Replace(hello, "ask: []", "ask: ['name', 'email']", 1), asking)
			s.Await("button", "Agree", soon)
			s.look(name + "-2-consent")
			s.Click("button", "Agree")
			s.tell(granted, `{type: 'state', state: 'speaking'}`,
				`{type: 'said', turn: 1, text: 'Thank you for taking the time. Have you used our product before?', interrupted: false, from: 1, to: 4}`,
				`{type: 'caption', id: 1, text: 'Yes, I use it to plan my week.', final: true, how: 'spoken', from: 5, to: 8}`,
				`{type: 'said', turn: 2, text: 'Good to hear. And how often would you', interrupted: true, from: 9, to: 11}`,
				`{type: 'caption', id: 2, text: 'Sorry, and for', final: false, how: 'spoken', from: 11, to: 12}`,
				`{type: 'saying', turn: 3, clip: 1, text: 'Please go on, I am listening.', played: 3, done: false}`)
			s.AwaitText(".lines", "Please go on", soon)
			s.Eval("gateway.speak(true)", nil)
			saying := s.StartSaying(voice(), 16000)
			s.AwaitEval("__webtest.heard().pcm.length > 200000", soon)
			s.look(name + "-3-talking")
			saying.Wait()
			s.Click("button", "Keypad")
			s.look(name + "-4-keypad")
			s.Click("button", "Hang up")
			s.AwaitText(".ended", "The call has ended", soon)
			s.look(name + "-5-ended")
			s.flawless()
			s.Close()
		})
	}
}

// look takes a picture of a state and holds it against the rules.
func (s stranger) look(name string) {
	s.t.Helper()
	s.Screenshot(name)
	s.accessible()
	var faults []string
	s.Eval(`(() => {
		const faults = [];
		if (document.documentElement.scrollWidth > innerWidth) faults.push('the page scrolls sideways');
		for (const e of document.querySelector('sidetone-call').shadowRoot.querySelectorAll('button, input')) {
			const { width, height } = e.getBoundingClientRect();
			if (width > 0 && (width < 24 || height < 24)) faults.push(e.textContent + ' is ' + width + ' by ' + height);
		}
		return faults;
	})()`, &faults)
	for _, fault := range faults {
		s.t.Errorf("%s: %s", name, fault)
	}
}

// voice is two seconds of a sound that fills the meter.
func voice() []int16 {
	pcm := make([]int16, 32000)
	for i := range pcm {
		pcm[i] = int16(i * 400 % 16000)
	}
	return pcm
}
