package call

import (
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
)

// snippetAir is what a snippet has of the call before and after the words.
const snippetAir = 150 * media.TickRate / 1000

// clip returns the audio of words that becomes a snippet: none where the agent has
// no snippets of that kind, or the caller has not agreed to clips.
func (c *Call) clip(kind dialog.Snippets, from, to media.Tick) consent.Clip {
	if !c.Snippets.Cover(kind) || c.recorder == nil {
		return consent.Clip{}
	}
	clip, ok := c.gate.Clip(from, to, snippetAir)
	if a, b := clip.Span(); !ok || !c.allowedBetween(consent.Snippet, a, b) {
		return consent.Clip{}
	}
	return clip
}

// voiced are the newest turns that the caller spoke; what was keyed in or typed has
// no audio.
type voiced struct {
	turns [16]struct{ from, to media.Tick }
	n     int
}

func (v *voiced) add(from, to media.Tick) {
	t := &v.turns[v.n%len(v.turns)]
	t.from, t.to = from, to
	v.n++
}

// any reports whether the caller spoke between two ticks.
func (v *voiced) any(from, to media.Tick) bool {
	for _, t := range v.turns {
		if max(from, t.from) < min(to, t.to) {
			return true
		}
	}
	return false
}
