package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/telephony"
)

// talker is a caller who talks over the message, presses keys and types, whatever
// they are told, and then answers.
type talker struct {
	number  int // of the caller, in their words
	leg     telephony.Kind
	mode    consent.Mode
	outcome consent.Outcome // that the caller wants
	vendor  bool            // an engine that hears or reads callers is elsewhere
	byVoice bool            // spoken answers are understood

	session *listening // guarded by the witness
	party   sim.Party
	next    int // slot
	said    []uttered
	call    string     // the gateway's id, or the carrier's
	began   media.Tick // of the gateway's clock, on the caller's
}

// uttered is a stretch of slots, or an answer, that the caller has said.
type uttered struct {
	slot, n int // n is 0 for an answer
	pcm     []int16
	*sim.Spoken
}

// String names the caller in what a test prints.
func (k *talker) String() string {
	return fmt.Sprintf("caller %d, %s %s, to be %s", k.number, k.leg, k.mode, k.outcome)
}

// say begins to say the next slots for at least d. Every fifth begins with a
// breath, so that a detector knows it from noise.
func (k *talker) say(d time.Duration) *sim.Spoken {
	rate := k.party.Rate()
	u := uttered{slot: k.next, n: int((media.TicksIn(d) + slotTicks - 1) / slotTicks)}
	for range u.n {
		tone := media.Tone(rate, slotHertz(k.next), 100*time.Millisecond, -9)
		if k.next%5 == 4 {
			clear(tone[:rate*6/100])
		}
		k.next++
		u.pcm = append(u.pcm, tone...)
	}
	return k.utter(u)
}

// reply begins to say an answer.
func (k *talker) reply(answer string) *sim.Spoken {
	return k.utter(uttered{pcm: media.Tone(k.party.Rate(), answerHertz[answer], 700*time.Millisecond, -9)})
}

func (k *talker) utter(u uttered) *sim.Spoken {
	u.Spoken = k.party.Say(u.pcm)
	k.said = append(k.said, u)
	return u.Spoken
}

// tick returns when a slot was said to its end.
func (k *talker) tick(slot int) media.Tick {
	for _, u := range k.said {
		if slot >= u.slot && slot < u.slot+u.n {
			return u.From - k.began + media.Tick(slot-u.slot+1)*slotTicks
		}
	}
	return -1
}

// line is what was said, sample by sample, as mu-law leaves it.
func (k *talker) line(rate int) (pcm []int16) {
	for _, u := range k.said {
		at := int((u.From - k.began).Sample(rate))
		pcm = append(pcm, make([]int16, max(0, at+len(u.pcm)-len(pcm)))...)
		copy(pcm[at:], ulawed(u.pcm))
	}
	return pcm
}

// opensConverse reports whether what the caller wants lets engines hear them.
func (k *talker) opensConverse() bool {
	switch {
	case k.outcome == consent.Abandoned:
		return false
	case k.outcome == consent.Refused && k.leg == telephony.Web:
		return true // the button says "continue"
	case k.outcome == consent.Refused || k.outcome == consent.Undecided:
		return !k.vendor || k.mode == consent.NoticeMode // whose callers are in a place that is mild
	}
	return true
}

// pause waits.
func (k *talker) pause(ctx context.Context, d time.Duration) error {
	return sim.Pause(d)(ctx, k.party)
}

// phone is what the caller does on the telephone.
func (k *talker) phone(ctx context.Context, c *sim.Call) error {
	err := errors.Join(c.WaitSpeech(ctx), c.Press("71")) // before the choice has been played
	if k.outcome == consent.Undecided {
		k.say(10 * time.Second) // over the message, and over it again
		return errors.Join(err, k.pause(ctx, 12*time.Second), k.chat(ctx))
	}
	k.say(300 * time.Millisecond)
	if err := errors.Join(err, k.pause(ctx, 1500*time.Millisecond)); err != nil {
		return err
	}
	k.say(300 * time.Millisecond)
	refuses := k.outcome == consent.Refused
	switch {
	case refuses && k.mode == consent.NoticeMode:
		err = c.Press("*9")
	case refuses && k.mode == consent.OptOutMode:
		err = c.Press("9")
	}
	abandons := k.outcome == consent.Abandoned
	if abandons && (k.mode == consent.NoticeMode || k.mode == consent.OptOutMode) {
		k.say(time.Second) // and hang up in mid-message: what follows it is agreement
		err = errors.Join(err, k.pause(ctx, 500*time.Millisecond))
		c.Hangup()
		return err
	}
	if err = errors.Join(err, c.WaitQuiet(ctx, 500*time.Millisecond)); err != nil {
		return err
	}
	if abandons {
		k.say(2 * time.Second)
		err := k.pause(ctx, 700*time.Millisecond)
		c.Hangup()
		return err
	}
	return errors.Join(k.answer(ctx, c), k.chat(ctx))
}

// answer answers the question, and talks on while it is decided.
func (k *talker) answer(ctx context.Context, c *sim.Call) error {
	asked := k.mode == consent.OptInDTMF || k.mode == consent.OptInSpeech || k.mode == consent.OptInEither
	text, key := "I agree.", "1"
	if k.outcome == consent.Refused {
		text, key = "No.", "2"
	}
	voiced := k.byVoice && (k.mode == consent.OptInSpeech || k.mode == consent.OptInEither && key == "1")
	if voiced {
		if err := k.reply(text).Wait(ctx); err != nil {
			return err
		}
		if err := k.pause(ctx, 120*time.Millisecond); err != nil {
			return err
		}
	}
	k.say(2500 * time.Millisecond)
	if asked && !voiced {
		return errors.Join(k.pause(ctx, 600*time.Millisecond), c.Press(key))
	}
	return nil
}

// chat is what the caller does once they have answered, or not.
func (k *talker) chat(ctx context.Context) error {
	if err := k.pause(ctx, 4*time.Second); err != nil {
		return err
	}
	k.say(1200 * time.Millisecond)
	if err := errors.Join(k.pause(ctx, 3500*time.Millisecond), k.party.Press("5"), k.pause(ctx, 2500*time.Millisecond)); err != nil {
		return err
	}
	k.party.Hangup()
	return nil
}

// web is what the caller does in a browser.
func (k *talker) web(ctx context.Context, c *sim.WebCall) error {
	_, err := c.WaitMessage(ctx, func(m sim.PageMessage) bool { return m.Type == "consent" })
	if err := errors.Join(err, c.Press("71"), c.Type(k.early()), c.About("name", k.early())); err != nil {
		return err
	}
	if k.mode != consent.NoRecord {
		k.say(3500 * time.Millisecond)
		err = k.pause(ctx, 1500*time.Millisecond)
	} else {
		k.say(8 * time.Second)
	}
	switch {
	case k.outcome == consent.Abandoned:
		err = errors.Join(err, k.pause(ctx, time.Second))
		c.Hangup()
		return err
	case k.mode == consent.NoRecord:
		_, err = c.WaitSettled(ctx, string(consent.NotAsked))
	case k.outcome == consent.Refused:
		err = errors.Join(err, c.Choose(sim.Unrecorded))
	default:
		err = errors.Join(err, c.Choose(sim.Agree))
	}
	return errors.Join(err, k.chat(ctx))
}

// early is what the caller types before they answer.
func (k *talker) early() string { return fmt.Sprintf("earlybird%03d", k.number) }

// run places the call and has the caller play their part. It returns when the
// call has ended.
func (k *talker) run(ctx context.Context, w *witness, g *gateway) error {
	var part, report func() error
	err := w.begin(ctx, k, func() error {
		if k.leg == telephony.Phone {
			c, err := g.carrier(w.t, sim.CarrierOptions{From: numberOf(k.mode), To: numberOf(k.mode)}).Dial(ctx)
			if err == nil {
				k.party, part = c, func() error { return k.phone(ctx, c) }
				report = func() error {
					r, err := c.Wait(ctx)
					if k.call = r.CallSID; len(r.Streams) > 0 {
						k.began = r.Streams[0].From
					}
					return err
				}
			}
			return err
		}
		codec := sim.PCMU
		if k.vendor {
			codec = sim.Opus
		}
		c, err := g.browser(w.t, sim.BrowserOptions{Agent: agentOf(k.mode), Codec: codec}).Dial(ctx)
		if err == nil {
			k.party, part = c, func() error { return k.web(ctx, c) }
			report = func() error {
				r, err := c.Wait(ctx)
				k.call = r.Call
				return err
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	if err = part(); errors.Is(err, sim.ErrEnded) {
		err = nil
	}
	k.party.Hangup()
	<-k.party.Done()
	return errors.Join(err, report())
}

// agentOf is the name of the agent that asks by a mode.
func agentOf(m consent.Mode) string { return strings.ReplaceAll(string(m), "_", "-") }

// numberOf is the number of callers who are to be asked by a mode, and of that
// agent. A mode that is as mild as can be needs a place that is.
func numberOf(m consent.Mode) string {
	place := "+9992"
	if m == consent.NoticeMode {
		place = "+9991"
	}
	return fmt.Sprintf("%s%06d", place, slices.Index(consent.Modes, m))
}

// proof is what the rows of a call say of its valves.
type proof struct {
	outcome  string
	converse media.Tick // from which on they may be heard; -1 for never
	kept     media.Tick // and be kept
	since    time.Time  // when the row of that was written
}

func proofOf(d app.CallDetail) (p proof, err error) {
	p.converse, p.kept = -1, -1
	for i, row := range d.Proof {
		var body struct {
			At     float64
			Valves map[string]bool
		}
		if err := json.Unmarshal(row.Body, &body); err != nil {
			return p, err
		}
		at := media.Tick(body.At*media.TickRate + 0.5)
		if i == 0 {
			p.outcome = row.Event
		}
		if body.Valves["converse"] && p.converse < 0 {
			p.converse = at
		}
		if (body.Valves["record"] || body.Valves["transcript"] || body.Valves["snippet"]) && p.kept < 0 {
			p.kept = at
			if p.since, err = time.Parse(time.RFC3339, row.At); err != nil {
				return p, err
			}
		}
	}
	return p, nil
}

// leaks says what somebody received of a caller that was not theirs.
func (k *talker) leaks(w *witness, call string, p proof) (found []string) {
	leak := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	tooEarly := func(slot int, since media.Tick) bool { // by more than a slot
		at := k.tick(slot)
		return since < 0 || at >= 0 && at+slotTicks <= since
	}
	frames, heard := k.session.heard()
	line := k.line(k.session.rate)
	for _, f := range frames {
		switch at := int(f.At.Sample(k.session.rate)); {
		case p.converse < 0 || f.At < p.converse:
			leak("stt: the frame of %.3f s", f.At.Seconds())
		case k.leg == telephony.Phone && !slices.Equal(f.PCM, part160(line, at)):
			leak("stt: the frame of %.3f s holds something else", f.At.Seconds())
		}
	}
	for _, slot := range heard {
		if tooEarly(slot, p.converse) {
			leak("stt: the sound of %.1f s", k.tick(slot).Seconds())
		}
	}
	for name, got := range map[string][]received{"llm": w.got(&w.asked), "tts": w.got(&w.spoken), "s3": w.got(&w.puts)} {
		since := p.converse
		if name == "s3" {
			since = p.kept
		}
		for _, r := range got {
			for _, slot := range k.slotsIn(r.text) {
				if tooEarly(slot, since) || name == "s3" {
					leak("%s: the word of %.1f s", name, k.tick(slot).Seconds())
				}
			}
			if strings.Contains(r.text, k.early()) {
				leak("%s: what was typed too early", name)
			}
			if path, _, _ := strings.Cut(r.text, "\n"); name == "s3" && strings.Contains(path, call) && (p.kept < 0 || r.at.Before(p.since)) {
				leak("s3: %s", path)
			}
		}
	}
	return found
}

// slotsIn returns the slots of which a text has the caller's words.
func (k *talker) slotsIn(text string) (found []int) {
	for _, m := range slotWords.FindAllStringSubmatch(text, -1) {
		caller, _ := strconv.Atoi(m[1])
		if slot, _ := strconv.Atoi(m[2]); caller == k.number {
			found = append(found, slot)
		}
	}
	return found
}

// part160 is a frame of a line of 8 kHz, which is silent at its ends.
func part160(line []int16, at int) []int16 {
	frame := make([]int16, 160)
	if at < len(line) {
		copy(frame, line[at:])
	}
	return frame
}

// wants is how the question must end.
func (k *talker) wants() consent.Outcome {
	if k.mode == consent.NoRecord && k.outcome == consent.Granted {
		return consent.NotAsked
	}
	return k.outcome
}

// missing says what somebody should have received of a caller and did not: without
// it, that there is no leak would say nothing.
func (k *talker) missing(w *witness, p proof) (found []string) {
	if p.outcome != string(k.wants()) {
		return []string{fmt.Sprintf("the outcome is %s, want %s", p.outcome, k.wants())}
	}
	if (p.kept >= 0) != (k.wants() == consent.Granted) {
		found = append(found, fmt.Sprintf("something was kept: %v", p.kept >= 0))
	}
	if (p.converse >= 0) != k.opensConverse() {
		found = append(found, fmt.Sprintf("converse was opened: %v", p.converse >= 0))
	}
	if !k.opensConverse() {
		return found
	}
	if _, heard := k.session.heard(); len(heard) < 5 {
		found = append(found, fmt.Sprintf("stt: it heard %d slots", len(heard)))
	}
	for name, got := range map[string][]received{"llm": w.got(&w.asked), "tts": w.got(&w.spoken)} {
		if !slices.ContainsFunc(got, func(r received) bool { return len(k.slotsIn(r.text)) > 0 }) {
			found = append(found, name+": no word of theirs")
		}
	}
	return found
}

// kept holds the caller's recording against what they said: silence before the
// grant, and every sample of theirs after it.
func (k *talker) kept(r *app.Records, call string, p proof) (found []string) {
	var wav bytes.Buffer
	if info, err := r.Recording(context.Background(), call, "t1", "", &wav); err != nil || wav.Len() < 100 {
		return []string{fmt.Sprintf("the recording is %+v, error %v", info, err)}
	}
	var doc bytes.Buffer
	if err := r.Transcript(context.Background(), call, "t1", "", "text", &doc); err != nil {
		return []string{err.Error()}
	}
	words := k.slotsIn(doc.String())
	if len(words) == 0 || k.tick(words[0])+slotTicks <= p.kept {
		found = append(found, fmt.Sprintf("the transcript holds %d words", len(words)))
	}
	rate, left := 8000, []int16(nil)
	if k.leg == telephony.Phone {
		left, _ = channels(wav.Bytes())
	} else {
		rate = 16000
		left, _ = wide(wav.Bytes())
	}
	from := int(((p.kept + media.FrameTicks - 1) / media.FrameTicks * media.FrameTicks).Sample(rate)) // frames are kept whole
	if from >= len(left) {
		return append(found, fmt.Sprintf("the recording is %d samples long, and begins at %d", len(left), from))
	}
	if slices.ContainsFunc(left[:from], func(v int16) bool { return v != 0 }) {
		found = append(found, "the recording holds sound from before the grant")
	}
	if k.leg == telephony.Phone {
		return append(found, k.asSaid(left, from)...)
	}
	clear := 0 // the gateway's clock begins with the first packet that it got
	for i := from + rate/5; i+rate/10 <= min(from+rate, len(left)); i += rate / 20 {
		slot, ok := slotOf(left[i:i+rate/10], rate)
		if !ok {
			continue // a breath
		}
		clear++
		if off := k.tick(slot) - media.TickOfSample(int64(i+rate/10), rate); off > 3*slotTicks || off < -2*slotTicks {
			found = append(found, fmt.Sprintf("the recording holds slot %d %.3f s off", slot, off.Seconds()))
		}
	}
	if clear < 5 {
		found = append(found, "the recording does not hold what was said since the grant")
	}
	return found
}

// asSaid holds the frames of a recording from a sample on against what was said
// then. A frame that was late may be missing.
func (k *talker) asSaid(left []int16, from int) (found []string) {
	line, same := k.line(8000), 0
	for at := from; at+160 <= len(left); at += 160 {
		said := part160(line, at)
		switch silent := make([]int16, 160); {
		case slices.Equal(left[at:at+160], silent):
		case slices.Equal(left[at:at+160], said):
			same++
		default:
			found = append(found, fmt.Sprintf("the recording holds something else at %.2f s", float64(at)/8000))
		}
	}
	if same < 25 {
		found = append(found, fmt.Sprintf("the recording holds %d frames of what was said since the grant", same))
	}
	return found
}

// beforeAgents writes an agent a mode.
func beforeAgents(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, mode := range consent.Modes {
		text := fmt.Sprintf(`name: %s
language: en
notice: {mode: %s, parts: [{kind: ai, text: I am a machine.}, {kind: recording, text: This call is recorded.}]}
silence: {after: 60s}
llm: {prompt: Repeat what you hear., greeting: Hello.}
`, agentOf(mode), mode)
		if err := os.WriteFile(filepath.Join(dir, agentOf(mode)+".yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// startBefore starts a gateway whose engines of the names in elsewhere (stt, llm,
// tts) count as other people's.
func startBefore(t *testing.T, elsewhere string) (*witness, *gateway) {
	t.Helper()
	w := newWitness(t)
	model := w.chat.URL
	if strings.Contains(elsewhere, "llm") {
		model = strings.Replace(model, "127.0.0.1", "0.0.0.0", 1) // no loopback address, and answers like one
	}
	config := configure(t, "SIDETONE_AGENTS_DIR="+beforeAgents(t), "SIDETONE_AGENTS_DEFAULT="+agentOf(consent.NoticeMode),
		"SIDETONE_CONSENT_JURISDICTIONS=testdata/before/jurisdictions.yaml", "SIDETONE_LLM_BASE_URL="+model+"/v1", "SIDETONE_LLM_MODEL=any",
		"SIDETONE_SPEECH_VOICE=witness", "SIDETONE_WEB_CALLS_PER_ADDRESS=100", "SIDETONE_WEB_CALLS_PER_ADDRESS_DAY=1000")
	config.Agents.Numbers = map[string]string{}
	for _, mode := range consent.Modes {
		config.Agents.Numbers[numberOf(mode)] = agentOf(mode)
	}
	return w, startOn(t, config, w.speech(elsewhere), w.s3)
}

// openBeside opens what calls leave while the gateway runs.
func openBeside(t *testing.T, g *gateway) *app.Records {
	t.Helper()
	r, err := app.OpenRecordsIn(t.Context(), g.config, g.s3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// callers returns one caller for each mode, leg and outcome that there is.
func callers(elsewhere string, legs []telephony.Kind, outcomes ...consent.Outcome) (all []*talker) {
	for _, leg := range legs {
		for _, mode := range consent.Modes {
			for _, outcome := range outcomes {
				answers := outcome == consent.Refused || outcome == consent.Undecided
				if mode == consent.NoRecord && answers || leg == telephony.Web && outcome == consent.Undecided {
					continue // nobody is asked; a page waits for two minutes
				}
				all = append(all, &talker{number: len(all) + 1, leg: leg, mode: mode, outcome: outcome,
					vendor: elsewhere != "", byVoice: !strings.Contains(elsewhere, "stt")})
			}
		}
	}
	return all
}

// tries is how often a caller calls who did not get what they wanted, as happens
// on a machine that stalls. No leak is allowed in any of their calls.
const tries = 3

// callAll has all callers call at once. It returns their calls, and of each caller
// the last one.
func callAll(t *testing.T, w *witness, g *gateway, records *app.Records, all []*talker) (calls, last []*talker) {
	t.Helper()
	var mu sync.Mutex
	var calling sync.WaitGroup
	for _, caller := range all {
		calling.Go(func() {
			for n := range tries {
				k := *caller
				k.number += n * 300
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				err := k.run(ctx, w, g)
				cancel()
				var why []string
				if err != nil {
					why = []string{err.Error()}
				} else {
					_, p := k.detail(t, records)
					why = k.missing(w, p)
				}
				mu.Lock()
				if err == nil {
					calls = append(calls, &k)
				}
				if len(why) == 0 {
					last = append(last, &k)
				}
				mu.Unlock()
				if len(why) == 0 {
					return
				}
				t.Logf("%s, try %d: %v", &k, n+1, why)
			}
			t.Errorf("%s: not in %d tries", caller, tries)
		})
	}
	calling.Wait()
	return calls, last
}

// detail waits for the last row of a caller's call, and returns the call's id and
// what its rows say.
func (k *talker) detail(t *testing.T, r *app.Records) (string, proof) {
	var events []string
	for range 400 {
		d, err := r.Call(t.Context(), k.call)
		if err != nil {
			continue
		}
		events = events[:0]
		for _, row := range d.Proof {
			events = append(events, row.Event)
		}
		p, err := proofOf(d)
		if err != nil {
			t.Errorf("%s: %v", k, err)
			continue
		}
		if n := len(d.Proof); n > 0 && (events[n-1] == "ended" || p.outcome == string(consent.Abandoned)) {
			return d.ID, p
		}
		<-time.After(50 * time.Millisecond)
	}
	t.Errorf("%s: the rows of call %q have no end: %q", k, k.call, events)
	return "none", proof{converse: -1, kept: -1}
}

// earlyKeys is what the language model is told of keys that were pressed before
// the answer, or as the answer.
var earlyKeys = regexp.MustCompile(`pressed the keys [^.]*[1279*]`)

// TestNothingLeaksBeforeConsent holds what recognition, language model, voice and
// object store received against the rows of the ledger, byte by byte: nothing of a
// caller before the tick of the row that permits it, and nothing at all without
// one. The callers talk over the message, press keys and type. The language model
// and the store are reached over their own wires. No engine of another company for
// recognition or voice is built in yet; those here count as such by what they say
// of themselves.
func TestNothingLeaksBeforeConsent(t *testing.T) {
	t.Parallel()
	var gateways sync.WaitGroup
	both, phone := []telephony.Kind{telephony.Phone, telephony.Web}, []telephony.Kind{telephony.Phone}
	everyOutcome := []consent.Outcome{consent.Granted, consent.Refused, consent.Undecided, consent.Abandoned}
	for _, c := range []struct {
		name, elsewhere string
		legs            []telephony.Kind
		outcomes        []consent.Outcome
	}{
		{"vendors", "llm tts", both, everyOutcome},
		{"local", "", both, []consent.Outcome{consent.Granted, consent.Undecided}},
		{"vendor stt", "stt", phone, []consent.Outcome{consent.Granted, consent.Refused}},
		{"vendor tts", "tts", phone, []consent.Outcome{consent.Refused}},
	} {
		gateways.Go(func() {
			t.Run(c.name, func(t *testing.T) { holdAgainstRows(t, c.elsewhere, callers(c.elsewhere, c.legs, c.outcomes...)) })
		})
	}
	gateways.Wait()
}

// holdAgainstRows has callers call a gateway, and holds what was received of them
// against the rows of their calls.
func holdAgainstRows(t *testing.T, elsewhere string, all []*talker) {
	w, g := startBefore(t, elsewhere)
	live := openBeside(t, g)
	calls, last := callAll(t, w, g, live, all)
	frames, words := 0, 0
	for _, k := range calls {
		id, p := k.detail(t, live)
		for _, fault := range k.leaks(w, id, p) {
			t.Errorf("%s: %s", k, fault)
		}
		heard, slots := k.session.heard()
		frames, words = frames+len(heard), words+len(slots)
	}
	proofs := make([]proof, len(last))
	for i, k := range last {
		k.call, proofs[i] = k.detail(t, live)
	}
	records := g.records(t)
	for i, k := range last {
		if k.wants() == consent.Granted {
			for _, fault := range k.kept(records, k.call, proofs[i]) {
				t.Errorf("%s: %s", k, fault)
			}
		}
	}
	for _, r := range w.got(&w.asked) {
		if m := earlyKeys.FindString(r.text); m != "" {
			t.Errorf("llm: %s", m)
		}
	}
	if strings.Contains(g.logs.String(), "earlybird") || slotWords.MatchString(g.logs.String()) {
		t.Error("the log holds a caller's words")
	}
	t.Logf("%d calls; received: %d frames, %d words, %d requests to the model, %d sentences, %d objects; clips matched on this machine: %d",
		len(calls), frames, words, len(w.got(&w.asked)), len(w.got(&w.spoken)), len(w.got(&w.puts)), w.answered)
}

// TestPlantedLeaksBeforeConsentAreFound plants an engine that is fed by something
// other than the gate.
func TestPlantedLeaksBeforeConsentAreFound(t *testing.T) {
	t.Parallel()
	w, g := startBefore(t, "stt llm tts")
	w.planted = true
	all := []*talker{
		{number: 1, leg: telephony.Phone, mode: consent.NoticeMode, outcome: consent.Abandoned, vendor: true},
		{number: 2, leg: telephony.Web, mode: consent.OptInDTMF, outcome: consent.Abandoned, vendor: true},
		{number: 3, leg: telephony.Phone, mode: consent.OptOutMode, outcome: consent.Granted, vendor: true},
	}
	var calls sync.WaitGroup
	for _, k := range all {
		calls.Go(func() {
			if err := k.run(t.Context(), w, g); err != nil {
				t.Errorf("%s: %v", k, err)
			}
		})
	}
	calls.Wait()
	live := openBeside(t, g)
	for _, k := range all {
		id, p := k.detail(t, live)
		found := k.leaks(w, id, p)
		for _, who := range []string{"stt: the frame", "stt: the sound", "llm: the word", "tts: the word", "s3: the word"} {
			if !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, who) }) {
				t.Errorf("%s: a planted leak to %s was not found in %d findings", k, who, len(found))
			}
		}
	}
}
