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

// WriteText writes the transcript as plain text, a line each turn.
func (t Transcript) WriteText(w io.Writer) error {
	for _, turn := range t.Turns {
		tail := ""
		if turn.Interrupted {
			tail = " -"
		}
		if _, err := fmt.Fprintf(w, "[%s] %-6s  %s%s\n", clock(turn.From), turn.Speaker, turn.Text, tail); err != nil {
			return err
		}
	}
	return nil
}

// WriteWebVTT writes the transcript as a WebVTT file with voice spans
// (https://www.w3.org/TR/webvtt1/).
func (t Transcript) WriteWebVTT(w io.Writer) error {
	if _, err := io.WriteString(w, "WEBVTT\n"); err != nil {
		return err
	}
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\n", " ")
	for _, turn := range t.Turns {
		to := max(turn.To, turn.From+0.001)
		if _, err := fmt.Fprintf(w, "\n%s --> %s\n<v %s>%s\n", clock(turn.From), clock(to), turn.Speaker, escape.Replace(turn.Text)); err != nil {
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
