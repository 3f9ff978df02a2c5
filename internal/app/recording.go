package app

import (
	"context"
	"fmt"
	"time"

	"sidetone/call"
	"sidetone/internal/webhooks"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// openRecorder opens the spool, takes up what an earlier process left in it,
// and keeps it written and uploaded.
func (a *App) openRecorder(ctx context.Context, _ Options) error {
	node, err := seal.OpenNode(NodeDir(a.config))
	if err != nil {
		return err
	}
	a.spool, err = recorder.OpenSpool(recorder.SpoolOptions{
		Dir: a.config.Recorder.SpoolDir, Node: node, Put: a.objects, Erase: a.objects, Conflict: store.ErrConflict,
		MaxBytes: int64(a.config.Recorder.SpoolMaxBytes), Stored: a.stored, Witness: a.witness,
		Metrics: a.recordings, Log: a.log,
	})
	if err != nil {
		return err
	}
	a.onStop("spool's lock", func(context.Context) error { return a.spool.Close() })
	if err := a.openEraser(ctx, node); err != nil {
		return err
	}
	// The spool has one owner, so what is live in the database has crashed.
	crashed, err := a.db.EndLive(ctx, a.node, store.End{At: time.Now(), Outcome: string(call.Internal), Reason: string(call.Crashed),
		Event: a.hooks.event(webhooks.CallFinished)})
	if err != nil {
		return err
	}
	if crashed > 0 {
		a.log.Warn("calls of an earlier process had not ended", "calls", crashed)
		a.hooks.noted()
	}
	a.background("spool", a.spool.Run)
	a.onStop("uploads", func(ctx context.Context) error {
		if err := a.spool.Drain(ctx); err != nil {
			return fmt.Errorf("%w: uploads are left for the next start: %w", ErrUnclean, err)
		}
		return nil
	})
	found, err := a.spool.Recover(ctx)
	if err != nil {
		a.log.Error("not all of the spool could be recovered; it stays there", "err", err)
	}
	if found != (recorder.Recovery{}) {
		a.log.Info("spool recovered", "complete", found.Complete, "cut", found.Cut, "failed", found.Failed)
	}
	a.settleLeft(ctx)
	a.background("room", (&rooms{look: a.roomNow, events: a.events}).run)
	a.background("deletions", a.keepDestroying)
	a.background("erasures", a.keepErasing)
	return ctx.Err()
}
