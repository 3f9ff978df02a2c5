package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"sidetone/seal"
	"sidetone/store"
)

// openEraser gets ready to erase calls, and reads the tombstones of those that were
// erased before: before anything is recovered or served.
func (a *App) openEraser(ctx context.Context, node *seal.Node) error {
	e, err := newEraser(ctx, a.config, a.log)
	if err != nil {
		return err
	}
	e.db, e.ledger, e.objects, e.spool, e.node = a.db, a.ledger, a.objects, a.spool, node
	e.jobs = a.hooks.jobs
	e.epochs = func() ([]seal.Epoch, error) {
		_, err := a.keys.Reload()
		return a.keys.Epochs(), err
	}
	e.end = a.endForErasure
	e.forget = func(id string) { a.readers.drop(func(k keptReader) bool { return k.call == id }) }
	a.registry.MustRegister(e.count)
	a.eraser, a.replay = e, &replay{eraser: e}
	a.trust.ready = a.replay.ready
	if err := a.replay.start(ctx); err != nil {
		if _, _, elsewhere := a.config.Erasures.Bucket(); !elsewhere {
			return err
		}
		a.log.Error("no recording is handed out until the tombstones can be read", "err", err)
	}
	return nil
}

// keepErasing does what is left of erasures, at once and then each minute.
func (a *App) keepErasing(ctx context.Context) error {
	again := time.NewTicker(destroyEvery)
	defer again.Stop()
	for {
		if err := errors.Join(a.replay.look(ctx), a.eraser.goOn(ctx)); err != nil && ctx.Err() == nil {
			a.log.Error("not all is erased that is to be", "err", err)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fences keep calls from being recorded that are erased while they live.
type fences struct {
	mu    sync.RWMutex
	calls map[string]bool
}

// pass lets a take of a call begin until leave is called, unless the call is fenced
// in: then the error wraps store.ErrErasing.
func (f *fences) pass(call string) (leave func(), err error) {
	f.mu.RLock()
	if f.calls[call] {
		f.mu.RUnlock()
		return nil, fmt.Errorf("app: call %s: %w", call, store.ErrErasing)
	}
	return f.mu.RUnlock, nil
}

// add fences a call in. The takes that it has had have begun when add returns.
func (f *fences) add(call string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls == nil {
		f.calls = make(map[string]bool)
	}
	f.calls[call] = true
}

// remove forgets a call that is over.
func (f *fences) remove(call string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.calls, call)
}

// endForErasure makes that no take of a call begins any more that may be live, and
// withdraws consent for its caller, who goes on unrecorded.
func (a *App) endForErasure(c store.Call) {
	if !c.Ended.IsZero() {
		return
	}
	a.fences.add(c.ID)
	if live := a.calls.Call(c.ID); live != nil && !live.Do(DestroyAll) {
		a.log.Warn("a call is erased that does not listen", "call", c.ID)
	}
}

// maxErasure is the largest body of a request, in bytes.
const maxErasure = 1 << 10

// eraseCalls erases a call, or all calls of a number.
func (a *App) eraseCalls(w http.ResponseWriter, r *http.Request) {
	var asked ErasureRequest
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxErasure))
	d.DisallowUnknownFields()
	if err := d.Decode(&asked); err != nil {
		http.Error(w, `want {"call": an id} or {"caller": a number}, and "dry_run"`, http.StatusBadRequest)
		return
	}
	a.whileWaiting(w, r, func() (any, error) { return a.eraser.erase(a.ctx, asked) })
}

// whileWaiting answers with what do returns. It goes on if nobody waits for that.
func (a *App) whileWaiting(w http.ResponseWriter, r *http.Request, do func() (any, error)) {
	var (
		result any
		err    error
		done   = make(chan struct{})
	)
	a.wg.Go(func() {
		defer close(done)
		result, err = do()
	})
	select {
	case <-done:
	case <-r.Context().Done():
		return
	}
	switch {
	case errors.Is(err, errQuery):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case errors.Is(err, store.ErrErasing):
		http.Error(w, "the call is erased, or being erased", http.StatusConflict)
	default:
		a.answer(w, result, err)
	}
}

// showReceipt answers with a receipt, byte for byte as it was signed.
func (a *App) showReceipt(w http.ResponseWriter, r *http.Request) {
	body, err := a.eraser.receipt(r.Context(), r.PathValue("id"))
	if errors.Is(err, store.ErrNotFound) {
		http.Error(w, "there is no receipt of that", http.StatusNotFound)
		return
	}
	if err != nil {
		a.answer(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if _, err := w.Write(body); err != nil {
		a.log.Debug("operator went away", "err", err)
	}
}

// holdCall puts a call under a legal hold.
func (a *App) holdCall(w http.ResponseWriter, r *http.Request) {
	var asked Hold
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxErasure))
	d.DisallowUnknownFields()
	if err := d.Decode(&asked); err != nil {
		http.Error(w, `want {"reason_id": the id of a case}`, http.StatusBadRequest)
		return
	}
	a.whileWaiting(w, r, func() (any, error) { return a.eraser.hold(a.ctx, r.PathValue("id"), asked.Reason) })
}

// releaseCall ends the hold of a call.
func (a *App) releaseCall(w http.ResponseWriter, r *http.Request) {
	a.whileWaiting(w, r, func() (any, error) { return a.eraser.release(a.ctx, r.PathValue("id")) })
}
