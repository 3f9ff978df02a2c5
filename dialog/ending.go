package dialog

import (
	"slices"
	"strings"
	"unicode"

	"sidetone/media"
)

// Ending tells from the words of a caller's turn whether it is over. The
// machine has one of its own, which knows words that no sentence ends with, and
// digits, letters and addresses; a model can take its place.
//
// It is asked on the call's goroutine, for each new partial and each pause: it
// must not block, and answer within a millisecond. Whoever takes longer gives a
// Hint with the words instead.
type Ending interface {
	// Over returns the probability, 0 to 1, that nothing follows these words, in an
	// answer to what the agent expects; 1 where the turn may end at once. The words
	// are as recognition writes them.
	Over(words string, expect Expect) float64
}

// Hint is what an engine that detects turns makes of the caller's open one.
type Hint uint8

// The hints.
const (
	NoHint Hint = iota
	MayEnd      // the turn may have ended
	GoesOn      // it goes on after all
	Ended       // it has ended
)

// Cadence is how the caller's voice ended before a pause.
type Cadence uint8

// The cadences.
const (
	NoCadence Cadence = iota // nothing can be told from it
	Held                     // as in the middle of a sentence: loud, and not low
	Faded                    // it grew faint
)

// How sure the built-in Ending is. Between sure and unlikely the silence that
// ends a turn grows from its shortest to its longest.
const (
	sure     = 0.85
	likely   = 0.8
	perhaps  = 0.7
	even     = 0.5
	seldom   = 0.3
	unlikely = 0.15
)

// Recognition writes a comma where the voice does not fall. After a few words that
// is an item, or the begin of something; so many may be a sentence.
const (
	item   = 2 // words, at most
	clause = 5 // at least
)

// Over implements Ending.
func (l lexicon) Over(said string, expect Expect) float64 {
	words := wordsOf(said)
	if len(words) == 0 {
		return sure
	}
	if expect == ExpectKey && l.closed(words) {
		return 1
	}
	last := words[len(words)-1]
	run := l.run(words)
	switch {
	case addressed(words):
		return sure
	case run.length() > 1 && expect != ExpectKey:
		return run.over(len(words), expect)
	case slices.Contains(l.open, last), trailing(said), l.adverb(words):
		return 0
	case expect == ExpectKey:
		return sure
	case slices.Contains(l.announcing, last), slices.Contains(l.wanting, last):
		return seldom
	case slices.Contains(l.openers, strings.Join(words, " ")):
		return even
	case expect == ExpectDigits && (last == "at" || last == "dot"):
		return 0
	case run.length() == 1:
		return run.over(len(words), expect)
	case expect == ExpectDigits:
		return even
	case slices.Contains(l.answers, words[0]):
		return sure
	case l.listed(said):
		return even
	case strings.HasSuffix(strings.TrimSpace(said), ","):
		if len(words) >= clause {
			return likely
		}
		return perhaps
	case len(words) <= item && len(l.answers) > 0:
		return perhaps
	}
	return sure
}

// listed reports whether words are the items of a list, of which the last is
// yet to come: there is no "and" before it.
func (l lexicon) listed(said string) bool {
	items := strings.Split(strings.TrimRight(said, " ,."), ",")
	return len(items) > 1 && !slices.ContainsFunc(items, func(one string) bool {
		words := wordsOf(one)
		return len(words) > item || len(words) > 0 && slices.Contains(l.open, words[0])
	})
}

// run is the digits and letters at the end of a text.
type run struct{ digits, letters, values, words int }

func (r run) length() int { return r.digits + r.letters + r.values }

// over is the probability that digits and letters are all there. A number of
// the telephone has ten digits, of which seven may be said.
func (r run) over(words int, expect Expect) float64 {
	switch {
	case r.letters == 0 && r.digits >= 10:
		return sure
	case r.length() > 1 || expect == ExpectDigits:
		return even
	case r.words == words:
		return likely // of what may be a list
	}
	return sure
}

// run returns what a text ends in of digits, numbers and single letters.
func (l lexicon) run(words []string) (r run) {
	for i := len(words) - 1; i >= 0; i-- {
		w := words[i]
		switch {
		case numeral(w):
			r.digits += len(w)
		case slices.Contains(l.digits, w):
			r.digits++
		case slices.Contains(l.numbers, w):
			if i+1 == len(words) || !slices.Contains(l.digits, words[i+1]) {
				r.values++ // twenty five is one number, by its digit
			}
		case len([]rune(w)) == 1:
			r.letters++
		default:
			return r
		}
		r.words++
	}
	return r
}

// closed reports whether words are a whole answer to a question that takes one
// key or a word.
func (l lexicon) closed(words []string) bool {
	last := words[len(words)-1]
	return len(words) <= 2 && !slices.Contains(l.open, last) &&
		(slices.Contains(l.answers, words[0]) || slices.Contains(l.answers, last) || slices.Contains(l.digits, last))
}

// adverb reports whether words end in an adverb after a verb that wants more,
// such as "are currently".
func (l lexicon) adverb(words []string) bool {
	n := len(words)
	return n > 1 && l.adverbs != "" && strings.HasSuffix(words[n-1], l.adverbs) && slices.Contains(l.open, words[n-2])
}

// addressed reports whether words end as an e-mail address does.
func addressed(words []string) bool {
	n := len(words)
	if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, "@") }) {
		return strings.Contains(words[n-1], "@") || slices.Contains(domains, words[n-1])
	}
	at := slices.Contains(words, "at")
	tail := strings.Join(words[max(0, n-4):], "")
	return at && slices.ContainsFunc(domains, func(d string) bool { return strings.HasSuffix(tail, "dot"+d) })
}

// domains are how most addresses end.
var domains = []string{"com", "net", "org", "edu", "gov", "info", "de", "fr", "es", "uk", "eu", "io"}

func numeral(w string) bool {
	return strings.IndexFunc(w, func(r rune) bool { return !unicode.IsNumber(r) && r != '-' && r != '+' }) < 0
}

// trailing reports whether recognition wrote that the caller breaks off.
func trailing(said string) bool {
	said = strings.TrimSpace(said)
	return strings.HasSuffix(said, "...") || strings.HasSuffix(said, "…") || strings.HasSuffix(said, "-") || strings.HasSuffix(said, "–")
}

// late is how much longer a turn waits for the words of its newest speech.
const late = 300 * media.TickRate / 1000

// fresh is how far before the end of speech words may end that are all of it.
const fresh = 300 * media.TickRate / 1000

// patience is the silence that ends the caller's turn.
func (m *Machine) patience() media.Tick {
	e, set, expect := &m.ear, m.set.EndOfTurn, m.Expecting()
	short, shortest := media.TicksIn(set.Short), media.TicksIn(set.Min)
	longest := max(shortest, media.TicksIn(set.Max))
	if e.hint == Ended && expect != ExpectDigits {
		return min(short, shortest)
	}
	if e.partial == "" && e.hint == NoHint {
		if expect == ExpectDigits {
			return max(shortest, media.TicksIn(set.Digits))
		}
		return shortest
	}
	over := m.over()
	stale := e.partial != "" && e.known < e.to-fresh
	switch {
	case stale:
		shortest = min(shortest+late, longest)
	case over >= 1:
		shortest = min(short, shortest)
	}
	switch {
	case over >= sure:
		return shortest
	case over <= unlikely:
		return longest
	case expect == ExpectDigits:
		return max(shortest, media.TicksIn(set.Digits))
	}
	share := (sure - over) / (sure - unlikely)
	return shortest + media.Tick(share*float64(longest-shortest))
}

// over is the probability that the caller's turn is over, by its words, what the
// engine makes of it, and the voice. At the end of a question it rises as it does in
// the middle of a sentence; where it fades, a comma is no sign that it does not fall.
func (m *Machine) over() float64 {
	e := &m.ear
	switch e.hint {
	case GoesOn:
		return 0
	case MayEnd, Ended:
		return max(sure, e.over)
	}
	switch {
	case e.cadence == Held && m.Expecting() != ExpectKey && !question(e.partial): // a question for a word has its answer
		return min(e.over, seldom)
	case e.cadence == Faded && e.over >= likely:
		return max(e.over, sure)
	}
	return e.over
}

// question reports whether recognition wrote that the caller asks something.
func question(said string) bool { return strings.HasSuffix(strings.TrimSpace(said), "?") }

// soFar returns all words of the caller's turn, with those that were answered
// by nobody because the caller went on.
func (m *Machine) soFar() string {
	var said []string
	for _, h := range m.pending {
		said = append(said, h.String())
	}
	return strings.TrimSpace(strings.Join(append(said, m.ear.partial), " "))
}
