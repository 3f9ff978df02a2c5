package app

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sidetone/configs"
	"sidetone/internal/webhooks"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// ErasureRequest says what is to be erased: one call, or all calls of a number.
type ErasureRequest struct {
	Call   string `json:"call,omitempty"`   // our id, or the carrier's
	Caller string `json:"caller,omitempty"` // a number, such as +12125550123
	DryRun bool   `json:"dry_run,omitempty"`
}

// ErasureState is what has become of a request for one call.
type ErasureState string

// The states.
const (
	WouldErase       ErasureState = "would_erase" // of a dry run
	IsErased         ErasureState = "erased"
	ErasureHeld      ErasureState = "held"      // it runs when the hold ends
	ErasureElsewhere ErasureState = "elsewhere" // it runs on the gateway that answered the call
	ErasureQueued    ErasureState = "queued"    // something is away; it is tried again each minute
)

// ErasureOf says what has become of a request for one call.
type ErasureOf struct {
	Call    string       `json:"call"`
	State   ErasureState `json:"state"`
	Takes   int          `json:"takes"`
	Objects int          `json:"objects"` // with all their versions
	Bytes   int64        `json:"bytes"`
	Why     string       `json:"why,omitempty"` // it is queued
}

// ErasureResult is what a request has come to.
type ErasureResult struct {
	Calls   []ErasureOf `json:"calls"`
	Receipt string      `json:"receipt,omitempty"` // id of the receipt of those that are erased
}

// erasable is an object store of which something can be erased.
type erasable interface {
	recorder.Eraser
	Usage(ctx context.Context, prefix string) (objects int, bytes int64, err error)
}

// eraser erases calls: in the gateway, which has the spool, or in a command that has
// it while no gateway runs.
type eraser struct {
	config  *configs.Config
	db      *store.DB
	ledger  *store.Ledger
	objects erasable
	spool   *recorder.Spool
	jobs    *store.Jobs // in which endpoints are told of calls; nil: there are none
	node    *seal.Node
	epochs  func() ([]seal.Epoch, error)
	tombs   tombstones
	lookup  []byte             // the key of numbers
	end     func(c store.Call) // ends what is recorded of a live call; after it no take of it begins
	forget  func(call string)  // drops what is kept of it in memory
	count   *prometheus.CounterVec
	log     *slog.Logger
	turn    chan struct{} // of capacity 1: who erases now
}

// newEraser returns an eraser without its stores.
func newEraser(ctx context.Context, c *configs.Config, log *slog.Logger) (*eraser, error) {
	lookup, err := Secret(c.DataDir, lookupKey)
	if err != nil {
		return nil, err
	}
	tombs, err := openTombstones(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("erasures.location: %w", err)
	}
	count := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sidetone_erasures_total",
		Help: "Erasures of calls that were tried, by what came of them."}, []string{"result"})
	for _, s := range []ErasureState{IsErased, ErasureHeld, ErasureElsewhere, ErasureQueued} {
		count.WithLabelValues(string(s))
	}
	return &eraser{config: c, tombs: tombs, lookup: []byte(lookup), count: count, log: log, turn: make(chan struct{}, 1)}, nil
}

// erase does what a request asks for as far as it can be done now. The rest is
// noted, and is done later.
func (e *eraser) erase(ctx context.Context, r ErasureRequest) (ErasureResult, error) {
	calls, hash, err := e.asked(ctx, r)
	if err != nil || r.DryRun {
		return e.would(ctx, calls, err)
	}
	if hash != "" {
		if err := bury(ctx, e.tombs, callerTombs, hash, time.Now()); err != nil {
			return ErasureResult{}, err
		}
	}
	calls, err = e.rebury(ctx, calls)
	if err != nil {
		return ErasureResult{}, err
	}
	if err := each(len(calls), func(i int) error { return e.db.RequestErasure(ctx, calls[i].ID, false) }); err != nil {
		return ErasureResult{}, err
	}
	leave, err := e.enter(ctx)
	if err != nil {
		return ErasureResult{}, err
	}
	defer leave()
	return e.run(ctx, calls)
}

// enter waits until nobody else erases, nor signs.
func (e *eraser) enter(ctx context.Context) (leave func(), err error) {
	select {
	case e.turn <- struct{}{}:
		return func() { <-e.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// rebury returns those calls that are not erased, and sees to it that the others have
// their tombstones, which may have been lost since.
func (e *eraser) rebury(ctx context.Context, calls []store.Call) (left []store.Call, err error) {
	for _, c := range calls {
		if !isErased(c) {
			left = append(left, c)
		} else if err := bury(ctx, e.tombs, callTombs, c.ID, time.Now()); err != nil {
			return nil, err
		}
	}
	return left, nil
}

// isErased reports whether a call is erased, and is not to be erased again.
func isErased(c store.Call) bool { return c.Recording == store.ErasedState && !c.Erasing }

// asked returns the calls that a request is about, erased ones too, and what the
// caller's number is looked up by if it names one.
func (e *eraser) asked(ctx context.Context, r ErasureRequest) (calls []store.Call, hash string, err error) {
	switch {
	case (r.Call == "") == (r.Caller == ""):
		return nil, "", fmt.Errorf("%w: want a call or a caller", errQuery)
	case r.Call != "":
		c, err := e.db.Call(ctx, r.Call)
		if errors.Is(err, store.ErrNotFound) {
			c, err = e.rowless(ctx, r.Call)
		}
		if err != nil {
			return nil, "", err
		}
		calls = []store.Call{c}
	case !isNumber(r.Caller):
		return nil, "", fmt.Errorf("%w: caller must be a number such as +12125550123", errQuery)
	default:
		lookup := hashOf(e.lookup, r.Caller)
		hash = hex.EncodeToString(lookup)
		if calls, err = e.callsOf(ctx, lookup); err != nil {
			return nil, "", err
		}
	}
	return calls, hash, nil
}

// rowless returns a call that the database does not know, if spool or object store
// have something of it: a backup that is older than the call has taken its row.
func (e *eraser) rowless(ctx context.Context, id string) (store.Call, error) {
	c := store.Call{ID: id, Ended: time.Now()}
	if !buriedID.MatchString(id) {
		return c, fmt.Errorf("app: call %.80q: %w", id, store.ErrNotFound)
	}
	b, err := e.survey(ctx)
	if err != nil {
		return c, err
	}
	was, takes, err := b.find(ctx, c)
	if err == nil && was.Objects == 0 && len(takes) == 0 {
		err = fmt.Errorf("app: call %s: %w", id, store.ErrNotFound)
	}
	return c, err
}

// callsOf returns all calls of the caller with a number.
func (e *eraser) callsOf(ctx context.Context, lookup []byte) (calls []store.Call, err error) {
	subject, err := e.db.KnownSubject(ctx, lookup)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	const page = 1000
	for before := ""; ; before = calls[len(calls)-1].ID {
		more, err := e.db.Calls(ctx, store.Filter{Subject: subject, Before: before, Limit: page})
		calls = append(calls, more...)
		if err != nil || len(more) < page {
			return calls, err
		}
	}
}

// would says what an erasure of calls would find.
func (e *eraser) would(ctx context.Context, calls []store.Call, err error) (ErasureResult, error) {
	if err != nil {
		return ErasureResult{}, err
	}
	b, err := e.survey(ctx)
	if err != nil {
		return ErasureResult{}, err
	}
	calls = slices.DeleteFunc(calls, isErased)
	result := ErasureResult{Calls: make([]ErasureOf, len(calls))}
	return result, each(len(calls), func(i int) error {
		was, takes, err := b.find(ctx, calls[i])
		result.Calls[i] = ErasureOf{Call: calls[i].ID, State: WouldErase, Takes: len(takes), Objects: was.Objects, Bytes: was.Bytes}
		if calls[i].Held || e.config.Consent.Hold {
			result.Calls[i].State = ErasureHeld
		}
		return err
	})
}

// run, which whoever has entered calls, erases calls whose erasure is requested, in this order: a tombstone outlives
// all that follows; what is live ends; what opens it goes, then what could be opened,
// on the spool and in the object store; then what the database knows of the person.
// After that the stores are looked through again. Those that are erased get a receipt.
func (e *eraser) run(ctx context.Context, calls []store.Call) (ErasureResult, error) {
	result := ErasureResult{Calls: make([]ErasureOf, len(calls))}
	set := func(i int, s ErasureState, why error) {
		of := &result.Calls[i]
		of.Call, of.State = calls[i].ID, s
		if why != nil {
			of.Why = why.Error()
			e.log.Error("a call is not erased yet", "call", of.Call, "err", why)
		}
	}
	if err := each(len(calls), func(i int) error {
		state, err := e.begin(ctx, calls[i])
		set(i, state, err)
		return ctx.Err()
	}); err != nil {
		return result, err
	}
	b, err := e.survey(ctx)
	if err != nil {
		e.log.Error("nothing is erased yet", "err", err) // and what is on the spool is
	}
	if err := each(len(calls), func(i int) error {
		if of := &result.Calls[i]; of.State == IsErased {
			was, again := b.erase(ctx, calls[i], err)
			of.Takes, of.Objects, of.Bytes = was.Takes, was.Objects, was.Bytes
			if again != nil {
				set(i, ErasureQueued, again)
			}
		}
		e.count.WithLabelValues(string(result.Calls[i].State)).Inc()
		return ctx.Err()
	}); err != nil {
		return result, err
	}
	if err := e.silence(ctx, result.Calls); err != nil {
		return result, err
	}
	result.Receipt, err = e.sign(ctx, result.Calls)
	return result, err
}

// silence drops what endpoints are yet to be told of calls that are erased. What is
// being sent in this moment is on its way; no other attempt follows, since it is
// looked at before each whether the call is being erased.
func (e *eraser) silence(ctx context.Context, calls []ErasureOf) error {
	if e.jobs == nil {
		return nil
	}
	var keys []string
	for _, c := range calls {
		if c.State != IsErased {
			continue
		}
		keys = append(keys, webhooks.ID(webhooks.CallFinished, c.Call, ""))
		for n := 1; n <= c.Takes; n++ {
			keys = append(keys, webhooks.ID(webhooks.RecordingStored, c.Call, takeName(n)), webhooks.ID(webhooks.RecordingFailed, c.Call, takeName(n)))
		}
	}
	_, err := e.jobs.Remove(ctx, keys...)
	return err
}

// begin makes the erasure of a call one that can not be stopped.
func (e *eraser) begin(ctx context.Context, c store.Call) (ErasureState, error) {
	if e.config.Database.URL != "" && c.Node != "" && c.Node != nodeName(e.node.PublicKey()) {
		return ErasureElsewhere, nil
	}
	if e.config.Consent.Hold && c.Recording != store.ErasedState {
		return ErasureHeld, nil
	}
	err := e.db.BeginErasure(ctx, c.ID)
	if errors.Is(err, store.ErrHeld) {
		return ErasureHeld, nil
	}
	if err == nil {
		err = bury(ctx, e.tombs, callTombs, c.ID, time.Now())
	}
	if err != nil {
		return ErasureQueued, err
	}
	e.end(c)
	return IsErased, nil
}

// When the stores are looked through once more: a server may finish a request whose
// sender has died.
const lookAgainAfter = 10 * time.Minute

// lookAgain looks for what has come back of calls that were erased a while ago.
func (e *eraser) lookAgain(ctx context.Context) error {
	unseen, err := e.db.UnseenErasures(ctx, time.Now().Add(-lookAgainAfter))
	if err != nil || len(unseen) == 0 {
		return err
	}
	b, err := e.survey(ctx)
	if err != nil {
		return err
	}
	return each(len(unseen), func(i int) error {
		if err := b.clear(ctx, unseen[i].Call); err != nil {
			return err
		}
		return e.db.LookedAgain(ctx, unseen[i].Call)
	})
}

// goOn does what is left of erasures.
func (e *eraser) goOn(ctx context.Context) error {
	leave, err := e.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	pending, err := e.db.PendingErasures(ctx)
	if err != nil {
		return err
	}
	calls := make([]store.Call, len(pending))
	for i, p := range pending {
		if calls[i], err = e.db.Call(ctx, p.Call); errors.Is(err, store.ErrNotFound) {
			calls[i], err = store.Call{ID: p.Call, Recording: store.ErasedState}, nil // a bucket that is older than its database
		}
		if err != nil {
			return err
		}
	}
	if len(calls) > 0 {
		if _, err := e.run(ctx, calls); err != nil {
			return err
		}
	}
	if _, err := e.sign(ctx, nil); err != nil { // of an erasure that was cut off at its end
		return err
	}
	return e.lookAgain(ctx)
}
