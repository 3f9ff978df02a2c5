package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sidetone/configs"
	"sidetone/consent"
	"sidetone/internal/app"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/media/opus"
)

// giver is a caller who gives everything away: a number, a name, words, a voice
// and a tone, none of which anybody else uses.
type giver struct {
	name   string     // of the case
	number string     // empty in a browser
	says   []string   // what they say in turn
	words  [][]string // the rare ones in each, their name among them
	full   string     // their whole name: the number's, or told on the page
	typed  string     // keys pressed in a pause, or a line typed in a browser
	crm    string     // what a page's own system tells of them

	said  [][]int16 // what they say, and a tone
	early []int16   // said over the message
	call  string    // the gateway's id

	mu      sync.Mutex
	packets [][]byte // of a browser
	spans   [][2]int // of them, those of each thing said
}

// The canary's tone.
const (
	canaryHertz = 1133
	canaryDBFS  = -14
	toneLasts   = 600 * time.Millisecond
)

// rate is that of the caller's line.
func (g *giver) rate() int {
	if g.number == "" {
		return 16000
	}
	return 8000
}

// toneSamples is how many samples of the caller's line the tone takes.
func (g *giver) toneSamples() int { return int(media.TicksIn(toneLasts).Sample(g.rate())) }

// speakOut gives the callers their voices.
func speakOut(t *testing.T, givers []*giver) {
	t.Helper()
	for rate, speak := range map[int]func(context.Context, string, string, []string) ([][]int16, error){8000: sim.SpeakAll, 16000: sim.SpeakAllWide} {
		var texts []string
		for _, g := range givers {
			if g.rate() == rate {
				texts = append(texts, g.says...)
			}
		}
		spoken, err := speak(t.Context(), modelstest.Dir(t), "slt", texts)
		if err != nil {
			t.Fatal(err)
		}
		for i, g := range givers {
			if g.rate() != rate {
				continue
			}
			level := canaryDBFS - float64(i)/4
			g.early = media.Tone(rate, canaryHertz, 400*time.Millisecond, level)
			for range g.says {
				tone := media.Tone(rate, canaryHertz, toneLasts, level)
				g.said, spoken = append(g.said, append(slices.Clip(spoken[0]), tone...)), spoken[1:]
			}
		}
	}
}

// voice is what of the caller came over the line when they spoke n-th, without the
// tone.
func (g *giver) voice(t *testing.T, n int) []int16 {
	t.Helper()
	pcm := g.said[n]
	if g.number == "" {
		heard, frame := g.heard(t), 16000/50
		pcm = heard[g.spans[n][0]*frame : g.spans[n][1]*frame]
	}
	return pcm[:len(pcm)-g.toneSamples()]
}

// heard is what of a browser's caller came over the line, which is something else
// than what was said.
func (g *giver) heard(t *testing.T) (heard []int16) {
	t.Helper()
	d, err := opus.NewDecoder(g.rate())
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]int16, g.rate()/50)
	for _, p := range g.packets {
		n, err := d.Decode(p, frame)
		if err != nil {
			t.Fatal(err)
		}
		heard = append(heard, frame[:n]...)
	}
	return heard
}

// in adds what is to be looked for of the caller, whose call has ended.
func (g *giver) in(t *testing.T, l *lookFor) {
	t.Helper()
	texts := append(slices.Concat(g.words...), g.full, g.typed, g.crm, strings.TrimPrefix(g.number, "+1"))
	for _, text := range append(texts, strings.Fields(g.full)...) {
		if text != "" {
			l.text(g.name, text)
		}
	}
	for _, pcm := range append(slices.Clone(g.said), g.early) {
		if err := l.audio(g.name, pcm, g.rate()); err != nil {
			t.Fatal(err)
		}
	}
	if g.number != "" {
		return
	}
	for _, p := range g.packets {
		l.bytes(g.name+": opus", p)
	}
	l.bytes(g.name+": opus", bytes.Join(g.packets, nil))
	if err := l.audio(g.name, g.heard(t), g.rate()); err != nil {
		t.Fatal(err)
	}
}

// patient waits until the agent has finished.
func patient(d time.Duration) sim.Step { return sim.AfterAgent(d) }

// awaitSpeech waits until the agent speaks.
func awaitSpeech(ctx context.Context, p sim.Party) error {
	return p.(interface{ WaitSpeech(context.Context) error }).WaitSpeech(ctx)
}

// overMessage talks over the message's beginning.
func (g *giver) overMessage(ctx context.Context, p sim.Party) error {
	return errors.Join(awaitSpeech(ctx, p), p.Say(g.early).Wait(ctx))
}

// onPage is a step in a browser.
func onPage(do func(context.Context, *sim.WebCall) error) sim.Step {
	return func(ctx context.Context, p sim.Party) error { return do(ctx, p.(*sim.WebCall)) }
}

// beforeAnswer talks, types and tells before the question is answered.
func (g *giver) beforeAnswer(ctx context.Context, c *sim.WebCall) error {
	err := c.WaitOffer(ctx, sim.Agree)
	if err == nil {
		err = c.Say(g.early).Wait(ctx)
	}
	return errors.Join(err, c.Type(g.typed), c.About("name", g.full))
}

// greeted waits until the greeting after the message of a phone call is over: a
// silence longer than those in a message comes before it, in which one may refuse.
func greeted() []sim.Step { return []sim.Step{patient(1500 * time.Millisecond), awaitSpeech, after()} }

// after waits until the agent has said all that it says to what the caller did last.
func after() sim.Step { return patient(1200 * time.Millisecond) }

// say is the caller saying what they say n-th.
func (g *giver) say(n int) sim.Step { return g.speak(n, nil) }

// speak is say, and calls midway, if set, after 3 s.
func (g *giver) speak(n int, midway func()) sim.Step {
	sent := func() int {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.packets)
	}
	return func(ctx context.Context, p sim.Party) error {
		from, said := sent(), p.Say(g.said[n])
		if midway != nil {
			if err := sim.Pause(3*time.Second)(ctx, p); err != nil {
				return err
			}
			midway()
		}
		err := said.Wait(ctx)
		g.spans = append(g.spans, [2]int{from, sent()})
		return err
	}
}

// clearSite is a site whose callers give everything away.
type clearSite struct {
	*site
	root    string
	config  *configs.Config
	printed func() string
	known   map[string]bool // SHA-256 of the audio files that were there before any call
	look    *lookFor
	door    sync.Mutex // of the browsers
}

// newClearSite makes a site that shares nothing with others. Under its root lies
// all that it writes.
func newClearSite(t *testing.T, root string, givers []*giver, env ...string) *clearSite {
	t.Helper()
	c := &clearSite{root: root, look: newLookFor()}
	if err := os.Mkdir(filepath.Join(root, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	c.site = newSite(t, append(env, "SIDETONE_DATA_DIR="+filepath.Join(root, "data"), "TMPDIR="+filepath.Join(root, "tmp"), "SIDETONE_LOG_LEVEL=debug",
		"SIDETONE_AGENTS_DIR=testdata/leak", "SIDETONE_AGENTS_DEFAULT=taker", "SIDETONE_WEB_CALLS_PER_ADDRESS=20")...)
	config, _, err := configs.Load("", slices.DeleteFunc(slices.Clone(c.env), func(v string) bool { return !strings.HasPrefix(v, "SIDETONE_") }))
	if err != nil {
		t.Fatal(err)
	}
	c.config = config
	speakOut(t, givers)
	return c
}

// dial places a caller's call on the telephone and plays it to its end.
func (c *clearSite) dial(ctx context.Context, g *giver, steps ...sim.Step) error {
	tokens, err := app.AuthTokens(c.config)
	if err != nil {
		return err
	}
	call, err := sim.NewCarrier(sim.CarrierOptions{BaseURL: c.config.Server.PublicURL, AuthToken: tokens[0], From: g.number, CallerName: g.full}).Dial(ctx)
	if err != nil {
		return err
	}
	g.call = call.SID()
	report, err := sim.Script{Steps: append([]sim.Step{g.overMessage}, steps...), HangupAfter: longest}.Run(ctx, call)
	return errors.Join(err, report.Err)
}

// longest is how long a caller stays on the line at most.
const longest = 80 * time.Second

// browse does the same in a browser.
func (c *clearSite) browse(ctx context.Context, g *giver, steps ...sim.Step) error {
	mint := func(ctx context.Context) (string, error) {
		body := fmt.Sprintf(`{"agent":"taker","metadata":{"crm":%q}}`, g.crm)
		answer, err := http.Post("http://"+c.admin+"/api/v1/session-tokens", "application/json", strings.NewReader(body))
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		var token app.Token
		err = json.NewDecoder(answer.Body).Decode(&token)
		return token.Token, err
	}
	browser := sim.NewBrowser(sim.BrowserOptions{BaseURL: c.config.Server.PublicURL, Agent: "taker", Mint: mint, OnVoice: func(p []byte) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.packets = append(g.packets, bytes.Clone(p))
	}})
	call, err := c.enter(ctx, browser, g)
	if err != nil {
		return err
	}
	report, err := sim.Script{Steps: append([]sim.Step{onPage(g.beforeAnswer)}, steps...), HangupAfter: longest}.RunWeb(ctx, call)
	return errors.Join(err, report.Err)
}

// enter connects a browser, one after the other: an address may not have many that
// connect.
func (c *clearSite) enter(ctx context.Context, b *sim.Browser, g *giver) (*sim.WebCall, error) {
	c.door.Lock()
	defer c.door.Unlock()
	call, err := b.Dial(ctx)
	if err != nil {
		return nil, err
	}
	hello, err := call.WaitMessage(ctx, func(m sim.PageMessage) bool { _, is := m.Event.(sim.PageHello); return is })
	if err != nil {
		call.Hangup()
		return nil, err
	}
	g.call = hello.Event.(sim.PageHello).Call
	return call, nil
}

// order has the operator ask something of the caller's call.
func (c *clearSite) order(g *giver, what ...string) sim.Step {
	return func(ctx context.Context, _ sim.Party) error {
		if out, err := c.command(ctx, append(what, g.call)...).CombinedOutput(); err != nil {
			return fmt.Errorf("sidetone %v: %w: %s", what, err, out)
		}
		return nil
	}
}

// open is serve, and remembers the audio files that a gateway makes by itself. The
// gateway ends by stop.
func (c *clearSite) open(t *testing.T) (stop func(syscall.Signal)) {
	t.Helper()
	cmd, printed := c.serve(t)
	earlier := ""
	if c.printed != nil {
		earlier = c.printed()
	}
	c.printed = func() string { return earlier + printed() }
	if c.known == nil {
		c.known = c.messages(t)
	}
	return func(s syscall.Signal) {
		if err := cmd.Process.Signal(s); err != nil {
			t.Error(err)
		}
		if code := exit(t, cmd); code != 0 && s != syscall.SIGKILL {
			t.Errorf("the stop exits with %d", code)
		}
	}
}

// messages holds the files of messages against their names, and returns the
// SHA-256 of the content of each. What is rendered has the name of its text, which
// stands in a message that names its sound.
func (c *clearSite) messages(t *testing.T) map[string]bool {
	t.Helper()
	dir := filepath.Join(c.root, "data", "messages")
	sum := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	known, sounds, texts := map[string]bool{}, map[string]bool{}, map[string]bool{}
	each := func(pattern string, do func(name string, data []byte)) {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			known[sum(data)] = true
			do(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), data)
		}
	}
	each("*.json", func(name string, data []byte) {
		var m consent.Message
		if err := json.Unmarshal(data, &m); err != nil || sum(data) != name {
			t.Errorf("message %s is not what its name says: %v", name, err)
		}
		for _, p := range m.Parts {
			sounds[p.SHA256], texts[sum([]byte(c.config.Speech.Voice+"\x00"+p.Text))] = true, true
		}
		for _, p := range m.Prompts {
			sounds[p.SHA256], texts[sum([]byte(c.config.Speech.Voice+"\x00"+p.Text))] = true, true
		}
	})
	pcm := func(data []byte) string {
		audio, err := media.DecodeWAV(data)
		if err != nil {
			t.Fatal(err)
		}
		return sum(littleEndian(audio.PCM))
	}
	each("*.wav", func(name string, data []byte) {
		if pcm(data) != name || !sounds[name] {
			t.Errorf("sound %s is not what its name says, or of no message", name)
		}
	})
	each("rendered/*.wav", func(name string, data []byte) {
		if !texts[name] || !sounds[pcm(data)] {
			t.Errorf("rendered %s is of no message", name)
		}
	})
	return known
}

// search looks for everything of the callers in all that the gateway has written,
// and in what it has printed. There are files of each pattern, below the root: what
// is not there is not searched.
func (c *clearSite) search(t *testing.T, when string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		if paths, err := filepath.Glob(filepath.Join(c.root, pattern)); err != nil || len(paths) == 0 {
			t.Errorf("%s: there is no %s to search: %v", when, pattern, err)
		}
	}
	began := time.Now()
	audio := func(path string) bool { return strings.HasPrefix(path, filepath.Join(c.root, "data", "messages")) }
	found, size, err := c.look.inTree(c.root, audio)
	if err != nil {
		t.Fatal(err)
	}
	for _, is := range c.look.in([]byte(c.printed())) {
		found = append(found, "log: "+is)
	}
	for name := range c.messages(t) {
		if !c.known[name] {
			t.Errorf("%s: a message or its sound was written during the calls", when)
		}
	}
	for _, leak := range found {
		t.Errorf("%s: %s", when, leak)
	}
	t.Logf("%s: searched %.1f MB in %.1f s for %d texts and %.1f s of audio in %d streams", when, float64(size)/1e6,
		time.Since(began).Seconds(), len(c.look.folded)+len(c.look.exact), c.look.seconds(), len(c.look.streams))
}

// shown looks into what the operator's listener shows without a recording's key.
func (c *clearSite) shown(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		c.await(t, path, func(status int, body string) bool {
			for _, is := range c.look.in([]byte(body)) {
				t.Errorf("%s: %s", path, is)
			}
			return status == http.StatusOK
		})
	}
}
