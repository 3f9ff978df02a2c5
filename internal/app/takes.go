package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sidetone/media"
	"sidetone/recorder"
	"sidetone/store"
	"sidetone/telephony"
)

// recordable reports whether a new recording could begin now.
func (a *App) recordable() bool {
	return a.spool.Room() == nil && a.pool.Ready() > 0 && a.storage.usable() == nil
}

// takes are the recorded stretches of one call, from a grant to its end.
type takes struct {
	app *App
	leg telephony.Leg

	mu    sync.Mutex
	begun int
}

func (a *App) takesOf(leg telephony.Leg) *takes { return &takes{app: a, leg: leg} }

// takeName is the name of a call's n-th take, from 1.
func takeName(n int) string { return fmt.Sprintf("t%d", n) }

// begin opens the recording of the next take.
func (t *takes) begin(origin media.Tick, snippets bool) (*recorder.Recorder, error) {
	a, info := t.app, t.leg.Info()
	leave, err := a.fences.pass(info.ID)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := a.storage.usable(); err != nil {
		return nil, err
	}
	keys, err := a.pool.Take()
	if err != nil {
		return nil, err
	}
	coding, played := media.MuLaw, "mark"
	if screen, ok := t.leg.(telephony.Screen); ok {
		coding, played = media.PCM16, screen.Delay()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.begun + 1
	r, err := a.spool.Begin(recorder.TakeOptions{Call: info.ID, Take: takeName(n), Rate: info.Rate, Coding: coding,
		Origin: origin, Started: info.Started.Add(origin.Duration()), Played: played, Clips: snippets, Keys: keys})
	if err != nil {
		return nil, err
	}
	t.begun = n
	a.note(a.db.SetRecording(a.ctx, info.ID, recordingLive, n), info.ID)
	return r, nil
}

// destroy destroys all takes of the call, or queues that: while there is a hold,
// or where it can not be done now.
func (t *takes) destroy(ctx context.Context) (queued bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n := 1; n <= t.begun; n++ {
		later, e := t.app.destroyTake(ctx, t.leg.Info().ID, takeName(n))
		queued, err = queued || later, errors.Join(err, e)
	}
	return queued, err
}

// What the row of a call says of a recording that is to be destroyed, and of one
// that is.
const (
	recordingHeld      = "held"
	recordingDestroyed = "destroyed"
)

// isGone reports whether nobody gets a recording any more, or ever will again.
func isGone(c store.Call) bool {
	return c.Begun || c.Recording == recordingHeld || c.Recording == recordingDestroyed || c.Recording == store.ErasedState ||
		c.Recording == store.ExpiredState
}

// whyGone says so.
func whyGone(c store.Call) string {
	if c.Begun || c.Recording == store.ErasedState {
		return "the call is erased"
	}
	if c.Recording == store.ExpiredState {
		return "the retention of the call is over: nothing of it is left"
	}
	return "the recording is " + c.Recording + ": the caller has withdrawn"
}

// destroyTake notes that a take is to be destroyed and, unless there is a hold,
// destroys it.
func (a *App) destroyTake(ctx context.Context, id, take string) (queued bool, err error) {
	if err := a.db.RequestDeletion(ctx, id, take); err != nil {
		return true, err
	}
	a.note(a.db.SetRecording(ctx, id, recordingHeld, 0), id) // nobody gets it from now on
	a.readers.drop(func(k keptReader) bool { return k.call == id })
	if a.config.Consent.Hold {
		return true, nil
	}
	if e, err := a.db.Erasure(ctx, id); err != nil || !e.Held.IsZero() {
		return true, err
	}
	if err := a.spool.Destroy(ctx, id, take); err != nil {
		return true, err
	}
	a.note(a.db.SetRecording(ctx, id, recordingDestroyed, 0), id)
	return false, a.db.FinishDeletion(ctx, id, take)
}

// destroyEvery is how often deletions that could not be done are tried again.
const destroyEvery = time.Minute

// keepDestroying does what is left of deletions, at once and then each minute.
func (a *App) keepDestroying(ctx context.Context) error {
	again := time.NewTicker(destroyEvery)
	defer again.Stop()
	for {
		a.destroyPending(ctx)
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (a *App) destroyPending(ctx context.Context) {
	if a.config.Consent.Hold {
		return
	}
	pending, err := a.db.PendingDeletions(ctx)
	if err != nil {
		a.log.Error("pending deletions", "err", err)
		return
	}
	for _, d := range pending {
		if _, err := a.destroyTake(ctx, d.Call, d.Take); err != nil {
			a.log.Error("a take is not destroyed yet", "call", d.Call, "take", d.Take, "err", err)
		}
	}
}
