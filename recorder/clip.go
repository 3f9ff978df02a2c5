package recorder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"sidetone/media"
	"sidetone/seal"
)

// A snippet is cut out of the spool files of segments that are sealed: what is
// in them no cut takes back any more. So in a take that has snippets those files
// are held a while longer, for the longest of snippets.
const (
	longestClip = 2 * time.Minute
	maxWishes   = 256 // that wait; some 40 s of notes
	clipTries   = 3
)

// The results of asking for a snippet: metric labels.
const (
	snippetMade   = "made"
	snippetCut    = "cut"    // taken back
	snippetSilent = "silent" // there is no audio
	snippetLate   = "late"   // its audio is sealed and gone, or too much waits
	snippetError  = "error"
)

// wish asks for a snippet. It is a record of the notes' spool file, so that
// recovery can grant it.
type wish struct {
	ID    string     `json:"id"`
	Kind  string     `json:"kind"`
	Track Track      `json:"track"`
	From  media.Tick `json:"from"`
	To    media.Tick `json:"to"`
	tries int
}

// parseWish reports whether data is a wish that can be granted.
func parseWish(data []byte) (w wish, ok bool) {
	err := json.Unmarshal(data, &w)
	return w, err == nil && isSnippetID(w.ID) && w.Track < tracks && w.From < w.To && w.To-w.From <= media.TicksIn(longestClip)
}

// takesWish reports whether one of the take's cuts takes back the audio of a wish.
func (t *take) takesWish(data []byte) bool {
	w, ok := parseWish(data)
	return ok && t.takesSpan(w.From, w.To)
}

// wish returns the id of a note's snippet, empty for none, and the wish for it
// unless the note before was of the same audio. Of a longer note it is the end.
func (r *Recorder) wish(n Note) (id string, fresh wish) {
	from, to := n.Clip.Span()
	if !r.take.clips || from >= to || n.Side >= tracks {
		return "", wish{}
	}
	from = max(from, to-media.TicksIn(longestClip))
	last := r.wished
	if last.From == from && last.To == to && last.Track == n.Side {
		return last.ID, wish{}
	}
	number, _ := strconv.Atoi(last.ID) // 0 for the first
	if number >= maxSnippets {
		return "", wish{}
	}
	id = snippetID(number + 1)
	return id, wish{ID: id, Kind: n.Kind, Track: n.Side, From: from, To: to}
}

// addWish takes a wish: its record follows its note.
func (r *Recorder) addWish(w wish) {
	t := r.take
	if w.ID == "" || t.takesSpan(w.From, w.To) {
		return
	}
	first, _ := t.span(r.held)
	w.From = max(w.From, t.tick(first))
	line, err := json.Marshal(w)
	if err != nil || w.From >= w.To || len(r.wishes) >= maxWishes || !r.notes.add(kindWish, 0, line) {
		t.spool.metrics.snippets.WithLabelValues(snippetLate).Inc()
		return
	}
	r.wishes = append(r.wishes, w)
}

// nextWish returns a wish whose audio is all sealed; nil for none.
func (r *Recorder) nextWish() *wish {
	end := r.take.sealedEnd()
	for i := range r.wishes {
		if r.take.position(r.wishes[i].To) <= end {
			w := r.wishes[i]
			return &w
		}
	}
	return nil
}

// dropWishes forgets what a cut takes back.
func (r *Recorder) dropWishes() {
	r.wishes = slices.DeleteFunc(r.wishes, func(w wish) bool {
		if !r.take.takesSpan(w.From, w.To) {
			return false
		}
		r.take.spool.metrics.snippets.WithLabelValues(snippetCut).Inc()
		return true
	})
}

// unheld is the range of segments whose spool files no snippet needs any more.
func (r *Recorder) unheld() [2]int {
	to := r.held
	if !r.take.clips {
		return [2]int{to, to}
	}
	for ; to < r.next; to++ {
		_, end := r.take.span(to)
		needed := func(w wish) bool { return r.take.position(w.From) < end }
		if r.edge-end < r.take.samples(trail+longestClip) || slices.ContainsFunc(r.wishes, needed) {
			break
		}
	}
	return [2]int{r.held, to}
}

// settleWish takes the result of the sealer. What failed is tried again some times.
func (r *Recorder) settleWish(res sealResult) error {
	t, m := r.take, r.take.spool.metrics.snippets
	at := slices.IndexFunc(r.wishes, func(w wish) bool { return w.ID == res.wish.ID })
	if at >= 0 && res.err != nil {
		r.wishes[at].tries++
		r.retry = time.Now().Add(sealAgain)
		if r.wishes[at].tries < clipTries {
			return nil
		}
		t.spool.log.Error("a snippet cannot be made", "call", t.Call, "take", t.Take, "snippet", res.wish.ID, "err", res.err)
		m.WithLabelValues(snippetError).Inc()
	}
	if at >= 0 {
		r.wishes = slices.Delete(r.wishes, at, at+1)
	}
	switch {
	case res.err != nil:
	case res.snippet.ID == "":
		m.WithLabelValues(snippetSilent).Inc()
	case at < 0: // taken back meanwhile, and counted
		t.removeSnippet(res.snippet)
	default:
		t.keepSnippet(res.snippet)
	}
	return nil
}

// clipRest makes the snippets that are left, when all is sealed.
func (r *Recorder) clipRest(ctx context.Context) error {
	for len(r.wishes) > 0 {
		w := r.wishes[0]
		select {
		case r.take.spool.jobs <- sealJob{take: r.take, wish: &w, done: r.sealed}:
			r.sealing = true
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := r.settle(<-r.sealed); err != nil {
			return err
		}
	}
	return nil
}

// sealedEnd is the position up to which the take is sealed.
func (t *take) sealedEnd() int64 {
	if len(t.segments) == 0 {
		return 0
	}
	g := t.segments[len(t.segments)-1]
	return (g.Offset + g.Length - int64(len(t.header))) / (t.width() * int64(tracks))
}

// clip makes a snippet: one track as a WAV file, sealed to the take's snippets
// key, in the directory of the take. It returns none where there is no audio.
func (w *sealer) clip(t *take, want wish) (Snippet, error) {
	from, to := max(0, t.position(want.From)), min(t.position(want.To), t.sealedEnd())
	if (to-from)*t.width()%2 != 0 {
		to-- // a chunk of a WAV file has an even length
	}
	if from >= to {
		return Snippet{}, nil
	}
	sound, err := w.readClip(t, want.Track, from, to)
	if err != nil || !sound {
		return Snippet{}, err
	}
	if w.sealed, err = seal.Seal(w.sealed[:0], w.plain, t.Snippets); err != nil {
		return Snippet{}, err
	}
	o, err := t.write(snippetFile(want.ID), SnippetObject(t.Call, t.Take, want.ID), w.sealed)
	if err != nil {
		return Snippet{}, err
	}
	return Snippet{ID: want.ID, Kind: want.Kind, Side: sides[want.Track], From: t.tick(from), To: t.tick(to),
		Sealed: Sealed{o.size, o.sha256}}, nil
}

// readClip lays positions of a track into w.plain, as a WAV file, from the spool
// files that are held. What is in none of them is silence. It reports whether
// there was any audio.
func (w *sealer) readClip(t *take, track Track, from, to int64) (sound bool, err error) {
	size := (to - from) * t.width()
	w.plain = t.clipHeader(w.plain[:0], uint32(size))
	begin := len(w.plain)
	w.plain = slices.Grow(w.plain, int(size))[:begin+int(size)]
	samples := w.plain[begin:]
	t.mute(samples)
	for seq := t.seq(from); seq <= t.seq(to-1); seq++ {
		f, err := openSpoolFile(t.path(heldSpool(seq)), t.spool.node.Identity())
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrSpoolFile) {
			continue
		}
		if err != nil {
			return false, err
		}
		first, last := t.span(seq)
		w.file, _, err = f.read(w.file, func(kind byte, pos int64, data []byte) {
			if Track(kind) == track && t.lay(samples, max(from, first), min(to, last), from, pos, data) {
				sound = true
			}
		})
		if err = errors.Join(err, f.file.Close()); err != nil {
			return false, err
		}
	}
	return sound, nil
}

// clipHeader appends the header of a snippet with so many bytes of samples.
func (l *timeline) clipHeader(dst []byte, size uint32) []byte {
	return media.AppendWAVHeader(dst, media.WAVFormat{Coding: l.coding, Channels: 1, Rate: l.rate}, size)
}

// lay writes what lies between two positions of a record of one track into samples,
// which begin at position at. It reports whether that was anything.
func (t *take) lay(samples []byte, from, to, at, pos int64, data []byte) bool {
	width := t.width()
	from, to = max(from, pos), min(to, pos+int64(len(data))/width)
	if from >= to {
		return false
	}
	copy(samples[(from-at)*width:(to-at)*width], data[(from-pos)*width:])
	return true
}

// heldSpool is the name of the spool file of a sealed segment, while it is held
// for snippets.
func heldSpool(seq int) string { return segmentSpool(seq) + ".held" }

// wipeHeld wipes the spool file that was held of a segment, if one was.
func (t *take) wipeHeld(seq int) {
	if err := t.wipeHeldAt(t.path(heldSpool(seq))); err != nil {
		t.spool.log.Error("a sealed spool file could not be wiped", "call", t.Call, "take", t.Take, "err", err)
	}
}

func (t *take) wipeHeldAt(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("recorder: wipe: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("recorder: wipe: %w", err), f.Close())
	}
	if err := wipe(f, path, headLimit); err != nil {
		return err
	}
	t.account(-info.Size())
	return nil
}

// wipeAllHeld wipes all spool files that are held.
func (t *take) wipeAllHeld() error {
	paths, err := filepath.Glob(t.path("*.spool.held"))
	for _, path := range paths {
		err = errors.Join(err, t.wipeHeldAt(path))
	}
	return err
}

// recoverSnippets makes the snippets that a crash has left out.
func (t *take) recoverSnippets(wishes []wish) {
	var w sealer
	for _, want := range wishes {
		if t.hasSnippet(want.ID) || t.takesSpan(want.From, want.To) {
			continue
		}
		s, err := w.clip(t, want)
		switch {
		case err != nil:
			t.spool.log.Error("a snippet cannot be made", "call", t.Call, "take", t.Take, "snippet", want.ID, "err", err)
			t.spool.metrics.snippets.WithLabelValues(snippetError).Inc()
		case s.ID != "":
			t.keepSnippet(s)
		}
	}
}
