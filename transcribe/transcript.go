package transcribe

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sidetone/media"
)

// Speaker is who said something.
type Speaker string

// The speakers of a call.
const (
	Caller Speaker = "caller"
	Agent  Speaker = "agent"
)

// The kinds of note that a transcript is made of.
const (
	NoteTurn     = "turn"
	NoteAnswer   = "answer"
	NoteMetadata = "metadata"
)

// Turn is one turn of a transcript. From and To are seconds on the recording's
// clock; an agent's turn is cut where its playing ended.
type Turn struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
	Text string  `json:"text"`
	Manner
	Snippet string `json:"snippet,omitempty"` // id of its audio
}

// Manner is how a turn was said: the document of a NoteTurn.
type Manner struct {
	Speaker     Speaker `json:"speaker"`
	Interrupted bool    `json:"interrupted,omitempty"`
	Keyed       bool    `json:"keyed,omitempty"`      // pressed, not said
	Typed       bool    `json:"typed,omitempty"`      // written, not said
	Engine      string  `json:"engine,omitempty"`     // that recognised or spoke it
	Confidence  float64 `json:"confidence,omitempty"` // 0 to 1; 0 when unknown
}

// Answer is a structured answer of the caller, understood from what was said
// between From and To.
type Answer struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
	Meaning
	Snippet string `json:"snippet,omitempty"` // id of its audio
}

// Meaning is what was understood of an answer: the document of a NoteAnswer.
type Meaning struct {
	Key   string `json:"key"`
	Kind  string `json:"kind"`
	Value any    `json:"value"`
}

// Transcript is what was said in a call, in order. Of several answers to one
// question it holds the last.
type Transcript struct {
	Call    string   `json:"call"`
	Turns   []Turn   `json:"turns"`
	Answers []Answer `json:"answers"`
	// Metadata is what the operator's own systems said about the caller.
	Metadata map[string]string `json:"metadata,omitempty"`
	// SnippetURL is where a snippet is had, by its id; nil: nobody knows.
	SnippetURL func(id string) string `json:"-"`
	// Corrections are notes that were made after the call, in that order.
	Corrections []Correction `json:"corrections,omitempty"`
}

// Correction is a note of somebody who has read the transcript, about a place in it or
// about the call.
type Correction struct {
	ID   string    `json:"id"`
	Made time.Time `json:"made_at"`
	At   *float64  `json:"at,omitempty"` // seconds on the recording's clock; nil: of the call
	Text string    `json:"text,omitempty"`
	Lost bool      `json:"lost,omitempty"` // it can not be read, though it should be there
}

// line is the note in one line.
func (c Correction) line() string {
	if c.Lost {
		return "(a correction that can not be read)"
	}
	return strings.Join(strings.Fields(c.Text), " ")
}

// of returns the corrections that belong behind a turn, before the next one; turn -1 is
// before the first, and those of the call belong behind the last.
func (t Transcript) of(turn int) (some []Correction) {
	for _, c := range t.Corrections {
		at := len(t.Turns) - 1
		if c.At != nil {
			at = -1
			for i, other := range t.Turns {
				if other.From <= *c.At+0.0005 { // as it is shown
					at = i
				}
			}
		}
		if at == turn {
			some = append(some, c)
		}
	}
	return some
}

// Add takes the next note of a call: what was said between two ticks of the
// recording, the document beside it, and the id of its snippet, if it has one.
// Kinds it does not know are left out.
func (t *Transcript) Add(kind string, from, to media.Tick, text string, doc []byte, snippet string) error {
	var err error
	switch kind {
	case NoteTurn:
		turn := Turn{From: from.Seconds(), To: to.Seconds(), Text: text, Snippet: snippet}
		err = json.Unmarshal(doc, &turn.Manner)
		t.Turns = append(t.Turns, turn)
	case NoteAnswer:
		a := Answer{From: from.Seconds(), To: to.Seconds(), Snippet: snippet}
		err = json.Unmarshal(doc, &a.Meaning)
		t.Answers = slices.DeleteFunc(t.Answers, func(b Answer) bool { return b.Key == a.Key })
		t.Answers = append(t.Answers, a)
	case NoteMetadata:
		err = json.Unmarshal(doc, &t.Metadata)
	}
	if err != nil {
		return fmt.Errorf("transcribe: note of kind %s: %w", kind, err)
	}
	return nil
}

// WriteJSON writes the transcript as one indented JSON object.
func (t Transcript) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(t)
}

// snippet is where the audio of a turn is had, or else its id.
func (t Transcript) snippet(turn Turn) string {
	if turn.Snippet == "" || t.SnippetURL == nil {
		return turn.Snippet
	}
	return t.SnippetURL(turn.Snippet)
}

// WriteText writes the transcript as plain text, a line each turn and each correction.
// A turn ends in its snippet, if it has one.
func (t Transcript) WriteText(w io.Writer) error {
	if err := t.writeCorrections(w, -1); err != nil {
		return err
	}
	for i, turn := range t.Turns {
		tail := ""
		if turn.Interrupted {
			tail = " -"
		}
		if at := t.snippet(turn); at != "" {
			tail += "  [snippet " + at + "]"
		}
		if _, err := fmt.Fprintf(w, "[%s] %-6s  %s%s\n", clock(turn.From), turn.Speaker, turn.Text, tail); err != nil {
			return err
		}
		if err := t.writeCorrections(w, i); err != nil {
			return err
		}
	}
	return nil
}

// writeCorrections writes the corrections behind a turn as plain text.
func (t Transcript) writeCorrections(w io.Writer, turn int) error {
	for _, c := range t.of(turn) {
		at := "the call"
		if c.At != nil {
			at = clock(*c.At)
		}
		if _, err := fmt.Fprintf(w, "  (correction of %s, %s: %s)\n", at, c.Made.UTC().Format(time.DateOnly), c.line()); err != nil {
			return err
		}
	}
	return nil
}

// WriteWebVTT writes the transcript as a WebVTT file with voice spans
// (https://www.w3.org/TR/webvtt1/). Corrections are comments in it, and so is where the
// snippet of a turn is had, whose id is that of its cue.
func (t Transcript) WriteWebVTT(w io.Writer) error {
	if _, err := io.WriteString(w, "WEBVTT\n"); err != nil {
		return err
	}
	if err := t.commentCorrections(w, -1); err != nil {
		return err
	}
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\n", " ")
	for i, turn := range t.Turns {
		to := max(turn.To, turn.From+0.001)
		id := ""
		if turn.Snippet != "" {
			id = turn.Snippet + "\n"
			if at := t.snippet(turn); at != turn.Snippet {
				id = "NOTE snippet " + turn.Snippet + " " + strings.ReplaceAll(at, "-->", "") + "\n\n" + id
			}
		}
		if _, err := fmt.Fprintf(w, "\n%s%s --> %s\n<v %s>%s\n", id, clock(turn.From), clock(to), turn.Speaker, escape.Replace(turn.Text)); err != nil {
			return err
		}
		if err := t.commentCorrections(w, i); err != nil {
			return err
		}
	}
	return nil
}

// commentCorrections writes the corrections behind a turn as comments of WebVTT, which
// hold no arrow.
func (t Transcript) commentCorrections(w io.Writer, turn int) error {
	for _, c := range t.of(turn) {
		if _, err := fmt.Fprintf(w, "\nNOTE correction, %s: %s\n", c.Made.UTC().Format(time.DateOnly), strings.ReplaceAll(c.line(), "-->", "->")); err != nil {
			return err
		}
	}
	return nil
}

// clock formats seconds as hh:mm:ss, a point, and milliseconds.
func clock(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Millisecond)
	h, m, s, ms := d/time.Hour, d/time.Minute%60, d/time.Second%60, d/time.Millisecond%1000
	return fmt.Sprintf("%02d:%02d:%02d.%03d", h, m, s, ms)
}
