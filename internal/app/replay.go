package app

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sync/atomic"

	"sidetone/store"
)

// errNotReplayed says that it is not known yet what of the stores was erased before
// they were restored.
var errNotReplayed = errors.New("app: the tombstones of erased calls have not been read yet")

// buriedID is the form of an id of a call.
var buriedID = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// replay holds tombstones against what a backup may have brought back. Until it has
// read them nothing of any call is handed out.
type replay struct {
	*eraser
	read   atomic.Bool     // the tombstones
	buried map[string]bool // calls; set with read
	looked bool            // through the object store
}

// ready returns nil once it is known what must not be handed out.
func (r *replay) ready() error {
	if !r.read.Load() {
		return errNotReplayed
	}
	return nil
}

// start reads the tombstones. What they name is not served from then on: its rows
// are those of erased calls, and what is on the spool of it is overwritten. The
// erasure itself goes on by itself.
func (r *replay) start(ctx context.Context) error {
	if r.read.Load() {
		return nil
	}
	names, err := r.tombs.names(ctx, callTombs)
	if err != nil {
		return fmt.Errorf("app: tombstones: %w", err)
	}
	done, err := r.db.Erasures(ctx)
	if err == nil {
		err = r.missing(done, names)
	}
	if err != nil {
		return err
	}
	erased, buried := make(map[string]bool), make(map[string]bool)
	for _, e := range done {
		erased[e.Call] = true
	}
	for _, name := range names {
		if !buriedID.MatchString(name) {
			r.log.Error("a tombstone is of no call", "name", name)
			continue
		}
		buried[name] = true
		if erased[name] {
			continue
		}
		r.log.Warn("a call was erased before, and is erased again", "call", name)
		if err := errors.Join(r.db.RequestErasure(ctx, name, true), r.db.Scrub(ctx, name)); err != nil {
			return err
		}
	}
	takes, err := r.spool.Takes()
	for _, t := range takes {
		if buried[t.Call] {
			err = errors.Join(err, r.spool.Condemn(t.Call, t.Take))
		}
	}
	if err = errors.Join(err, r.callers(ctx)); err != nil {
		return err
	}
	r.buried = buried
	r.read.Store(true)
	return nil
}

// missing returns an error if calls are erased whose tombstones are not there: then
// this is not the place to which they were written, or its disk is not mounted.
// Gateways that share a database may have a folder each.
func (r *replay) missing(done []store.Erasure, names []string) error {
	if _, _, shared := r.config.Erasures.Bucket(); r.config.Database.URL != "" && !shared {
		return nil
	}
	there := make(map[string]bool, len(names))
	for _, name := range names {
		there[name] = true
	}
	var without []string
	for _, e := range done {
		if !there[e.Call] {
			without = append(without, e.Call)
		}
	}
	if len(without) == 0 {
		return nil
	}
	return fmt.Errorf("%w: erasures.location (%s) has no tombstone of %d erased calls, such as %s: mount it, or move them there; "+
		"should they be lost, sidetone erase --call %s writes one anew", errNotReplayed, tombsAt(r.config), len(without), without[0], without[0])
}

// callers begins the erasure of calls that began before all of their caller was
// erased.
func (r *replay) callers(ctx context.Context) error {
	names, err := r.tombs.names(ctx, callerTombs)
	if err != nil {
		return fmt.Errorf("app: tombstones: %w", err)
	}
	for _, name := range names {
		lookup, err := hex.DecodeString(name)
		if err != nil {
			r.log.Error("a tombstone is of no caller", "name", name)
			continue
		}
		calls, err := r.callsOf(ctx, lookup)
		if err != nil {
			return err
		}
		if len(calls) == 0 {
			continue
		}
		b, err := r.tombs.read(ctx, callerTombs, name)
		var t tombstone
		if err == nil {
			err = json.Unmarshal(b, &t)
		}
		if err != nil {
			return fmt.Errorf("app: tombstone: %w", err)
		}
		for _, c := range calls {
			if c.Started.After(t.At) {
				continue // they have called again
			}
			err := r.db.RequestErasure(ctx, c.ID, false)
			if err == nil && !r.config.Consent.Hold {
				err = r.db.BeginErasure(ctx, c.ID) // it is not served any more
			}
			if err != nil && !errors.Is(err, store.ErrHeld) {
				return err
			}
		}
	}
	return nil
}

// look looks through the object store for calls that have tombstones, once. Their
// rows keep them from being served meanwhile.
func (r *replay) look(ctx context.Context) error {
	if r.looked {
		return nil
	}
	if err := r.start(ctx); err != nil {
		return err
	}
	folders := []string{"rec/"}
	epochs, err := r.objects.Folders(ctx, keysPrefix)
	if err != nil {
		return err
	}
	for _, epoch := range epochs {
		folders = append(folders, keysPrefix+epoch+"/")
	}
	for _, folder := range folders {
		calls, err := r.objects.Folders(ctx, folder)
		if err != nil {
			return err
		}
		for _, call := range calls {
			if !r.buried[call] {
				continue
			}
			r.log.Warn("something of an erased call is in the bucket again, and is erased again", "call", call)
			if err := r.db.RequestErasure(ctx, call, true); err != nil {
				return err
			}
		}
	}
	r.looked = true
	return nil
}

// checkBuried returns an error unless a call has no tombstone: for commands, which
// read before any gateway has replayed the tombstones.
func checkBuried(ctx context.Context, t tombstones, c store.Call) error {
	buried, err := isBuried(ctx, t, c.ID)
	if err == nil && buried {
		err = fmt.Errorf("app: call %s is erased, and was brought back by a backup: start the gateway, which erases it again", c.ID)
	}
	return err
}
