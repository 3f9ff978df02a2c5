package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sidetone/internal/webhooks"
	"sidetone/recorder"
	"sidetone/store"
)

// sealed is the event of rows that say which manifest a take has, so that none can
// be put in its place later.
const sealed = "sealed"

// aboutRecording reports whether rows of this event are about what became of a
// recording, or who has read it. They prove no consent.
func aboutRecording(event string) bool {
	return slices.Contains([]string{sealed, accessed, erasedEvent, holdEvent, releaseEvent, expiredEvent, correctedEvent, revokedEvent}, event)
}

// sealedRow is the body of a row that anchors a manifest.
type sealedRow struct {
	Take     string          `json:"take"`
	Manifest recorder.Digest `json:"manifest"` // SHA-256 of the object
	Complete bool            `json:"complete"`
}

// errAnchors says that the rows which anchor the manifests of a call are not what
// a gateway writes.
var errAnchors = errors.New("app: impossible rows of manifests")

// anchorWithin bounds the writing of a row.
const anchorWithin = 5 * time.Second

// witness is told of a manifest that is stored, until it returns no error: then its
// row stands, and so does the event of it.
func (a *App) witness(ctx context.Context, w recorder.Witnessed) error {
	if err := anchor(ctx, a.ledger, w); err != nil {
		return err
	}
	state := "complete"
	if !w.Complete {
		state = "incomplete"
	}
	return a.tellRecording(ctx, webhooks.RecordingStored, w.Call, w.Take, state)
}

// tellRecording notes an event of a take, unless it is on its way out.
func (a *App) tellRecording(ctx context.Context, event, id, take, state string) error {
	ctx, cancel := context.WithTimeout(ctx, anchorWithin)
	defer cancel()
	if out, err := a.onItsWayOut(ctx, id, take); out || err != nil {
		return err
	}
	return a.hooks.note(ctx, store.Event{Name: event, Call: id, Take: take, State: state, At: time.Now()})
}

// onItsWayOut reports whether a take is to be destroyed.
func (a *App) onItsWayOut(ctx context.Context, id, take string) (bool, error) {
	pending, err := a.db.PendingDeletions(ctx)
	return slices.ContainsFunc(pending, func(d store.Deletion) bool { return d.Call == id && (d.Take == take || d.Take == "") }), err
}

// anchor writes the row of a manifest, unless there is one.
func anchor(ctx context.Context, l *store.Ledger, w recorder.Witnessed) error {
	ctx, cancel := context.WithTimeout(ctx, anchorWithin)
	defer cancel()
	rows, err := l.Rows(ctx, w.Call)
	if err != nil {
		return err
	}
	row := sealedRow{w.Take, w.Manifest, w.Complete}
	for _, r := range rows {
		if r.Event != sealed {
			continue
		}
		if old, err := parseSealed(r); err == nil && old == row {
			return nil
		}
	}
	body, err := json.Marshal(row)
	if err != nil {
		return err
	}
	_, err = l.Append(ctx, w.Call, sealed, body)
	return err
}

// parseSealed reads a row that anchors a manifest.
func parseSealed(r store.Row) (row sealedRow, err error) {
	d := json.NewDecoder(bytes.NewReader(r.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&row); err != nil {
		return row, fmt.Errorf("%w: row %d of chain %s: %w", errAnchors, r.Seq, r.Chain, err)
	}
	if row.Take == "" || row.Manifest == (recorder.Digest{}) {
		return row, fmt.Errorf("%w: row %d of chain %s names no manifest", errAnchors, r.Seq, r.Chain)
	}
	return row, nil
}

// anchorsOf returns the rows of a call that anchor manifests, by take: one each.
func anchorsOf(rows []store.Row) (map[string]sealedRow, error) {
	found := map[string]sealedRow{}
	for _, r := range rows {
		if r.Event != sealed {
			continue
		}
		row, err := parseSealed(r)
		if err != nil {
			return found, err
		}
		if old, again := found[row.Take]; again && old != row {
			return found, fmt.Errorf("%w: row %d of chain %s names another manifest of take %s", errAnchors, r.Seq, r.Chain, row.Take)
		}
		found[row.Take] = row
	}
	return found, nil
}
