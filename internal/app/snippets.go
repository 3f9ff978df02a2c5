package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// Snippets lists the clips that a take has beside the recording.
type Snippets struct {
	Call     string        `json:"call"`
	Take     string        `json:"take"`
	Snippets []SnippetInfo `json:"snippets"`
}

// SnippetInfo is a clip. From and To are seconds of the recording, with the air.
type SnippetInfo struct {
	ID   string  `json:"id"`
	Kind string  `json:"kind"` // turn or answer
	Side string  `json:"side"` // caller or agent
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// snippetsOf lists the clips of a take, which takes no key.
func snippetsOf(m *recorder.Manifest) Snippets {
	list := Snippets{Call: m.Call, Take: m.Take, Snippets: []SnippetInfo{}}
	for _, s := range m.Snippets {
		list.Snippets = append(list.Snippets, snippetInfo(m, s))
	}
	return list
}

func snippetInfo(m *recorder.Manifest, s recorder.Snippet) SnippetInfo {
	return SnippetInfo{ID: s.ID, Kind: s.Kind, Side: s.Side, From: (s.From - m.Origin).Seconds(), To: (s.To - m.Origin).Seconds()}
}

// Snippets lists the clips of a take.
func (r *Records) Snippets(ctx context.Context, call, take, identity string) (Snippets, error) {
	recording, err := r.take(ctx, call, take, identity, seal.Snippets)
	if err != nil {
		return Snippets{}, err
	}
	return snippetsOf(recording.Manifest()), nil
}

// Snippet verifies and decrypts a clip and writes it as a WAV file.
func (r *Records) Snippet(ctx context.Context, call, take, identity, id string, w io.Writer) (SnippetInfo, error) {
	recording, err := r.take(ctx, call, take, identity, seal.Snippets)
	if err != nil {
		return SnippetInfo{}, err
	}
	if err := r.noteAccess(ctx, theSnippet, recording.Manifest()); err != nil {
		return SnippetInfo{}, err
	}
	s, wav, err := recording.Snippet(ctx, id)
	if err == nil {
		_, err = w.Write(wav)
	}
	return snippetInfo(recording.Manifest(), s), err
}

// openStored opens a stored take for a request, with the keys of this gateway.
func (a *App) openStored(ctx context.Context, call, take string) (*recorder.Recording, error) {
	return a.trust.open(ctx, recorder.OpenOptions{From: a.objects, Keys: a.keys, Call: call, Take: take})
}

// listSnippets answers with the clips of a take.
func (a *App) listSnippets(w http.ResponseWriter, r *http.Request) {
	c, take, ok := a.wanted(w, r, seal.Snippets)
	if !ok {
		return
	}
	recording, err := a.openStored(r.Context(), c.ID, take)
	if err != nil {
		a.refuse(w, c, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	a.answer(w, snippetsOf(recording.Manifest()), nil)
}

// hearSnippet answers with a clip, once the access has its row.
func (a *App) hearSnippet(w http.ResponseWriter, r *http.Request) {
	c, take, ok := a.wanted(w, r, seal.Snippets)
	if !ok {
		return
	}
	by, link := byLinkOf(r)
	id := r.PathValue("snippet")
	var wav []byte
	recording, err := a.openStored(r.Context(), c.ID, take)
	if err == nil {
		if _, err = recording.Identity(r.Context(), seal.Snippets); errors.Is(err, store.ErrNotFound) {
			err = fmt.Errorf("%w: %s of %s", errErased, seal.Snippets, c.ID)
		}
	}
	if err == nil {
		err = a.accesses.note(r.Context(), access{c.ID, theSnippet, take, by, link})
	}
	if err == nil {
		_, wav, err = recording.Snippet(r.Context(), id)
	}
	switch {
	case errors.Is(err, recorder.ErrNoSnippet):
		http.Error(w, "there is no such snippet", http.StatusNotFound)
	case err != nil:
		a.refuse(w, c, err)
	default:
		private(w, "audio/wav", c.ID+"-"+take+"-"+id+".wav")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(wav))
	}
}

// hearClip answers with a part of a recording that somebody has marked, made while
// it is sent.
func (a *App) hearClip(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	channels, err := recorder.ParseChannels(q.Get("channel"))
	from, to, good := span(q.Get("from"), q.Get("to"))
	if err != nil || !good {
		http.Error(w, "from and to must be seconds, one after the other, and channel left, right or stereo", http.StatusBadRequest)
		return
	}
	c, take, ok := a.wanted(w, r, seal.Audio)
	if !ok {
		return
	}
	by, link := byLinkOf(r)
	if err := a.serveClip(w, r, access{c.ID, theClip, take, by, link}, channels, from, to); err != nil {
		a.refuse(w, c, err)
	}
}

// span parses two times in seconds.
func span(from, to string) (a, b time.Duration, ok bool) {
	x, errX := strconv.ParseFloat(from, 64)
	y, errY := strconv.ParseFloat(to, 64)
	ok = errX == nil && errY == nil && x >= 0 && y > x && y < 1e6 // no NaN is
	if !ok {
		return 0, 0, false
	}
	return time.Duration(x * float64(time.Second)), time.Duration(y * float64(time.Second)), true
}

// serveClip answers with a part of a take. After an error nothing has been answered.
func (a *App) serveClip(w http.ResponseWriter, r *http.Request, x access, c recorder.Channels, from, to time.Duration) error {
	audio, err := a.readers.get(r.Context(), x.call, x.Take)
	if err != nil {
		return err
	}
	file, err := audio.File(r.Context(), c)
	if err != nil {
		return err
	}
	clip := file.Between(from, to)
	if clip.Empty() {
		http.Error(w, fmt.Sprintf("the recording has %.3f s", audio.Duration().Seconds()), http.StatusRequestedRangeNotSatisfiable)
		return nil
	}
	if err := a.accesses.note(r.Context(), x); err != nil {
		return err
	}
	private(w, "audio/wav", fmt.Sprintf("%s-%s-%d-%d.wav", x.call, x.Take, from.Milliseconds(), to.Milliseconds()))
	w.Header().Set("Content-Length", strconv.FormatInt(clip.Size(), 10))
	if r.Method == http.MethodHead {
		return nil
	}
	body := send(w, r, float64(clip.Size())/max(0.001, (to-from).Seconds()))
	defer body.end()
	if err := clip.Write(body); err != nil && !errors.Is(err, context.Canceled) {
		a.log.Warn("a clip was not sent whole", "call", x.call, "take", x.Take, "err", err)
	}
	return nil
}
