package consent

import "sidetone/media"

// chooseWithin is how long a caller may take to choose a language after the last
// of them has been named.
const chooseWithin = 5 * media.TickRate

// LanguageOption is one language that a caller may choose, in its own words.
type LanguageOption struct {
	Key  byte // '0' to '9'
	Part Part
}

// Chosen is what a Chooser ends with: the number of the option, and by what.
type Chosen struct {
	Option int
	How    How // key, or silent: the first
}

func (Chosen) action() {}

// Chooser asks for the caller's language before anything else: a pure function of
// its events, like Machine, of which it knows Answered, Played, Key and Passed.
// Nothing of the caller but a key is heard.
type Chooser struct {
	options []LanguageOption
	playing int // of the options
	since   media.Tick
	done    bool
}

// NewChooser returns a chooser between options, of which the first is taken where
// the caller does not choose.
func NewChooser(options []LanguageOption) *Chooser { return &Chooser{options: options} }

// Step takes an event and returns what to do: Play, Hush and, once, Chosen.
func (c *Chooser) Step(e Event) []Action {
	if c.done {
		return nil
	}
	switch e := e.(type) {
	case Answered:
		var actions []Action
		for i := range c.options {
			actions = append(actions, Play{N: i, Part: &c.options[i].Part})
		}
		return actions
	case Played:
		c.playing = max(c.playing, e.N+1)
		c.since = e.To
	case Key:
		for i, o := range c.options {
			if o.Key == e.Digit {
				c.done = true
				return []Action{Hush{}, Chosen{i, HowKey}, Taken{}}
			}
		}
		return []Action{Taken{}}
	case Passed:
		if c.playing == len(c.options) && e.At-c.since >= chooseWithin {
			c.done = true
			return []Action{Chosen{0, HowSilent}}
		}
	}
	return nil
}
