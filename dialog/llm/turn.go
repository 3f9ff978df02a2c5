package llm

import (
	"slices"
	"strings"
	"time"

	"sidetone/dialog"
	"sidetone/dialog/tts"
)

// turn is one reply on its way to the call.
type turn struct {
	in    dialog.Input
	yield func(dialog.Part, error) bool
	wait  *deadlines // of the running round; nil when there is none

	hidden    hidden
	sentences tts.Sentences
	left      int // sentences that may yet be said
	expect    dialog.Expect

	began    time.Time  // when the model began, in words or with a tool; zero until it has
	said     bool       // something was said
	words    []string   // that was
	gone     bool       // nobody listens any more, or the guess was wrong
	guess    bool       // it is a guess, and not adopted
	spent    []Spending // and not told yet
	minor    bool       // the caller is a child
	asked    bool       // tools of the agent's file have answered, and the model has not
	lookups  []lookup   // of the running answer, yet to be done
	pause    bool       // the recording will be paused, or another agent goes on
	end      bool       // the model has ended the call
	transfer string     // to this number
}

// takeOver makes ready for another engine: half a sentence of the one before is
// forgotten. The conversation that it returns has what was said since messages.
func (t *turn) takeOver(messages []Message) []Message {
	t.sentences, t.hidden = tts.Sentences{}, hidden{}
	t.end, t.transfer, t.lookups = false, "", nil
	if !t.said {
		t.began = time.Time{}
		return messages
	}
	return append(slices.Clip(messages), Message{Role: Assistant, Text: strings.Join(t.words, " ")},
		Message{Role: User, Text: "(You were cut off there. Go on after these words, and do not repeat them.)"})
}

// begin takes that the model has begun.
func (t *turn) begin() {
	if t.began.IsZero() {
		t.began = time.Now()
	}
}

// hear takes the next piece of the model's text and says what is whole.
func (t *turn) hear(text string) {
	for _, sentence := range t.sentences.Feed(t.hidden.strip(text)) {
		t.say(sentence)
	}
}

// flush says what is left when the answer is whole.
func (t *turn) flush() {
	t.hear(t.hidden.rest())
	t.say(t.sentences.Flush())
}

// truncate forgets a sentence that will not be finished, unless it is all there
// is.
func (t *turn) truncate() {
	if t.said {
		t.sentences.Flush()
	}
}

// say hands one sentence on, if there is anything in it to say.
func (t *turn) say(sentence string) {
	sentence = tts.Plain(sentence)
	if !speakable(sentence) || t.left == 0 {
		return
	}
	p := dialog.Part{Sentence: sentence}
	if !t.said && !t.began.IsZero() {
		p.Token = time.Since(t.began)
	}
	t.left--
	t.said, t.words = true, append(t.words, sentence)
	t.expect = expected(sentence)
	t.hand(p)
}

// hand yields a part. Time that the call takes for it is not the model's.
func (t *turn) hand(p dialog.Part) {
	if t.gone {
		return
	}
	p.Expect = t.expect
	if t.wait != nil {
		t.wait.pause()
		defer t.wait.resume()
	}
	t.gone = !t.yield(p, nil)
}

// finish ends the call as the model has asked for, never without a word.
func (t *turn) finish() {
	if !t.said && t.transfer != "" {
		t.say("One moment, I will connect you.")
	}
	if !t.said {
		t.say("Goodbye.")
	}
	t.hand(dialog.Part{End: true, Transfer: t.transfer})
}
