package app_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/dialog/tts/flite"
	"sidetone/internal/app"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
	"sidetone/media"
)

// The tests about consent run many callers on one gateway at once, each with a
// few steps, and look at what their calls have left when all have ended.

// lenient is a place that asks for no more than a notice. None such ships, so
// that what an agent's file asks for could not be seen alone.
const lenient = `
  - id: lenient
    name: no place at all
    prefixes: ["+999"]
    converse: after_notice
    local: after_notice
    record: after_notice
    transcript: after_notice
    snippet: after_notice
    whole_call: false
    source: a test
`

// exchange is a gateway whose agents are called by test callers.
type exchange struct {
	*gateway
	voices  *voices
	numbers map[string]string // of the agents, by name
	metrics string            // as they were scraped when all calls had ended

	mu     sync.Mutex
	events map[string][]app.Event // that the operator saw, by the carrier's id of the call
	news   chan struct{}          // closed when there is one more
}

// openExchange starts a gateway with agents, by name. Their numbers lie in the
// lenient place.
func openExchange(t testing.TB, agents map[string]string, env ...string) *exchange {
	t.Helper()
	x := &exchange{voices: openVoices(t), numbers: map[string]string{}}
	config := configure(t, append([]string{"SIDETONE_AGENTS_DIR=" + agentFiles(t, agents), "SIDETONE_CONSENT_JURISDICTIONS=" + rulesWith(t, lenient)}, env...)...)
	config.Agents.Numbers = map[string]string{}
	for name := range agents {
		x.numbers[name] = fmt.Sprintf("+9995550%03d", 100+len(x.numbers))
		config.Agents.Numbers[x.numbers[name]] = name
		config.Agents.Default = name
	}
	x.gateway = start(t, config)
	x.follow(t)
	return x
}

// agentFiles writes agents' files.
func agentFiles(t testing.TB, agents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range agents {
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte("name: "+name+"\nlanguage: en\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// rulesWith writes the policy file that ships, with one more row.
func rulesWith(t testing.TB, row string) string {
	t.Helper()
	shipped, err := os.ReadFile("../../configs/consent/jurisdictions.yaml")
	if err != nil {
		t.Fatal(err)
	}
	before, after, ok := strings.Cut(string(shipped), "\nrules:\n")
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte(before+"\nrules:\n"+row+after), 0o600); err != nil || !ok {
		t.Fatal(err, ok)
	}
	return path
}

// follow reads the operator's event stream until the test ends.
func (x *exchange) follow(t testing.TB) {
	t.Helper()
	x.events, x.news = map[string][]app.Event{}, make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+x.OperatorAddr().String()+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		lines := bufio.NewScanner(answer.Body)
		for lines.Scan() {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			var e app.Event
			if ok && json.Unmarshal([]byte(data), &e) == nil {
				x.mu.Lock()
				x.events[e.CarrierID] = append(x.events[e.CarrierID], e)
				close(x.news)
				x.news = make(chan struct{})
				x.mu.Unlock()
			}
		}
	}()
	stop := x.stop
	x.stop = sync.OnceValue(func() error { // a listener with a reader does not end
		cancel()
		<-done
		answer.Body.Close()
		return stop()
	})
	t.Cleanup(func() { x.stop() })
}

// event waits for the n-th event of a kind of a call, from 0.
func (x *exchange) event(ctx context.Context, call string, kind any, n int) (app.Event, error) {
	for {
		x.mu.Lock()
		news, left := x.news, n
		for _, e := range x.events[call] {
			if any(e.Kind) != kind {
				continue
			}
			if left == 0 {
				x.mu.Unlock()
				return e, nil
			}
			left--
		}
		x.mu.Unlock()
		select {
		case <-news:
		case <-ctx.Done():
			return app.Event{}, fmt.Errorf("no %v event number %d: %w", kind, n, ctx.Err())
		}
	}
}

// voices are the built-in voices, of callers and of the agents.
type voices struct {
	dir, cache string

	mu   sync.Mutex
	open map[string]*flite.Voice
	said map[string][]int16
}

func openVoices(t testing.TB) *voices {
	v := &voices{dir: modelstest.Dir(t), cache: compiled, open: map[string]*flite.Voice{}, said: map[string][]int16{}}
	t.Cleanup(func() {
		for _, voice := range v.open {
			voice.Close()
		}
	})
	return v
}

// say returns what a voice says, at 8 kHz.
func (v *voices) say(voice, text string) ([]int16, error) { return v.speak(voice, text, 8000) }

// speak returns what a voice says, made at a rate, at 8 kHz.
func (v *voices) speak(voice, text string, rate int) ([]int16, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	key := fmt.Sprint(voice, rate, text)
	if pcm, ok := v.said[key]; ok {
		return pcm, nil
	}
	if v.open[voice] == nil {
		opened, err := flite.New(context.Background(), flite.Options{ModelsDir: v.dir, Voice: voice, CacheDir: v.cache})
		if err != nil {
			return nil, err
		}
		v.open[voice] = opened
	}
	audio := media.Audio{Rate: rate}
	for pcm, err := range v.open[voice].Speak(context.Background(), text, rate) {
		if err != nil {
			return nil, err
		}
		audio.PCM = append(audio.PCM, pcm...)
	}
	audio, err := audio.At(8000)
	v.said[key] = audio.PCM
	return audio.PCM, err
}

// agentVoice is the voice of agents that name none.
const agentVoice = "rms"

// heardAt returns the sample from which on something is heard to be said in an
// agent's voice, not before sample from; -1 where it is not. What is heard next
// begins after next. Notices are made at 16 kHz, sentences at the call's rate.
func (v *voices) heardAt(heard []int16, voice, text string, from int) (at, next int, err error) {
	voice = cmp.Or(voice, agentVoice)
	for _, rate := range []int{16000, 8000} {
		pcm, err := v.speak(voice, text, rate)
		if err != nil {
			return 0, 0, err
		}
		if at := find(heard, ulawed(pcm), from); at >= 0 {
			return at, at + len(pcm)/2, nil
		}
	}
	return -1, from, nil
}

// find returns where in whole, not before from, a sound begins: where most of some
// frames of it lie in their order, sample for sample; -1 where that is nowhere. Gaps
// do not matter: on a busy machine playout runs dry.
func find(whole, sound []int16, from int) int {
	const frame, frames = 160, 24
	var parts [][]int16
	var offsets []int
	for i := range frames {
		at := len(sound) * i / frames / frame * frame
		if at+frame <= len(sound) && media.RMS(sound[at:at+frame]) > -40 {
			parts, offsets = append(parts, sound[at:at+frame]), append(offsets, at)
		}
	}
	enough := max(1, len(parts)*3/4)
	for first := 0; len(parts)-first >= enough; first++ {
		for at := from; at < len(whole); at++ {
			n := index(whole[at:], parts[first])
			if n < 0 {
				break
			}
			at += n
			if inOrder(whole[at:], parts[first:], len(sound)/frames) >= enough {
				return max(0, at-offsets[first])
			}
		}
	}
	return -1
}

// inOrder counts the parts that lie in whole in their order, each apart from the
// one before by what it should be, or some seconds more.
func inOrder(whole []int16, parts [][]int16, apart int) (found int) {
	const gap = 24000
	for _, part := range parts {
		if n := index(whole[:min(len(whole), 2*apart+gap)], part); n >= 0 {
			found, whole = found+1, whole[n:]
		}
	}
	return found
}

// index returns where part begins in whole; -1 where it does not.
func index(whole, part []int16) int {
	for i := 0; i+len(part) <= len(whole); i++ {
		if whole[i] == part[0] && slices.Equal(whole[i:i+len(part)], part) {
			return i
		}
	}
	return -1
}

// phone is a caller's end of a live call.
type phone struct {
	*sim.Call
	x     *exchange
	ctx   context.Context
	agent string      // its voice
	at    int         // the sample up to which what was heard has been waited for
	seen  map[any]int // events of a kind that have been waited for
	said  []utterance // in order
	done  map[string]media.Tick
	err   error // of the steps

	backup map[string][]byte // objects of the call, as they were
}

// utterance is what a caller has said.
type utterance struct {
	text   string
	pcm    []int16
	spoken *sim.Spoken
}

// step is something that a caller does; it returns sim.ErrEnded when the call
// ended before.
type step func(*phone) error

// until waits for the next event of a kind.
func until[K comparable](kind K) step {
	return func(p *phone) error {
		_, err := p.x.event(p.ctx, p.SID(), kind, p.seen[kind])
		p.seen[kind]++
		return err
	}
}

// settled waits until the question of consent is settled.
var settled = until(app.ConsentSettled)

// hears waits until the gateway or the agent has said all that, in this order.
func hears(texts ...string) step {
	return func(p *phone) error {
		for _, text := range texts {
			if err := p.hear(text); err != nil {
				return err
			}
		}
		return p.WaitQuiet(p.ctx, 400*time.Millisecond)
	}
}

// overhears waits until that has been said, though more may follow at once.
func overhears(text string) step { return func(p *phone) error { return p.hear(text) } }

// hear waits until something has been said, after what was waited for before.
func (p *phone) hear(text string) error {
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	for {
		heard, err := p.Heard()
		if err != nil {
			return err
		}
		at, next, err := p.x.voices.heardAt(heard, p.agent, text, p.at)
		if p.at = next; err != nil || at >= 0 {
			return err
		}
		select {
		case <-time.After(150 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%q is not heard after %.1f s: %w", text, float64(p.at)/8000, ctx.Err())
		}
	}
}

// insists gives an answer, and once more where the gateway asks again: a busy machine
// may hear an answer that comes at once too late.
func insists(mode consent.Mode, answer step) step {
	return func(p *phone) error {
		if err := answer(p); err != nil {
			return err
		}
		for {
			if p.has(app.ConsentSettled) {
				return nil
			}
			heard, err := p.Heard()
			if err != nil {
				return err
			}
			for _, again := range told(mode, consent.PromptAgain) {
				at, _, err := p.x.voices.heardAt(heard, p.agent, again, p.at)
				if err != nil {
					return err
				}
				if at >= 0 {
					return steps(hears(again), answer, settled)(p)
				}
			}
			if err := waits(150 * time.Millisecond)(p); err != nil {
				return err
			}
		}
	}
}

// has reports whether there was an event of a kind.
func (p *phone) has(kind any) bool {
	p.x.mu.Lock()
	defer p.x.mu.Unlock()
	return slices.ContainsFunc(p.x.events[p.SID()], func(e app.Event) bool { return any(e.Kind) == kind })
}

// speaks waits until the agent speaks.
func speaks(p *phone) error { return p.WaitSpeech(p.ctx) }

// stays listens until the call is over.
func stays(p *phone) error { <-p.Done(); return nil }

// waits lets some time of the call pass.
func waits(d time.Duration) step {
	return func(p *phone) error {
		now, err := p.Now()
		if err != nil {
			return err
		}
		return p.WaitUntil(p.ctx, now+media.TicksIn(d))
	}
}

// presses presses keys.
func presses(keys string) step { return func(p *phone) error { return p.Press(keys) } }

// voice says something in one of the built-in voices.
func voice(name, text string) step {
	return func(p *phone) error {
		pcm, err := p.x.voices.say(name, text)
		if err != nil {
			return err
		}
		return p.utter(text, pcm)
	}
}

// plays says what a person has said.
func plays(u sim.Utterance) step {
	return func(p *phone) error { return p.utter(u.Text, u.Phone) }
}

func (p *phone) utter(text string, pcm []int16) error {
	u := utterance{text, pcm, p.Say(pcm)}
	p.said = append(p.said, u)
	return u.spoken.Wait(p.ctx)
}

// notes notes the time of the call under a name.
func notes(name string) step {
	return func(p *phone) error {
		now, err := p.Now()
		p.done[name] = now
		return err
	}
}

// orders asks something of the call as the operator.
func orders(command app.Command) step {
	return func(p *phone) error {
		status, text, err := p.x.post(p.ctx, "/api/v1/calls/"+p.SID()+"/commands", fmt.Sprintf(`{"command":%q}`, command))
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%s: status %d: %s", command, status, text)
		}
		return err
	}
}

// hangsUp hangs up.
func hangsUp(p *phone) error { p.Hangup(); return nil }

// steps joins steps. Where the call ends before, the others are left out.
func steps(all ...step) step {
	return func(p *phone) error {
		for i, s := range all {
			if err := s(p); err != nil {
				return fmt.Errorf("step %d: %w", i+1, err)
			}
		}
		return nil
	}
}

// goodbye is how a call ends that the agent ends.
const goodbye = "completed goodbye"

// caller is a caller, and what must come of the call.
type caller struct {
	name  string
	from  string // empty for a number in the lenient place
	agent string
	does  step
	after time.Duration // before they call
	want
}

// place has all callers call, at once but for a breath between them, and waits
// until all calls have ended. It returns what was heard and said, in their order.
func (x *exchange) place(t testing.TB, callers []caller) []*left {
	t.Helper()
	return x.begin(t, callers)()
}

// begin is place for one who has more to do before the calls have ended.
func (x *exchange) begin(t testing.TB, callers []caller) (end func() []*left) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	all, errs := make([]*left, len(callers)), make([]error, len(callers))
	var calls sync.WaitGroup
	for i, c := range callers {
		calls.Go(func() {
			breath := time.NewTimer(c.after + time.Duration(i)*50*time.Millisecond)
			defer breath.Stop()
			<-breath.C
			all[i], errs[i] = x.serve(ctx, t, c)
		})
	}
	return func() []*left {
		t.Helper()
		calls.Wait()
		cancel()
		for i, err := range errs {
			if err != nil {
				t.Fatalf("%s: %v", callers[i].name, err)
			}
		}
		return all
	}
}

// serve places one call and plays its caller.
func (x *exchange) serve(ctx context.Context, t testing.TB, c caller) (*left, error) {
	from := c.from
	if from == "" {
		from = "+99955501234"
	}
	carrier := x.carrier(t, sim.CarrierOptions{From: from, To: x.numbers[c.agent]})
	live, err := carrier.Dial(ctx)
	if err != nil {
		return nil, err
	}
	p := &phone{Call: live, x: x, ctx: ctx, agent: c.voice, seen: map[any]int{}, done: map[string]media.Tick{}}
	if p.err = c.does(p); p.err != nil {
		live.Hangup()
	}
	report, err := live.Wait(ctx)
	return &left{phone: p, want: c.want, report: report}, err
}
