package consent

import (
	"testing"

	"sidetone/media"
)

// A clip is what its valve was open for, without a break; the valves of the
// recording and of the words do not open it.
func TestClipIsWhatItsValveIsOpenFor(t *testing.T) {
	var g Gate
	g.open(Record, 0)
	g.open(Transcript, 0)
	if _, ok := g.Clip(10, 20, 5); ok {
		t.Error("admitted while its valve is shut")
	}
	g.open(Snippet, 100)
	g.shut(Snippet, 200)
	g.open(Snippet, 300)
	for name, c := range map[string]struct {
		from, to, a, b media.Tick // a is -1 where it is refused
	}{
		"within":             {120, 140, 115, 145},
		"air before":         {102, 140, 100, 145},
		"air behind":         {120, 198, 115, 200},
		"before the grant":   {99, 120, -1, 0},
		"into a pause":       {190, 210, 185, 200},
		"over a pause":       {190, 310, 185, 200},
		"from the last tick": {199, 199, 194, 200},
		"in a pause":         {200, 210, -1, 0},
		"behind it":          {301, 400, 300, 405},
		"backwards":          {140, 120, -1, 0},
	} {
		got, ok := g.Clip(c.from, c.to, 5)
		if a, b := got.Span(); ok != (c.a >= 0) || ok && (a != c.a || b != c.b) {
			t.Errorf("%s: %d to %d, %v", name, a, b, ok)
		}
	}
	g.shut(Snippet, 350)
	if got, _ := g.Clip(301, 400, 5); got != (Clip{300, 350}) {
		t.Errorf("after it was shut: %v", got)
	}
}
