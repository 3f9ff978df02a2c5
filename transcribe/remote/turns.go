package remote

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"sidetone/media"
	"sidetone/transcribe"
)

// turns puts what an engine recognised together to turns. It does no I/O and
// reads no clock.
type turns struct {
	passages []*passage // by key
	floor    media.Tick // words before it belong to turns that have ended
	done     int64      // passages up to this key are done with
	lost     []spokenWord
}

func newTurns() turns { return turns{floor: -1, done: none} }

// passage is a Passage on the call's clock.
type passage struct {
	key   int64
	words []spokenWord
	timed bool // the engine says where the words are
	from  media.Tick
	taken int // of the words, where they are not timed: how many belong to turns that have ended
	final bool
}

// spokenWord is a word on the call's clock.
type spokenWord struct {
	transcribe.Word
	sure  float64
	timed bool
}

// middle is the tick that decides to which turn a word belongs.
func (w spokenWord) middle() media.Tick { return w.From + (w.To-w.From)/2 }

// put takes a passage, and reports whether it says anything new.
func (t *turns) put(p *Passage, r *ruler) bool {
	if p.Key <= t.done {
		return false
	}
	i, found := slices.BinarySearchFunc(t.passages, p.Key, func(q *passage, key int64) int { return cmp.Compare(q.key, key) })
	switch {
	case !found:
		t.passages = slices.Insert(t.passages, i, &passage{key: p.Key})
	case t.passages[i].final:
		return false // said twice
	}
	q := t.passages[i]
	q.final = p.Final
	q.words, q.timed = placed(p, r)
	q.from = r.tick(p.From)
	return true
}

// placed puts the words of a passage on the call's clock; where they have no
// times they share the passage's.
func placed(p *Passage, r *ruler) (words []spokenWord, timed bool) {
	if len(p.Words) == 0 {
		for _, text := range strings.Fields(p.Text) {
			words = append(words, spokenWord{Word: transcribe.Word{Text: text}, sure: p.Confidence})
		}
	}
	timed = len(p.Words) > 0
	for _, w := range p.Words {
		from := r.tick(w.From)
		timed = timed && (w.From != 0 || w.To != 0)
		words = append(words, spokenWord{transcribe.Word{From: from, To: max(from, r.tick(w.To)), Text: w.Text}, unit(w.Confidence), true})
	}
	if timed {
		return words, true
	}
	from, to := r.tick(p.From), r.tick(p.To)
	for i := range words {
		n := media.Tick(len(words))
		words[i].From, words[i].To = from+(to-from)*media.Tick(i)/n, from+(to-from)*media.Tick(i+1)/n
		words[i].timed = false
	}
	return words, false
}

// unit bounds a confidence.
func unit(x float64) float64 { return min(max(x, 0), 1) }

// open returns the words that belong to no turn yet and lie before a tick.
func (t *turns) open(until media.Tick) (words []spokenWord) {
	words = append(words, t.lost...)
	for _, p := range t.passages {
		for i, w := range p.words {
			if p.timed && w.middle() > t.floor && w.middle() <= until || !p.timed && i >= p.taken && p.from < until {
				words = append(words, w)
			}
		}
	}
	return words
}

// say makes an event of the open turn up to a tick.
func (t *turns) say(until media.Tick) transcribe.Event {
	words := t.open(until)
	var e transcribe.Event
	if len(words) == 0 {
		return e
	}
	texts := make([]string, 0, len(words))
	timed := true
	for _, w := range words {
		texts = append(texts, w.Text)
		e.Confidence += w.sure / float64(len(words))
		timed = timed && w.timed
	}
	e.Text = strings.Join(texts, " ")
	e.From, e.To = words[0].From, words[len(words)-1].To
	e.From, e.To = max(e.From, t.floor), min(max(e.To, t.floor), max(until, t.floor))
	e.From = min(e.From, e.To)
	e.Confidence = unit(e.Confidence)
	if timed {
		for _, w := range words {
			e.Words = append(e.Words, w.Word)
		}
	}
	return e
}

// end ends the open turn at a tick: its words are done with, also those that the
// engine may say again.
func (t *turns) end(at media.Tick) {
	t.floor, t.lost = max(t.floor, at), nil
	t.passages = slices.DeleteFunc(t.passages, func(p *passage) bool {
		if !p.timed && p.from >= at {
			return false
		}
		p.taken = len(p.words)
		all := len(p.words) == 0 || !p.timed || p.words[len(p.words)-1].middle() <= t.floor
		if p.final && all {
			t.done = max(t.done, p.key)
		}
		return p.final && all
	})
}

// replay takes that the engine will hear the call again from a tick on, on a new
// connection: what it said of the audio before that is all there will be.
func (t *turns) replay(from media.Tick) {
	words := t.open(from)
	t.lost = slices.DeleteFunc(words, func(w spokenWord) bool { return w.middle() > from })
	t.lost = t.lost[max(0, len(t.lost)-maxLost):]
	t.passages, t.done = nil, none
}

// maxLost bounds the words that are kept of audio which is not.
const maxLost = 1000

// none is a key below all keys.
const none = math.MinInt64
