package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sidetone/internal/webhooks"
	"sidetone/recorder"
	"sidetone/store"
)

// What the row of a call says of its recording, beside those that say that it is to go
// or has gone.
const (
	recordingLive       = "recording"
	recordingUploading  = "uploading"  // the call has ended; something of it is not stored yet
	recordingStored     = "stored"     // the store has confirmed each object of each take
	recordingIncomplete = "incomplete" // so it has, and something is missing in a take, as its manifest says
	recordingFailed     = "failed"     // a take can not be stored
)

// newSettled counts takes by what became of them.
func newSettled(r prometheus.Registerer) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sidetone_recordings_total",
		Help: "Takes that are stored and verified, or can not be stored, by what became of them."}, []string{"state"})
	for _, state := range []string{recordingStored, recordingIncomplete, recordingFailed} {
		c.WithLabelValues(state)
	}
	r.MustRegister(c)
	return c
}

// settle brings the state of a call's recording up to date, of which so many takes have
// begun: one of them is stored, or has failed. The rows of the ledger tell which takes
// are stored, and whether whole. It returns those.
func settle(ctx context.Context, db *store.DB, l *store.Ledger, id string, takes int, failed bool) (map[string]sealedRow, error) {
	c, err := db.Call(ctx, id)
	if err != nil {
		return nil, err
	}
	rows, err := l.Rows(ctx, id)
	if err != nil {
		return nil, err
	}
	anchors, err := anchorsOf(rows)
	if err != nil {
		return nil, err
	}
	unwanted, err := db.Deleted(ctx, id)
	if err != nil {
		return nil, err
	}
	takes = max(takes, c.Takes)
	err = db.SettleRecording(ctx, id, stateOf(c, anchors, unwanted, takes, failed), takes)
	if errors.Is(err, store.ErrConflict) {
		err = nil // another take has begun, or it is to go
	}
	return anchors, err
}

// stateOf is the state of the recording of a call with takes of which some are stored
// and some unwanted.
func stateOf(c store.Call, anchors map[string]sealedRow, unwanted []string, takes int, failed bool) string {
	missing, whole := false, true
	for n := 1; n <= takes; n++ {
		anchor, stored := anchors[takeName(n)]
		if slices.Contains(unwanted, takeName(n)) || slices.Contains(unwanted, "") {
			continue
		}
		missing = missing || !stored
		whole = whole && (anchor.Complete || !stored)
	}
	switch {
	case failed, missing && c.Recording == recordingFailed:
		return recordingFailed
	case missing && c.Ended.IsZero():
		return recordingLive
	case missing:
		return recordingUploading
	case !whole:
		return recordingIncomplete
	}
	return recordingStored
}

// settledWithin bounds the notes of what became of a take.
const settledWithin = 5 * time.Second

// stored notes that all of a take is in the object store, or why it will not
// be while this process runs.
func (a *App) stored(id, take string, err error) {
	var n int
	if _, err := fmt.Sscanf(take, "t%d", &n); err != nil {
		n = 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), settledWithin)
	defer cancel()
	if out, e := a.onItsWayOut(ctx, id, take); out && e == nil {
		return
	}
	a.settling.Lock()
	anchors, e := settle(ctx, a.db, a.ledger, id, n, err != nil)
	a.settling.Unlock()
	a.note(e, id)
	if err != nil { // the take stays on the spool, so this is said again if it cannot be noted
		a.settled.WithLabelValues(recordingFailed).Inc()
		a.note(a.tellRecording(ctx, webhooks.RecordingFailed, id, take, recordingFailed), id)
		return
	}
	state := recordingStored
	if anchor, ok := anchors[take]; ok && !anchor.Complete {
		state = recordingIncomplete
	}
	a.settled.WithLabelValues(state).Inc()
}

// settleLeft brings the states of those recordings up to date, once the spool is
// recovered, that were on their way when an earlier process ended. What is neither
// stored nor on the spool is lost.
func (a *App) settleLeft(ctx context.Context) {
	for _, state := range []string{recordingLive, recordingUploading} {
		for f := (store.Filter{Recording: state, Limit: 1000}); ; {
			calls, err := a.db.Calls(ctx, f)
			for _, c := range calls {
				if c.Ended.IsZero() || c.Node != "" && c.Node != a.node {
					continue
				}
				a.note(a.settleOne(ctx, c), c.ID)
			}
			if err != nil {
				a.log.Error("not all states of recordings are up to date", "err", err)
			}
			if err != nil || len(calls) < f.Limit {
				break
			}
			f.Before = calls[len(calls)-1].ID
		}
	}
}

// settleOne is settleLeft for a call.
func (a *App) settleOne(ctx context.Context, c store.Call) error {
	for n := 1; n <= c.Takes; n++ {
		if on, err := recorder.OnSpool(a.config.Recorder.SpoolDir, c.ID, takeName(n)); on || err != nil {
			return err // it is told when it is stored
		}
	}
	a.settling.Lock()
	defer a.settling.Unlock()
	anchors, err := settle(ctx, a.db, a.ledger, c.ID, c.Takes, false)
	if err != nil {
		return err
	}
	if now, err := a.db.Call(ctx, c.ID); err != nil || now.Recording != recordingUploading {
		return err
	}
	_, err = settle(ctx, a.db, a.ledger, c.ID, c.Takes, true)
	for n := 1; n <= c.Takes; n++ {
		if _, stored := anchors[takeName(n)]; !stored {
			a.log.Error("a take is neither stored nor on the spool: sidetone recordings recover", "call", c.ID, "take", takeName(n))
			a.settled.WithLabelValues(recordingFailed).Inc()
			err = errors.Join(err, a.tellRecording(ctx, webhooks.RecordingFailed, c.ID, takeName(n), recordingFailed))
		}
	}
	return err
}
