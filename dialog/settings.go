package dialog

import (
	"time"

	"sidetone/media"
)

// Settings are the timing and the fixed sentences of a Machine. Start from
// DefaultSettings or Agent.Settings: a zero duration means zero.
type Settings struct {
	Language string // BCP 47; chooses the words that are no interruption

	// FirstClip is the number of the first sentence's clip; the ones below it are
	// the announcement's.
	FirstClip media.ClipID

	EndOfTurn EndOfTurn
	Ending    Ending // tells from words whether a turn is over; nil for the built-in one

	BargeIn bool          // the caller may interrupt
	Commit  time.Duration // speech in a hold that makes it an interruption
	Resume  time.Duration // silence in a hold after which the agent speaks on

	KeyPause time.Duration // no key for so long ends a number

	SilenceAfter time.Duration // silence before the caller is asked again
	Reprompts    int           // how often, before the goodbye
	Goodbye      string        // said to a caller who stays silent

	// Guess has the replier begin while the caller's turn may yet go on; it must know
	// what to do with Input.Guess.
	Guess bool

	Wait Wait

	Protected string // passages that are not interrupted, a line each

	Truth string // said to a caller who asks whether the agent is a machine

	Apology  string // said when a reply failed
	Farewell string // said at so many failed replies in a row, before the call ends
	GiveUp   int    // so many; at least 1
	WayOut   string // and then the caller is connected to this number; empty: the call ends
}

// EndOfTurn is the silence that ends a caller's turn.
type EndOfTurn struct {
	Short   time.Duration // after a whole answer to a question for one word, such as "no", or where the engine says so
	Min     time.Duration // after words that may be a whole sentence
	Max     time.Duration // after words that go on, such as "and" or "my"; after those that may, something in between
	Digits  time.Duration // at least, where digits, spelling or an address is expected that is not whole
	Longest time.Duration // of speech without a pause: its words are taken, and the turn goes on
}

// DefaultSettings returns the timing and sentences for agents that set none.
// The sentences are English, whatever the language.
func DefaultSettings(language string) Settings {
	return Settings{
		Language:  language,
		FirstClip: 1,
		EndOfTurn: EndOfTurn{
			Short: 300 * time.Millisecond, Min: 550 * time.Millisecond, Max: 2 * time.Second,
			Digits: 1200 * time.Millisecond, Longest: 25 * time.Second,
		},
		BargeIn:      true,
		Commit:       500 * time.Millisecond,
		Resume:       350 * time.Millisecond,
		KeyPause:     2 * time.Second,
		SilenceAfter: 7 * time.Second,
		Reprompts:    2,
		Goodbye:      "I can not hear you, so I will end the call here. Goodbye.",
		Wait: Wait{
			Filler: "One moment, please.", First: 1800 * time.Millisecond,
			Again: 3500 * time.Millisecond, Lost: 6 * time.Second,
		},
		GiveUp:   2,
		Truth:    "Yes. I am an automated assistant, not a person.",
		Apology:  "I am sorry, something went wrong on my side. Could you say that again?",
		Farewell: "I am sorry, I can not go on with this call. Please try again later. Goodbye.",
	}
}
