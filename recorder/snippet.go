package recorder

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sidetone/media"
	"sidetone/seal"
)

// ErrNoSnippet means a snippet that the manifest does not list.
var ErrNoSnippet = errors.New("recorder: no such snippet")

// Snippet is a clip of one side of a call, a WAV file of its own in an object of
// its own that the take's snippets key opens: a line of the manifest.
type Snippet struct {
	ID   string     `json:"id"`   // six digits, in the order in which they were asked for; some may be missing
	Kind string     `json:"kind"` // of the note that it is of: turn, answer
	Side string     `json:"side"` // caller or agent
	From media.Tick `json:"from"` // with the air before
	To   media.Tick `json:"to"`   // with the air behind
	Sealed
}

// sides name the tracks.
var sides = [tracks]string{Caller: "caller", Agent: "agent"}

// maxSnippets is how many snippets a take may have.
const maxSnippets = 10_000

// snippetID is the id of the n-th snippet of a take, from 1.
func snippetID(n int) string { return fmt.Sprintf("%06d", n) }

// valid returns what is wrong with a line of the manifest.
func (s Snippet) valid() error {
	switch {
	case !isSnippetID(s.ID):
		return fmt.Errorf("snippet %.20q", s.ID)
	case !slices.Contains(sides[:], s.Side) || checkIDs(s.Kind) != nil:
		return fmt.Errorf("snippet %s is a %.20q of %.20q", s.ID, s.Kind, s.Side)
	case s.From >= s.To || s.Size <= 0:
		return fmt.Errorf("snippet %s from %d to %d has %d bytes", s.ID, s.From, s.To, s.Size)
	}
	return nil
}

// isSnippetID reports whether an id may be that of a snippet.
func isSnippetID(id string) bool {
	return len(id) == 6 && strings.IndexFunc(id, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// SnippetObject is the key of a snippet.
func SnippetObject(call, take, id string) string {
	return "rec/" + call + "/" + take + "/snip/" + id + ".age"
}

const snippetPrefix = "snip-"

func snippetFile(id string) string { return snippetPrefix + id + ".age" }

// addSnippet puts s into its place in the list, over an earlier one of its id.
func addSnippet(list []Snippet, s Snippet) []Snippet {
	at, found := slices.BinarySearchFunc(list, s, func(a, b Snippet) int { return cmp.Compare(a.ID, b.ID) })
	if found {
		list[at] = s
		return list
	}
	return slices.Insert(list, at, s)
}

// hasSnippet reports whether a snippet of that id is made.
func (t *take) hasSnippet(id string) bool {
	return slices.ContainsFunc(t.snippets, func(s Snippet) bool { return s.ID == id })
}

// keepSnippet lists a snippet that is in the directory of the take.
func (t *take) keepSnippet(s Snippet) {
	n, err := t.journal.append(journalLine{Snippet: &s})
	if err != nil {
		t.spool.log.Error("a snippet is not in the journal; after a crash it would be made anew", "call", t.Call, "take", t.Take, "err", err)
	}
	t.account(int64(n))
	t.snippets = addSnippet(t.snippets, s)
	t.spool.metrics.snippets.WithLabelValues(snippetMade).Inc()
}

// dropSnippets removes the snippets that a cut touches, with or without what it
// found sealed already: nothing of them has left the spool.
func (t *take) dropSnippets() {
	t.snippets = slices.DeleteFunc(t.snippets, func(s Snippet) bool {
		if !t.takesSpan(s.From, s.To) {
			return false
		}
		t.removeSnippet(s)
		return true
	})
}

// removeSnippet takes a snippet that was taken back off the spool.
func (t *take) removeSnippet(s Snippet) {
	if err := os.Remove(t.path(snippetFile(s.ID))); err != nil {
		t.spool.log.Error("a snippet that was taken back is still on the spool", "call", t.Call, "take", t.Take, "snippet", s.ID, "err", err)
	}
	t.account(-s.Size)
	t.spool.metrics.snippets.WithLabelValues(snippetCut).Inc()
}

// takesSpan reports whether c takes back something between two ticks, with what it
// found sealed already.
func (c Cut) takesSpan(from, to media.Tick) bool { return max(from, c.Asked) < min(to, c.To) }

// takesSpan reports whether one of the take's cuts takes back something between
// two ticks.
func (t *take) takesSpan(from, to media.Tick) bool {
	return slices.ContainsFunc(t.cuts, func(c Cut) bool { return c.takesSpan(from, to) })
}

// linked returns a note without its link where its snippet has not been made.
func (t *take) linked(note []byte) []byte {
	if !bytes.Contains(note, []byte(`"snippet":`)) {
		return note
	}
	var l Line
	if json.Unmarshal(note, &l) != nil || l.Snippet == "" || t.hasSnippet(l.Snippet) {
		return note
	}
	l.Snippet = ""
	b, err := json.Marshal(l)
	if err != nil {
		return note // which no line that was parsed can cause
	}
	return append(b, '\n')
}

// snippetObjects are the snippets, for the outbox.
func (t *take) snippetObjects() (objects []object) {
	for _, s := range t.snippets {
		name := snippetFile(s.ID)
		o := newObject(SnippetObject(t.Call, t.Take, s.ID), t.path(name), nil, false)
		o.size, o.sha256 = s.Size, s.SHA256
		objects = append(objects, o)
	}
	return objects
}

// settleSnippets finds out what a crash left of the snippets in the journal:
// nothing of them is stored before there is a manifest.
func (t *take) settleSnippets() error {
	var failed error
	t.snippets = slices.DeleteFunc(t.snippets, func(s Snippet) bool {
		b, err := os.ReadFile(t.path(snippetFile(s.ID)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = fmt.Errorf("recorder: recover: %w", err)
		}
		return err != nil || sha256.Sum256(b) != s.SHA256
	})
	return failed
}

// offerSnippets hands over what is left of the snippets of a take that had its
// manifest.
func (t *take) offerSnippets() error {
	paths, err := filepath.Glob(t.path(snippetFile("*")))
	if err != nil {
		return fmt.Errorf("recorder: recover: %w", err)
	}
	for _, path := range paths {
		name := filepath.Base(path)
		id := strings.TrimSuffix(strings.TrimPrefix(name, snippetPrefix), ".age")
		if !isSnippetID(id) {
			continue
		}
		if err := t.offer(name, SnippetObject(t.Call, t.Take, id), false); err != nil {
			return err
		}
	}
	return nil
}

// Snippet returns a snippet of the manifest as the WAV file it is. It returns an
// error that wraps ErrNoSnippet for an id that is not listed.
func (r *Recording) Snippet(ctx context.Context, id string) (Snippet, []byte, error) {
	for _, s := range r.manifest.Snippets {
		if s.ID == id {
			b, err := r.open(ctx, SnippetObject(r.Call, r.Take, id), s.Sealed, seal.Snippets)
			return s, b, err
		}
	}
	return Snippet{}, nil, fmt.Errorf("%w: %.20q", ErrNoSnippet, id)
}
