package app

import (
	"encoding/json"
	"errors"
	"net/http"
)

// correctCall makes a note of a call.
func (a *App) correctCall(w http.ResponseWriter, r *http.Request) {
	var asked CorrectionRequest
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 8*maxCorrection)) // JSON may take six bytes for one
	d.DisallowUnknownFields()
	if err := d.Decode(&asked); err != nil {
		http.Error(w, `want {"text": words}, and "take" and "at"`, http.StatusBadRequest)
		return
	}
	records := &Records{config: a.config, db: a.db, ledger: a.ledger, objects: a.objects}
	done, err := records.Correct(r.Context(), r.PathValue("id"), asked)
	switch {
	case errors.Is(err, errQuery):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case errors.Is(err, errGone):
		http.Error(w, "there is nothing left to correct", http.StatusGone)
	case errors.Is(err, errNoTranscript):
		http.Error(w, "there is no stored transcript of that take", http.StatusConflict)
	case err != nil:
		a.answer(w, nil, err)
	default:
		a.answerAs(w, http.StatusCreated, done)
	}
}
