package app

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"

	"sidetone/store"
)

// The events of rows that say that a legal hold keeps a call, or does no more.
const (
	holdEvent    = "held"
	releaseEvent = "released"
)

// Hold is a legal hold of a call: nothing of it is destroyed while it lasts.
type Hold struct {
	Call   string `json:"call,omitempty"`
	Reason string `json:"reason_id"` // id of a case; the names in it are kept elsewhere
	// Erased is what came of an erasure that had waited for the end of the hold.
	Erased *ErasureResult `json:"erased,omitempty"`
}

// reasonID is the form of the id of a case.
var reasonID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$`)

// hold puts a call under a legal hold. store.ErrErasing says that it is too late.
func (e *eraser) hold(ctx context.Context, call, reason string) (Hold, error) {
	if reason != "" && !reasonID.MatchString(reason) {
		return Hold{}, fmt.Errorf("%w: reason_id must be up to 64 letters, digits, and any of . _ / -", errQuery)
	}
	c, err := e.db.Call(ctx, call)
	if err == nil {
		err = e.db.Hold(ctx, c.ID, reason)
	}
	if err != nil {
		return Hold{}, err
	}
	h := Hold{Call: c.ID, Reason: reason}
	return h, e.noteHold(ctx, holdEvent, h)
}

// release ends the hold of a call, and does what has waited for that.
func (e *eraser) release(ctx context.Context, call string) (Hold, error) {
	c, err := e.db.Call(ctx, call)
	if err != nil {
		return Hold{}, err
	}
	was, err := e.db.Erasure(ctx, c.ID)
	if err == nil {
		err = e.db.Release(ctx, c.ID)
	}
	if err != nil {
		return Hold{}, err
	}
	h := Hold{Call: c.ID, Reason: was.Reason}
	if err := e.noteHold(ctx, releaseEvent, h); err != nil || was.Requested.IsZero() {
		return h, err
	}
	leave, err := e.enter(ctx)
	if err != nil {
		return h, err
	}
	defer leave()
	result, err := e.run(ctx, []store.Call{c})
	h.Erased = &result
	return h, err
}

// noteHold writes the row of a hold.
func (e *eraser) noteHold(ctx context.Context, event string, h Hold) error {
	body, err := json.Marshal(map[string]string{"reason_id": h.Reason})
	if err == nil {
		_, err = e.ledger.Append(ctx, h.Call, event, body)
	}
	if err != nil {
		return fmt.Errorf("app: a hold has no row: %w", err)
	}
	return nil
}
