package recorder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"sidetone/media"
)

// Gap is a stretch of a track whose audio was lost on its way to the file; it
// is silence there. It is not a pause of the caller's, which no one can lose.
type Gap struct {
	Reason GapReason  `json:"reason"`
	Track  Track      `json:"track"`
	At     media.Tick `json:"at"`     // where it begins, as nearly as is known
	End    media.Tick `json:"end"`    // the end of the last frame lost
	Frames int        `json:"frames"` // how many frames, or notes, were lost
}

// GapReason says why something handed to the recorder is not in the recording.
// It is a metric label.
type GapReason string

// The reasons.
const (
	GapOverflow GapReason = "overflow" // the queue was full
	GapLate     GapReason = "late"     // its segment was sealed already
	GapDisk     GapReason = "disk"     // the disk was full or refused to write
	GapBeyond   GapReason = "beyond"   // after the longest recording there is
	GapDamaged  GapReason = "damaged"  // the spool file was damaged; Frames is 0
)

// gaps collects gaps; those that follow each other closely are one.
type gaps []Gap

// gapLimit bounds what is kept of a recording that keeps losing audio.
const gapLimit = 1000

// add notes a gap and returns it if it is a new one.
func (g *gaps) add(n Gap) (Gap, bool) {
	for i := len(*g) - 1; i >= 0 && i >= len(*g)-4; i-- {
		old := &(*g)[i]
		if old.Reason == n.Reason && old.Track == n.Track && n.At-old.End <= media.TickRate && n.At >= old.At {
			old.End = max(old.End, n.End)
			old.Frames += n.Frames
			return *old, false
		}
	}
	if len(*g) >= gapLimit {
		last := &(*g)[len(*g)-1]
		last.Frames += n.Frames
		return *last, false
	}
	*g = append(*g, n)
	return n, true
}

// reasons lists each reason once, in the order of their first gap.
func (g gaps) reasons() (list []string) {
	seen := map[GapReason]bool{}
	for _, gap := range g {
		if !seen[gap.Reason] {
			seen[gap.Reason] = true
			list = append(list, string(gap.Reason))
		}
	}
	return list
}

// journal lists, a JSON line each, what must outlive a crash and is not to be
// had from the other files: the segments that were sealed (their files go once
// they are uploaded), the gaps, the cuts and the snippets. It may be appended to by several goroutines.
type journal struct{ *os.File }

// journalLine is one line; one field is set.
type journalLine struct {
	Segment *Segment `json:"segment,omitempty"`
	Gap     *Gap     `json:"gap,omitempty"`
	Cut     *Cut     `json:"cut,omitempty"`
	Snippet *Snippet `json:"snippet,omitempty"`
}

// journalled is what a journal holds.
type journalled struct {
	segments []Segment // in order
	gaps     gaps
	cuts     []Cut
	snippets []Snippet // in the order of their ids
}

// openJournal opens a journal for appending. A line that a crash cut short is
// ended, so that the next one is whole.
func openJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("recorder: journal: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 {
		last := make([]byte, 1)
		if _, err = f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
			_, err = f.Write([]byte{'\n'})
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("recorder: journal: %w", err), f.Close())
	}
	return &journal{f}, nil
}

// append writes a line; it does not wait for the disk.
func (j *journal) append(l journalLine) (int, error) {
	b, err := json.Marshal(l)
	if err != nil {
		return 0, fmt.Errorf("recorder: journal: %w", err)
	}
	n, err := j.Write(append(b, '\n'))
	if err != nil {
		return n, fmt.Errorf("recorder: journal: %w", err)
	}
	return n, nil
}

// readJournal reads a journal. Of two lines for one segment or snippet the later
// counts. Lines that are not whole are left out: nothing was done that relied on
// them.
func readJournal(path string) (journalled, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return journalled{}, nil
	}
	if err != nil {
		return journalled{}, fmt.Errorf("recorder: journal: %w", err)
	}
	return parseJournal(b), nil
}

func parseJournal(b []byte) (all journalled) {
	for line := range bytes.Lines(b) {
		var l journalLine
		if err := json.Unmarshal(line, &l); err != nil {
			continue
		}
		switch {
		case l.Gap != nil:
			all.gaps.add(*l.Gap)
		case l.Cut != nil:
			if l.Cut.valid() {
				all.cuts = append(all.cuts, *l.Cut)
			}
		case l.Snippet != nil:
			if l.Snippet.valid() == nil {
				all.snippets = addSnippet(all.snippets, *l.Snippet)
			}
		case l.Segment == nil:
		case l.Segment.Seq == len(all.segments)+1:
			all.segments = append(all.segments, *l.Segment)
		case l.Segment.Seq >= 1 && l.Segment.Seq <= len(all.segments):
			all.segments[l.Segment.Seq-1] = *l.Segment
		}
	}
	return all
}
