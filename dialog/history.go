package dialog

import (
	"slices"
	"strings"
	"unicode/utf8"

	"sidetone/media"
)

// speakingRate is how many characters a second are spoken, for sentences that
// are still being made while they are played.
const speakingRate = 14

// Words returns all of the caller's turn: Said, and before it the caller's
// lines that end the History, which came apart from it by a pause that did not
// end the turn. Of a turn on the keypad it returns the keys.
func (in Input) Words() string {
	if in.Kind != Said && in.Kind != Keyed {
		return ""
	}
	turn := []string{in.Said.String()}
	for _, line := range slices.Backward(in.History) {
		said := line.Caller.String()
		if said == "" || in.Kind == Keyed && !isKey(said) {
			break
		}
		turn = append(turn, said)
	}
	slices.Reverse(turn)
	return strings.Join(turn, " ")
}

// isKey reports whether a line of the caller's is a key.
func isKey(said string) bool { return len(said) == 1 && strings.Contains("0123456789*#ABCD", said) }

// Progress is how far a sentence of the agent's has been played.
type Progress struct {
	Turn   TurnID
	Text   string
	Played string // the words of Text that were played whole
	Done   bool
}

// Progress returns how far a clip of the current reply has been played.
func (m *Machine) Progress(id media.ClipID) (Progress, bool) {
	c := m.reply.clip(id)
	if c == nil {
		return Progress{}, false
	}
	return Progress{Turn: m.reply.turn, Text: c.text, Played: c.played(), Done: c.done}, true
}

// played returns the words of the clip that were played whole. The time is
// spread evenly over the characters; of a clip whose length is not known yet,
// they are taken to last as long as usual.
func (c *clip) played() string {
	if c.done && c.offset > 0 {
		return c.text
	}
	total := utf8.RuneCountInString(c.text)
	length := c.length
	if length == 0 {
		length = media.Tick(total) * media.TickRate / speakingRate
	}
	if length == 0 {
		return ""
	}
	heard := min(total, int(c.offset*media.Tick(total)/length))
	end, n := 0, 0
	for i, r := range c.text {
		if n == heard {
			if r == ' ' {
				end = i
			}
			break
		}
		if r == ' ' {
			end = i
		}
		n++
	}
	if heard == total {
		end = len(c.text)
	}
	return strings.TrimRight(c.text[:end], " ")
}
