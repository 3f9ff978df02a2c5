package call_test

import (
	"slices"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
	"sidetone/recorder"
)

// TestSnippets holds that the turns and answers of a conversation, as the agent
// wants it and the caller allows it, have clips that are linked from their lines,
// and that what was keyed in has none.
func TestSnippets(t *testing.T) {
	for name, c := range map[string]struct {
		snippets dialog.Snippets
		shut     bool     // the rule of clips
		turns    []string // links: of each turn
		answers  []string // of each answer
		kinds    []string // of each snippet, with its side
	}{
		"turns": {dialog.TurnSnippets, false, []string{"", "", "000001", "000002", "000003", "", "", "000004"}, []string{"000002", ""},
			[]string{"turn agent", "turn caller", "turn agent", "turn agent"}},
		"answers":      {dialog.AnswerSnippets, false, make([]string, 8), []string{"000001", ""}, []string{"answer caller"}},
		"none":         {dialog.NoSnippets, false, make([]string, 8), make([]string, 2), nil},
		"not allowed":  {dialog.TurnSnippets, true, make([]string, 8), make([]string, 2), nil},
		"not answered": {"", false, make([]string, 8), make([]string, 2), nil},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, engine: &engine{},
					snippets: c.snippets, unclipped: c.shut,
					replier: &replies{each: []string{"440Hz", "answer:q1. 500Hz", "answer:q2. 600Hz"}}})
				line := g.dial()
				for _, wait := range []time.Duration{2 * time.Second, 700 * time.Millisecond} {
					if err := line.WaitAgent(t.Context(), wait); err != nil {
						t.Fatal(err)
					}
				}
				spoken := line.Say(media.Tone(8000, 1200, time.Second, -10))
				if err := line.WaitUntil(t.Context(), media.TicksIn(12*time.Second)); err != nil {
					t.Fatal(err)
				}
				line.Press("42")
				if err := line.WaitUntil(t.Context(), media.TicksIn(20*time.Second)); err != nil {
					t.Fatal(err)
				}
				line.Hangup()
				g.end(line)
				rec := g.recording()
				var turns, answers, kinds []string
				for _, turn := range rec.turns {
					turns = append(turns, turn.Snippet)
				}
				for _, a := range rec.answers {
					answers = append(answers, a.Snippet)
				}
				for _, s := range rec.manifest.Snippets {
					kinds = append(kinds, s.Kind+" "+s.Side)
				}
				if !slices.Equal(turns, c.turns) || !slices.Equal(answers, c.answers) || !slices.Equal(kinds, c.kinds) {
					t.Errorf("turns %q, answers %q of %q; want %q, %q of %q", turns, answers, kinds, c.turns, c.answers, c.kinds)
				}
				for _, s := range rec.manifest.Snippets {
					g.checkSnippet(rec, s, spoken.From)
				}
			})
		})
	}
}

// checkSnippet holds that a snippet is what the recording holds there: the caller's
// with all of the tone, the agent's with its own.
func (g *gateway) checkSnippet(rec recording, s recorder.Snippet, spoken media.Tick) {
	g.t.Helper()
	_, file, err := g.open("t1").Snippet(g.t.Context(), s.ID)
	if err != nil {
		g.t.Fatal(err)
	}
	a, err := media.DecodeWAV(file)
	if err != nil {
		g.t.Fatal(err)
	}
	track := rec.right
	if s.Side == "caller" {
		track = rec.left
	}
	if !slices.Equal(a.PCM, track[s.From.Sample(8000):s.To.Sample(8000)]) {
		g.t.Errorf("%+v is not what the recording holds", s)
	}
	end := spoken + media.TickRate
	if s.Side == "caller" && (s.From > spoken-media.TickRate/10 || s.To < end || onset(a.PCM, 1200) < 0) {
		g.t.Errorf("%+v does not hold what was said from %d to %d", s, spoken, end)
	}
	if s.Side == "agent" && onset(a.PCM, 440)+onset(a.PCM, 500)+onset(a.PCM, 600) < -2 {
		g.t.Errorf("%+v does not hold what the agent said", s)
	}
}
