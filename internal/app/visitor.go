package app

import (
	"errors"
	"net/http"

	"sidetone/consent"
	"sidetone/recorder"
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
	case isGone(c) || c.Expired.Audio:
		return &webrtc.Refusal{Status: http.StatusGone, Code: "erased", Detail: "The recording has been erased."}
	case c.Consent != string(consent.Granted) && c.Consent != withdrawn || c.Recording == "none" || c.Recording == recordingFailed:
		return &webrtc.Refusal{Status: http.StatusNotFound, Code: "no_recording", Detail: "Nothing was recorded."}
	case c.Recording != recordingStored && c.Recording != recordingIncomplete:
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
	err := a.serveAudio(w, r, access{id, theRecording, take, byVisitor, ""}, recorder.Stereo)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, errErased) {
		return &webrtc.Refusal{Status: http.StatusGone, Code: "erased", Detail: "The recording has been erased."}
	}
	if err != nil {
		a.log.Error("own recording", "call", id, "err", err)
		return &unreadable
	}
	return nil
}
