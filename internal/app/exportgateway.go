package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"sidetone/store"
)

// maxExport is the largest body of a request, in bytes.
const maxExport = 16 << 10

// export answers with what there is of a call or a caller, sealed to whom the request
// names.
func (a *App) export(w http.ResponseWriter, r *http.Request) {
	var asked ExportRequest
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxExport))
	d.DisallowUnknownFields()
	if err := d.Decode(&asked); err != nil {
		http.Error(w, `want {"call": an id} or {"caller": a number}, and "recipients"`, http.StatusBadRequest)
		return
	}
	records := &Records{config: a.config, db: a.db, ledger: a.ledger, objects: a.objects}
	out := &beginning{to: w}
	_, err := records.Export(r.Context(), asked, out)
	switch {
	case err == nil:
		return
	case out.begun: // the client must not take it for whole
		if !errors.Is(err, context.Canceled) {
			a.log.Error("an export was not sent whole", "err", err)
		}
		panic(http.ErrAbortHandler)
	case errors.Is(err, errQuery):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case errors.Is(err, store.ErrNotFound):
		http.Error(w, "there are no such calls", http.StatusNotFound)
	default:
		a.answer(w, nil, err)
	}
}

// beginning sets the headers of a bundle with its first bytes.
type beginning struct {
	to    http.ResponseWriter
	begun bool
}

func (b *beginning) Write(p []byte) (int, error) {
	if !b.begun {
		b.begun = true
		private(b.to, "application/octet-stream", "export.age")
	}
	return b.to.Write(p)
}
