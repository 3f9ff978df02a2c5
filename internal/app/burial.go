package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"sidetone/store"
)

// burial is what the stores have when calls are erased.
type burial struct {
	*eraser
	spooled map[string][]string // takes on the spool, by call
	folders []string            // of the object store in which keys may lie
}

// survey looks through spool and object store. With an error it still knows the
// spool.
func (e *eraser) survey(ctx context.Context) (*burial, error) {
	b := &burial{eraser: e, spooled: make(map[string][]string)}
	takes, err := e.spool.Takes()
	for _, t := range takes {
		b.spooled[t.Call] = append(b.spooled[t.Call], t.Take)
	}
	epochs, again := e.objects.Folders(ctx, keysPrefix)
	for _, epoch := range epochs {
		b.folders = append(b.folders, keysPrefix+epoch+"/")
	}
	return b, errors.Join(err, again)
}

// find returns what there is of a call, and the names of its takes.
func (b *burial) find(ctx context.Context, c store.Call) (was store.Erased, takes []string, err error) {
	takes = slices.Clone(b.spooled[c.ID])
	for n := 1; n <= c.Takes; n++ {
		takes = append(takes, takeName(n))
	}
	stored, err := b.objects.Folders(ctx, "rec/"+c.ID+"/")
	takes = append(takes, stored...)
	slices.Sort(takes)
	takes = slices.Compact(takes)
	was.Takes = len(takes)
	for _, prefix := range b.prefixes(c.ID) {
		objects, bytes, again := b.objects.Usage(ctx, prefix)
		was.Objects, was.Bytes, err = was.Objects+objects, was.Bytes+bytes, errors.Join(err, again)
	}
	return was, takes, err
}

// prefixes are those of all objects of a call: what opens it first.
func (b *burial) prefixes(call string) (all []string) {
	for _, folder := range b.folders {
		all = append(all, folder+call+"/")
	}
	return append(all, "rec/"+call+"/")
}

// eraseWithin bounds the erasure of one call; an upload under way may take a minute.
const eraseWithin = 2 * time.Minute

// erase erases a call. away says why the object store can not be looked through:
// then all goes that is on the spool.
func (b *burial) erase(ctx context.Context, c store.Call, away error) (store.Erased, error) {
	ctx, cancel := context.WithTimeout(ctx, eraseWithin)
	defer cancel()
	was, takes, err := b.find(ctx, c)
	err = errors.Join(err, b.db.NoteErased(ctx, c.ID, was))
	for _, take := range takes {
		err = errors.Join(err, b.spool.Destroy(ctx, c.ID, take))
	}
	b.forget(c.ID)
	if err = errors.Join(away, err); err != nil {
		return was, err
	}
	// What nobody knows of: a take that has lost its folder, keys of another node.
	if err := b.clear(ctx, c.ID); err != nil {
		return was, err
	}
	if err := b.db.FinishErasure(ctx, c.ID); err != nil {
		return was, err
	}
	return was, b.clear(ctx, c.ID) // what a request under way has brought meanwhile
}

// clear removes all objects of a call, in every version, until the store lists none.
func (b *burial) clear(ctx context.Context, call string) error {
	for _, prefix := range b.prefixes(call) {
		if err := b.objects.Erase(ctx, prefix); err != nil {
			return err
		}
	}
	return nil
}
