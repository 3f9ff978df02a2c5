package transcribe

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Speaker is who said something.
type Speaker string

// The speakers of a call.
const (
	Caller Speaker = "caller"
	Agent  Speaker = "agent"
)

// Turn is one turn of a transcript. From and To are seconds on the recording's
// clock; an agent's turn is cut where its playing ended.
type Turn struct {
	Speaker     Speaker `json:"speaker"`
	From        float64 `json:"from"`
	To          float64 `json:"to"`
	Text        string  `json:"text"`
	Interrupted bool    `json:"interrupted,omitempty"`
	Keyed       bool    `json:"keyed,omitempty"`      // pressed, not said
	Engine      string  `json:"engine,omitempty"`     // that recognised or spoke it
	Confidence  float64 `json:"confidence,omitempty"` // 0 to 1; 0 when unknown
}

// Answer is a structured answer of the caller.
type Answer struct {
	Key   string  `json:"key"`
	Kind  string  `json:"kind"`
	Value any     `json:"value"`
	From  float64 `json:"from"`
	To    float64 `json:"to"`
}

// Note is one line of a call's sealed notes: either a turn or an answer, in the
// order in which they happened.
type Note struct {
	Turn   *Turn   `json:"turn,omitempty"`
	Answer *Answer `json:"answer,omitempty"`
}

// Transcript is what was said in a call, in order.
type Transcript struct {
	Call    string   `json:"call"`
	Turns   []Turn   `json:"turns"`
	Answers []Answer `json:"answers"`
}

// ReadNotes makes the transcript of a call of its notes, each a JSON object.
// Of several answers to one question the last counts.
func ReadNotes(call string, notes []json.RawMessage) (Transcript, error) {
	t := Transcript{Call: call, Turns: []Turn{}, Answers: []Answer{}}
	place := map[string]int{}
	for i, line := range notes {
		var n Note
		if err := json.Unmarshal(line, &n); err != nil {
			return Transcript{}, fmt.Errorf("transcribe: note %d: %w", i+1, err)
		}
		if n.Turn != nil {
			t.Turns = append(t.Turns, *n.Turn)
		}
		if n.Answer == nil {
			continue
		}
		if at, ok := place[n.Answer.Key]; ok {
			t.Answers[at] = *n.Answer
			continue
		}
		place[n.Answer.Key] = len(t.Answers)
		t.Answers = append(t.Answers, *n.Answer)
	}
	return t, nil
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
