package recorder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sidetone/consent"
	"sidetone/media"
)

// ErrNoWords means a note whose words no consent gate has let through.
var ErrNoWords = errors.New("recorder: a note needs admitted words")

// Note is something that was said and may be kept, with what is known of it: a
// turn of the transcript, an answer. Words belong into Text and nowhere else.
type Note struct {
	Kind string       // "turn", "answer", ...
	Text consent.Text // with the ticks between which it was said
	Doc  any          // as JSON beside it: speaker, engine, question, ...; nil for nothing
	Clip consent.Clip // the audio that becomes a snippet; empty for none
	Side Track        // whose audio that is
}

// Line is a Note as it is stored: a line of notes.age, which holds JSON lines.
// Ticks are those of the call; the manifest's origin is the file's first sample.
type Line struct {
	Kind string          `json:"kind"`
	From media.Tick      `json:"from"`
	To   media.Tick      `json:"to"`
	Text string          `json:"text"`
	Doc  json.RawMessage `json:"doc,omitempty"`
	// Snippet is the id of the note's audio in the manifest; empty where there is none.
	Snippet string `json:"snippet,omitempty"`
}

// line returns the note as a JSON line that names its snippet, if it has one.
func (n Note) line(snippet string) ([]byte, error) {
	if n.Text.String() == "" {
		return nil, ErrNoWords
	}
	l := Line{Kind: n.Kind, Text: n.Text.String(), Snippet: snippet}
	l.From, l.To = n.Text.Span()
	if n.Doc != nil {
		doc, err := json.Marshal(n.Doc)
		if err != nil {
			return nil, fmt.Errorf("recorder: note: %w", err)
		}
		l.Doc = doc
	}
	b, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("recorder: note: %w", err)
	}
	if len(b) >= recordLimit-recordMeta {
		return nil, fmt.Errorf("recorder: note of %d bytes", len(b))
	}
	return append(b, '\n'), nil
}

// parseLines parses what notes.age holds.
func parseLines(b []byte) ([]Line, error) {
	var lines []Line
	for raw := range bytes.Lines(b) {
		var l Line
		if err := json.Unmarshal(raw, &l); err != nil {
			return lines, fmt.Errorf("recorder: notes, line %d: %w", len(lines)+1, err)
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// Anchor ties a tick to a wall time.
type Anchor struct {
	Tick media.Tick `json:"tick"`
	Wall time.Time  `json:"wall"`
}

// Meta is what meta.age holds, as JSON: what is known of a take beside its
// audio and words. The identity of its audio and that of its text open it.
type Meta struct {
	Version int      `json:"version"`
	Anchors []Anchor `json:"anchors"`
	Gaps    []Gap    `json:"gaps,omitempty"`
}
