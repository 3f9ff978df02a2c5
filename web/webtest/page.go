package webtest

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Microphone is what a page gets when it asks for one.
type Microphone string

// The microphones.
const (
	Granted Microphone = ""        // one that Page.Say speaks into
	Denied  Microphone = "denied"  // the person says no: NotAllowedError
	Missing Microphone = "missing" // the machine has none: NotFoundError
)

// Options are how a page is looked at. The zero value is a light desktop with a
// microphone.
type Options struct {
	Width, Height int        // CSS pixels; 0 means 1280 and 800
	Dark          bool       // prefers-color-scheme
	ReducedMotion bool       // prefers-reduced-motion
	ForcedColors  bool       // high contrast
	Language      string     // BCP 47; empty means en-US
	Microphone    Microphone //
}

// Page is one page of a Browser, with cookies and permissions of its own.
type Page struct {
	b      *Browser
	id     int
	closed bool
}

// patience is how long an element may take to be there, or a page to load.
// Browsers are slow where many tests run.
const patience = 30 * time.Second

// Open opens an address in a new profile and returns when the page has loaded. The
// page is closed at the test's cleanup, if it has not been before.
func (b *Browser) Open(url string, o Options) *Page {
	b.t.Helper()
	c, err := b.send("open", map[string]any{"url": url, "within": patience.Milliseconds(), "options": map[string]any{
		"width": cmp.Or(o.Width, 1280), "height": cmp.Or(o.Height, 800), "dark": o.Dark,
		"reducedMotion": o.ReducedMotion, "forcedColors": o.ForcedColors,
		"language": cmp.Or(o.Language, "en-US"), "microphone": string(o.Microphone),
	}})
	p := &Page{b: b}
	if err == nil {
		err = receive(c, patience+extraPatience, &p.id)
	}
	if err != nil {
		b.t.Fatalf("webtest: open %s: %v", url, err)
	}
	b.t.Cleanup(p.leave)
	return p
}

// Goto leads the page to another address.
func (p *Page) Goto(url string) {
	p.b.t.Helper()
	p.call("goto", patience, map[string]any{"url": url}, nil)
}

// Click presses what has the role and the name, once it is there, visible,
// enabled and not covered.
func (p *Page) Click(role, name string) {
	p.b.t.Helper()
	p.call("click", patience, map[string]any{"role": role, "name": name}, nil)
}

// Fill writes text into a field.
func (p *Page) Fill(role, name, text string) {
	p.b.t.Helper()
	p.call("fill", patience, map[string]any{"role": role, "name": name, "text": text}, nil)
}

// Select chooses an option of a list by its label or value.
func (p *Page) Select(name, option string) {
	p.b.t.Helper()
	p.call("select", patience, map[string]any{"role": "combobox", "name": name, "text": option}, nil)
}

// Press presses a key, such as Enter, Tab, Escape or Shift+Tab.
func (p *Page) Press(key string) {
	p.b.t.Helper()
	p.call("press", patience, map[string]any{"key": key}, nil)
}

// Visible tells whether something of the role and the name can be seen now.
func (p *Page) Visible(role, name string) (visible bool) {
	p.b.t.Helper()
	p.call("visible", patience, map[string]any{"role": role, "name": name}, &visible)
	return visible
}

// Await waits until something of the role and the name can be seen.
func (p *Page) Await(role, name string, within time.Duration) {
	p.b.t.Helper()
	p.call("await", within, map[string]any{"role": role, "name": name, "state": "visible"}, nil)
}

// AwaitGone waits until nothing of the role and the name can be seen.
func (p *Page) AwaitGone(role, name string, within time.Duration) {
	p.b.t.Helper()
	p.call("await", within, map[string]any{"role": role, "name": name, "state": "hidden"}, nil)
}

// Text is what the first element that the CSS selector matches shows.
func (p *Page) Text(selector string) (text string) {
	p.b.t.Helper()
	p.call("text", patience, map[string]any{"selector": selector}, &text)
	return text
}

// AwaitText waits until the first element that the CSS selector matches shows
// the text.
func (p *Page) AwaitText(selector, text string, within time.Duration) {
	p.b.t.Helper()
	p.call("awaitText", within, map[string]any{"selector": selector, "text": text}, nil)
}

// Eval runs an expression in the page, awaits its value and decodes it into v,
// unless that is nil. The page's Content-Security-Policy does not matter.
// __webtest.peers are the page's peer connections, __webtest.constraints what it
// asked of getUserMedia.
func (p *Page) Eval(expression string, v any) {
	p.b.t.Helper()
	p.call("evaluate", patience, map[string]any{"expression": expression}, v)
}

// AwaitEval waits until an expression is true.
func (p *Page) AwaitEval(expression string, within time.Duration) {
	p.b.t.Helper()
	p.call("awaitValue", within, map[string]any{"expression": expression}, nil)
}

// Focused names what has the keyboard's focus; empty for nothing.
func (p *Page) Focused() (name string) {
	p.b.t.Helper()
	p.call("focused", patience, nil, &name)
	return name
}

// Resize changes the size of the page, in CSS pixels.
func (p *Page) Resize(width, height int) {
	p.b.t.Helper()
	p.call("resize", patience, map[string]any{"width": width, "height": height}, nil)
}

// Screenshot writes what can be seen to NAME.png and returns its path.
func (p *Page) Screenshot(name string) string {
	p.b.t.Helper()
	dir := os.Getenv("SIDETONE_SCREENSHOTS")
	if dir == "" {
		dir = p.b.t.ArtifactDir()
	}
	path, err := filepath.Abs(filepath.Join(dir, name+".png"))
	if err != nil {
		p.b.t.Fatal(err)
	}
	p.call("screenshot", patience, map[string]any{"path": path}, nil)
	return path
}

// Axe checks the page as it is now against the rules of axe for WCAG 2.2 AA and
// returns what violates them, a sentence each.
func (p *Page) Axe() (violations []string) {
	p.b.t.Helper()
	p.call("axe", patience, nil, &violations)
	return violations
}

// Problems are the errors on the page's console so far: exceptions, what could
// not be loaded, what the Content-Security-Policy refused.
func (p *Page) Problems() (problems []string) {
	p.b.t.Helper()
	p.call("problems", patience, nil, &problems)
	return problems
}

// Close closes the page, as a person would close the tab.
func (p *Page) Close() {
	p.b.t.Helper()
	p.closed = true
	p.call("close", patience, nil, nil)
}

// leave closes the page if it is open.
func (p *Page) leave() {
	if p.closed {
		return
	}
	c, err := p.send("close", endPatience, nil)
	if err == nil {
		err = receive(c, endPatience, nil)
	}
	if err != nil {
		p.b.t.Errorf("webtest: close the page: %v", err)
	}
}

// call asks the driver for something and ends the test if it can not be had.
func (p *Page) call(method string, within time.Duration, params map[string]any, v any) {
	p.b.t.Helper()
	c, err := p.send(method, within, params)
	if err == nil {
		err = receive(c, within+extraPatience, v)
	}
	if err == nil {
		return
	}
	t := p.b.t
	if method != "problems" && !t.Failed() {
		t.Fail() // so that asking for the problems does not come here again
		if problems := p.Problems(); len(problems) > 0 {
			t.Logf("webtest: errors of the page:\n%s", strings.Join(problems, "\n"))
		}
	}
	t.Fatalf("webtest: %s %v: %v", method, params, err)
}

func (p *Page) send(method string, within time.Duration, params map[string]any) (<-chan answer, error) {
	if params == nil {
		params = make(map[string]any)
	}
	params["page"] = p.id
	params["within"] = within.Milliseconds()
	return p.b.send(method, params)
}
