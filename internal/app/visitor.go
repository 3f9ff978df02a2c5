package app

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"sidetone/consent"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
	"sidetone/telephony/webrtc"
)

// ownRecording lets a visitor fetch the recording of their own session, whose
// token has been checked.
func (a *App) ownRecording(w http.ResponseWriter, r *http.Request, session string) *webrtc.Refusal {
	c, err := a.db.Call(r.Context(), session)
	ready := a.agents[c.Agent]
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &webrtc.Refusal{Status: http.StatusNotFound, Code: "no_call", Detail: "There is no such call."}
	case err != nil:
		a.log.Error("own recording", "err", err)
		return &unreadable
	case ready == nil || !ready.Web.Hear:
		return &webrtc.Refusal{Status: http.StatusForbidden, Code: "not_handed_out", Detail: "This assistant does not hand out recordings."}
	case c.Recording == recordingDestroyed || c.Recording == recordingHeld:
		return &webrtc.Refusal{Status: http.StatusGone, Code: "erased", Detail: "The recording has been erased."}
	case c.Consent != string(consent.Granted) && c.Consent != withdrawn || c.Recording == "none" || c.Recording == "failed":
		return &webrtc.Refusal{Status: http.StatusNotFound, Code: "no_recording", Detail: "Nothing was recorded."}
	case c.Recording != "stored":
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusAccepted)
		return nil
	default:
		return a.hear(w, r, c.ID, takeName(max(1, c.Takes)))
	}
}

var unreadable = webrtc.Refusal{Status: http.StatusInternalServerError, Code: "unreadable", Detail: "The recording can not be read at the moment."}

// hear answers with a stored take.
func (a *App) hear(w http.ResponseWriter, r *http.Request, id, take string) *webrtc.Refusal {
	recording, err := a.trust.open(r.Context(), recorder.OpenOptions{From: a.objects, Keys: a.keys, Call: id, Take: take})
	if err == nil {
		_, err = recording.Identity(r.Context(), seal.Audio)
	}
	if errors.Is(err, store.ErrNotFound) {
		return &webrtc.Refusal{Status: http.StatusGone, Code: "erased", Detail: "The recording has been erased."}
	}
	if err != nil {
		a.log.Error("own recording", "call", id, "err", err)
		return &unreadable
	}
	m := recording.Manifest()
	format := media.WAVFormat{Coding: media.PCM16, Channels: m.Channels, Rate: m.Rate}
	length := m.Length - int64(m.Header)
	head := media.AppendWAVHeader(nil, format, uint32(length))
	w.Header().Set("Content-Type", "audio/wav")
	w.Header().Set("Content-Length", strconv.FormatInt(int64(len(head))+length, 10))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Disposition", `inline; filename="recording.wav"`)
	if _, err := w.Write(head); err != nil {
		return nil // the visitor went away
	}
	if err := recording.WriteWAV(r.Context(), &beyond{w, m.Header}); err != nil {
		a.log.Warn("own recording: not sent whole", "call", id, "err", err)
	}
	return nil
}

// beyond writes what comes after the first skip bytes: the samples after the
// header of a file whose length was not known when it was begun.
type beyond struct {
	w    io.Writer
	skip int
}

func (b *beyond) Write(p []byte) (int, error) {
	n := min(b.skip, len(p))
	b.skip -= n
	written, err := b.w.Write(p[n:])
	return n + written, err
}
