package main

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/consent/gatetest"
	"sidetone/dialog"
	"sidetone/dialog/script"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/media/opus"
	"sidetone/transcribe"
	"sidetone/transcribe/enginetest"
	"sidetone/transcribe/moonshine"
	"sidetone/transcribe/spoken"
	"sidetone/transcribe/vad"
)

// slowest is how long after the caller's words the turn may end: a newcomer's first
// call shall not wait for more to come.
const slowest = 700 * time.Millisecond

// TestTheFirstCallIsUnderstood plays what the caller of a try without steps says to the
// interview that ships: each answer is recognised, understood and taken at once, wherever
// it lies on the detector's windows, on the phone and on the web.
func TestTheFirstCallIsUnderstood(t *testing.T) {
	agents, err := dialog.LoadAgents(filepath.Join("..", "..", "configs", "agents"))
	if err != nil {
		t.Fatal(err)
	}
	engine := moonshine.New(moonshine.Options{Dir: modelstest.Dir(t)})
	voices, err := vad.Load(modelstest.Dir(t))
	if err != nil {
		t.Fatal(err)
	}
	voice := tryCommand(&global{}).Flag("voice").DefValue
	var texts []string
	for _, step := range firstCall {
		texts = append(texts, step.value)
	}
	want := map[string]any{"used_before": true, "rating": 9.0, "matters_most": "quality", "improvement": "I would like a longer warranty.", "contact": false}
	for rate, speak := range map[int]speaker{8000: sim.SpeakAll, 16000: sim.SpeakAllWide} {
		said, err := speak(t.Context(), modelstest.Dir(t), voice, texts)
		if err != nil {
			t.Fatal(err)
		}
		for _, frames := range phases {
			c := begin(t, agents["interview"])
			for i, pcm := range said {
				u := listen(t, engine, voices, wire(t, pcm, rate, frames), rate)
				if spoken.Phrase("en", u.text) != spoken.NoPhrase {
					t.Errorf("%d Hz, %d frames: %q is heard as %q, which is for the gateway", rate, frames, texts[i], u.text)
				}
				if took := c.hears(u); took > slowest {
					t.Errorf("%d Hz, %d frames: %q is heard as %q, and the agent waits %v for more", rate, frames, texts[i], u.text, took)
				}
			}
			if !maps.Equal(c.answers, want) || !c.ended {
				t.Errorf("%d Hz, %d frames: the answers are %v, and the agent ends the call: %v", rate, frames, c.answers, c.ended)
			}
		}
	}
}

// speaker turns texts into speech.
type speaker = func(ctx context.Context, models, voice string, texts []string) ([][]int16, error)

// phases are the frames of silence before a sentence. Frames are of 20 ms and the
// detector's windows of 32, so each lies elsewhere on them.
var phases = []int{30, 31, 32, 33}

// settle is the silence after a sentence, which is longer than turns wait.
const settle = 2500 * time.Millisecond

// wire is speech after so many frames of silence, as the gateway has it from the wire:
// mu-law of 8 kHz, or Opus of what has 16.
func wire(t *testing.T, pcm []int16, rate, frames int) []int16 {
	t.Helper()
	n := media.FrameSamples(rate)
	pcm = slices.Concat(make([]int16, frames*n), pcm, make([]int16, media.TicksIn(settle).Sample(rate)))
	if rate == 8000 {
		return media.AppendPCM(nil, media.AppendULaw(nil, pcm))
	}
	encoder, err := opus.NewEncoder(opus.Options{Rate: rate, Bitrate: 32000, Complexity: 5})
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := opus.NewDecoder(rate)
	if err != nil {
		t.Fatal(err)
	}
	packet, out := make([]byte, opus.MaxPacket), make([]int16, decoder.Samples(opus.MaxDuration))
	var heard []int16
	for ; len(pcm) >= n; pcm = pcm[n:] {
		size, err := encoder.Encode(pcm[:n], packet)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decoder.Decode(packet[:size], out)
		if err != nil {
			t.Fatal(err)
		}
		heard = append(heard, out[:got]...)
	}
	return heard
}

// uttered is what the gateway makes of a sentence: its words, and what the detector
// says at each frame.
type uttered struct {
	text   string
	frames []media.Tick // their ends
	states []vad.State
}

// listen has the detector and recognition hear a sentence.
func listen(t *testing.T, engine *moonshine.Engine, voices *vad.Model, pcm []int16, rate int) (u uttered) {
	t.Helper()
	detector, err := voices.NewDetector(rate, vad.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer detector.Close()
	session, err := engine.Open(transcribe.Options{Rate: rate, Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	driver := enginetest.Drive(t, session, rate, 0)
	driver.Start()
	speech := false
	for _, f := range enginetest.Frames(pcm, rate, 0) {
		driver.Write(f.PCM)
		state, err := detector.Write(f)
		if err != nil {
			t.Fatal(err)
		}
		if state.Speech != speech {
			speech = state.Speech
			edge := state.To
			if speech {
				edge = state.From
			}
			session.Speech(edge, speech)
		}
		u.frames, u.states = append(u.frames, f.End()), append(u.states, state)
	}
	session.Finalize(driver.At)
	u.text = driver.Final().Text
	return u
}

// conversation is an interview on its turn machine, whose sentences last a second each.
type conversation struct {
	t         *testing.T
	machine   *dialog.Machine
	interview *script.Interview
	gate      *consent.Gate
	now       media.Tick
	asked     []dialog.Input
	clips     []media.ClipID
	finalized media.Tick
	answers   map[string]any
	ended     bool
}

// begin lets the agent speak until it waits for its caller.
func begin(t *testing.T, agent *dialog.Agent) *conversation {
	c := &conversation{t: t, machine: dialog.NewMachine(agent.Settings()), interview: script.New(agent.Script), gate: gatetest.Open(), answers: map[string]any{}}
	c.step(dialog.Opened{})
	c.agent()
	return c
}

// agent lets the agent say what it has to say.
func (c *conversation) agent() {
	for len(c.asked) > 0 || len(c.clips) > 0 {
		if len(c.asked) > 0 {
			in := c.asked[0]
			c.asked = c.asked[1:]
			for part, err := range c.interview.Reply(c.t.Context(), in) {
				if err != nil {
					c.t.Fatal(err)
				}
				c.step(dialog.Replied{At: c.now, Turn: in.Turn, Part: part})
			}
			c.step(dialog.ReplyEnded{At: c.now, Turn: in.Turn})
			continue
		}
		clip, from := c.clips[0], c.now
		c.clips, c.now = c.clips[1:], c.now+media.TickRate
		c.step(dialog.Played{At: c.now, Clip: clip, From: from, Offset: media.TickRate, Length: media.TickRate, Done: true})
	}
}

// hears lets the caller say a sentence and the agent answer. It returns how long after
// the caller's voice the turn ended.
func (c *conversation) hears(u uttered) time.Duration {
	c.t.Helper()
	began, speech := c.now, false
	var from, ended media.Tick
	c.finalized = 0
	for i, at := range u.frames {
		c.now = began + at
		state := u.states[i]
		switch {
		case state.Speech && !speech:
			from = began + state.From
			c.step(dialog.SpeechStarted{At: c.now, From: from})
		case !state.Speech && speech:
			ended = began + state.To
			c.step(dialog.SpeechEnded{At: c.now, To: ended, Cadence: cadences[state.Cadence]})
			c.step(dialog.Words{At: c.now, Said: c.heard(from, ended, u.text)})
		}
		speech = state.Speech
		c.step(dialog.Passed{At: c.now})
		if c.finalized != 0 {
			c.step(dialog.Words{At: c.now, Said: c.heard(from, ended, u.text), Final: true})
			c.agent()
			return (c.finalized - ended).Duration()
		}
	}
	c.t.Fatalf("%q does not end in %v", u.text, settle)
	return 0
}

// cadences are the turn machine's for the detector's.
var cadences = map[vad.Cadence]dialog.Cadence{vad.Held: dialog.Held, vad.Faded: dialog.Faded}

func (c *conversation) heard(from, to media.Tick, text string) consent.Heard {
	c.t.Helper()
	said, ok := c.gate.Heard(from, to, text)
	if !ok {
		c.t.Fatal("the gate is shut")
	}
	return said
}

func (c *conversation) step(e dialog.Event) {
	for _, a := range c.machine.Step(e) {
		switch a := a.(type) {
		case dialog.StartReply:
			c.asked = append(c.asked, a.Input)
		case dialog.Say:
			c.clips = append(c.clips, a.Clip)
		case dialog.Finalize:
			c.finalized = a.At
		case dialog.Note:
			c.answers[a.Answer.Key] = a.Answer.Value
		case dialog.End:
			c.ended = true
		}
	}
}
