package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
	"sidetone/transcribe"
)

// maxRanges bounds the ranges of one request: each may cost a segment.
const maxRanges = 16

// hearing answers requests for the recording of a call.
func (a *App) hearing(w http.ResponseWriter, r *http.Request) {
	channels, err := recorder.ParseChannels(r.URL.Query().Get("channel"))
	if err != nil {
		http.Error(w, "channel must be left, right or stereo", http.StatusBadRequest)
		return
	}
	c, take, ok := a.wanted(w, r, seal.Audio)
	if !ok {
		return
	}
	by, link := byLinkOf(r)
	x := access{c.ID, theRecording, take, by, link}
	if err := a.serveAudio(w, r, x, channels); err != nil {
		a.refuse(w, c, err)
	}
}

// reading answers requests for the transcript of a call.
func (a *App) reading(w http.ResponseWriter, r *http.Request) {
	write, ok := transcriptFormats[r.URL.Query().Get("format")]
	if !ok {
		http.Error(w, "format must be json, text or vtt", http.StatusBadRequest)
		return
	}
	c, take, ok := a.wanted(w, r, seal.Text)
	if !ok {
		return
	}
	by, link := byLinkOf(r)
	var text bytes.Buffer
	recording, err := a.trust.open(r.Context(), recorder.OpenOptions{From: a.objects, Keys: a.keys, Call: c.ID, Take: take})
	if err == nil {
		if _, err = recording.Identity(r.Context(), seal.Text); errors.Is(err, store.ErrNotFound) {
			err = fmt.Errorf("%w: %s of %s", errErased, seal.Text, c.ID)
		}
	}
	if err == nil {
		err = a.accesses.note(r.Context(), access{c.ID, theTranscript, take, by, link})
	}
	if err == nil {
		var t transcribe.Transcript
		if t, err = transcriptOf(r.Context(), a.ledger, recording); err == nil {
			t.SnippetURL = a.snippetURLs(r, c.ID, take)
			err = write.to(&t, &text)
		}
	}
	if err != nil {
		a.refuse(w, c, err)
		return
	}
	private(w, write.mime, c.ID+"-"+take+write.extension)
	if _, err := w.Write(text.Bytes()); err != nil {
		a.log.Debug("reader went away", "err", err)
	}
}

// transcriptFormat is a way to write a transcript.
type transcriptFormat struct {
	mime, extension string
	to              func(*transcribe.Transcript, io.Writer) error
}

var transcriptFormats = map[string]transcriptFormat{
	"":     {"application/json", ".json", (*transcribe.Transcript).WriteJSON},
	"json": {"application/json", ".json", (*transcribe.Transcript).WriteJSON},
	"text": {"text/plain; charset=utf-8", ".txt", (*transcribe.Transcript).WriteText},
	"vtt":  {"text/vtt; charset=utf-8", ".vtt", (*transcribe.Transcript).WriteWebVTT},
}

// transcriptOf decrypts what was said in a take, and the notes that were made of it.
func transcriptOf(ctx context.Context, ledger *store.Ledger, recording *recorder.Recording) (transcribe.Transcript, error) {
	m := recording.Manifest()
	t := transcribe.Transcript{Call: m.Call, Turns: []transcribe.Turn{}, Answers: []transcribe.Answer{}}
	lines, err := recording.Notes(ctx)
	for _, l := range lines {
		err = errors.Join(err, t.Add(l.Kind, l.From-m.Origin, l.To-m.Origin, l.Text, l.Doc, l.Snippet))
	}
	if err == nil {
		t.Corrections, err = correctionsOf(ctx, ledger, recording)
	}
	return t, err
}

// wanted returns the call and the take of which a request asks for a class, unless
// nothing of it may be had; then it has answered.
func (a *App) wanted(w http.ResponseWriter, r *http.Request, class seal.Class) (c store.Call, take string, ok bool) {
	take = r.URL.Query().Get("take")
	if take == "" {
		take = takeName(1)
	}
	c, err := a.db.Call(r.Context(), r.PathValue("id"))
	switch {
	case err != nil:
		a.answer(w, nil, err)
	case isGone(c):
		http.Error(w, whyGone(c), http.StatusGone)
	case c.Expired.Has(string(class)):
		http.Error(w, whyExpired(class), http.StatusGone)
	default:
		return c, take, true
	}
	return c, take, false
}

// refuse answers why nothing of a call can be read.
func (a *App) refuse(w http.ResponseWriter, c store.Call, err error) {
	switch {
	case errors.Is(err, errErased) || errors.Is(err, seal.ErrNoIdentity):
		http.Error(w, "its key is destroyed or not here: it can not be read", http.StatusGone)
	case errors.Is(err, recorder.ErrID) || errors.Is(err, store.ErrNotFound) && c.Recording != recordingLive && c.Recording != recordingUploading:
		http.Error(w, fmt.Sprintf("there is no such take: consent is %s, the recording %s", c.Consent, c.Recording), http.StatusNotFound)
	case errors.Is(err, store.ErrNotFound):
		w.Header().Set("Retry-After", "5")
		http.Error(w, "the recording is not stored yet", http.StatusConflict)
	case errors.Is(err, errNotReplayed):
		http.Error(w, "nothing is handed out until the tombstones of erased calls can be read", http.StatusServiceUnavailable)
	case errors.Is(err, recorder.ErrTooLong):
		http.Error(w, "too long for one file; ask for one channel", http.StatusRequestEntityTooLarge)
	case errors.Is(err, context.Canceled):
		a.log.Debug("reader went away", "err", err)
	default:
		a.log.Error("what a call has left can not be read", "call", c.ID, "err", err)
		http.Error(w, "it can not be read at the moment", http.StatusServiceUnavailable)
	}
}

// private sets the headers of an answer with something of a call.
func private(w http.ResponseWriter, mime, name string) {
	h := w.Header()
	h.Set("Content-Type", mime)
	h.Set("Content-Disposition", `inline; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer") // the address may be a link
	h.Set("X-Content-Type-Options", "nosniff")
}

// serveAudio answers with the audio of a take, or what was asked for of it, once
// the access has its row. After an error nothing has been answered.
func (a *App) serveAudio(w http.ResponseWriter, r *http.Request, x access, c recorder.Channels) error {
	audio, err := a.readers.get(r.Context(), x.call, x.Take)
	if err != nil {
		return err
	}
	file, err := audio.File(r.Context(), c)
	if err != nil {
		return err
	}
	if err := a.accesses.note(r.Context(), x); err != nil {
		return err
	}
	private(w, "audio/wav", x.call+"-"+x.Take+".wav")
	w.Header().Set("ETag", audio.ETag(c))
	if strings.Count(r.Header.Get("Range"), ",") >= maxRanges {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", file.Size()))
		http.Error(w, fmt.Sprintf("at most %d ranges", maxRanges), http.StatusRequestedRangeNotSatisfiable)
		return nil
	}
	watched, body := &watchedFile{File: file}, send(w, r, float64(file.Size())/max(1, audio.Duration().Seconds()))
	http.ServeContent(body, r, "", time.Time{}, watched)
	body.end()
	if watched.err != nil && !errors.Is(watched.err, context.Canceled) {
		a.log.Error("a recording was not sent whole", "call", x.call, "take", x.Take, "err", watched.err)
	}
	return nil
}

// watchedFile keeps the error of its last read, which http.ServeContent drops.
type watchedFile struct {
	*recorder.File
	err error
}

func (f *watchedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}
