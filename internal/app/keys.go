package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sidetone/seal"
)

// openKeys opens the operator's keys, says what is to be said against how they are
// kept, and keeps a pool of keys for takes filled.
func (a *App) openKeys(ctx context.Context, _ Options) (err error) {
	a.keys, err = openOrInitKeys(ctx, a.config)
	if errors.Is(err, seal.ErrUnproved) {
		return fmt.Errorf("keys.escrow_recipients: %w: run sidetone keys challenge", err)
	}
	if err != nil {
		return err
	}
	metrics := seal.NewMetrics(a.registry)
	a.proveOwn(ctx)
	a.warnOfKeys(a.lookAtKeys(metrics))
	a.pool = seal.NewPool(seal.PoolOptions{Keys: a.keys, Metrics: metrics, Log: a.log})
	a.background("key pool", a.pool.Run)
	a.background("keys", func(ctx context.Context) error { return a.keepKeys(ctx, metrics) })
	return nil
}

// recipients parses the age recipients of a setting or flag.
func recipients(path string, texts []string) ([]seal.Recipient, error) {
	var rs []seal.Recipient
	for i, text := range texts {
		r, err := seal.ParseRecipient(text)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", path, i, err)
		}
		rs = append(rs, r)
	}
	return rs, nil
}

// proveWithin bounds the wait for a key service.
const proveWithin = 5 * time.Second

// proveOwn notes that the key of the current epoch opens what is wrapped to it, if
// that can be tried here.
func (a *App) proveOwn(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, proveWithin)
	defer cancel()
	if err := a.keys.ProveCurrent(ctx); err != nil {
		a.log.Warn("that the operator's key opens could not be shown", "err", err)
	}
}

// lookAtKeys sets the figures of the keys, and returns when they were last proved.
func (a *App) lookAtKeys(metrics *seal.Metrics) time.Time {
	proved, err := a.keys.Proved(a.keys.Current())
	if err != nil {
		a.log.Error("who has proved to have the keys can not be read", "err", err)
	}
	metrics.Observe(a.keys, proved)
	return proved
}

// warnOfKeys says what is allowed and yet loses recordings or gives them away.
func (a *App) warnOfKeys(proved time.Time) {
	e := a.keys.Current()
	if a.keys.Serving() {
		a.log.Warn("the operator's key lies on this machine's disk; keep a copy elsewhere", "dir", a.config.Keys.Dir, "epoch", e.ID)
	}
	if len(e.Recipients) == 1 { // a key service keeps its keys itself
		a.log.Warn("one key alone opens the recordings: who loses it loses them; name a second recipient", "epoch", e.ID)
	}
	if every := time.Duration(a.config.Keys.ProveEvery); proved.IsZero() {
		a.log.Warn("the holder of a key has never shown that they can decrypt: run sidetone keys challenge", "epoch", e.ID)
	} else if time.Since(proved) > every {
		a.log.Warn("the holder of a key has not shown for long that they can decrypt: run sidetone keys challenge",
			"epoch", e.ID, "proved", proved, "keys.prove_every", every.String())
	}
}

// proveOwnEvery is how often a gateway proves the key that it has.
const proveOwnEvery = 24 * time.Hour

// keepKeys takes up what is done to the keyring by commands, and says so.
func (a *App) keepKeys(ctx context.Context, metrics *seal.Metrics) error {
	look := time.NewTicker(seal.ReloadEvery)
	defer look.Stop()
	prove := time.NewTicker(proveOwnEvery)
	defer prove.Stop()
	failing := false
	for {
		select {
		case <-look.C:
		case <-prove.C:
			a.proveOwn(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
		before := a.keys.Current().ID
		_, err := a.keys.Reload()
		if err != nil && !failing {
			a.log.Error("the list of epochs can not be read; the one from before is in use", "epoch", before, "err", err)
		}
		failing = err != nil
		if now := a.keys.Current().ID; now != before {
			a.log.Info("another epoch of keys has begun", "epoch", now)
			a.warnOfKeys(a.lookAtKeys(metrics))
		} else {
			a.lookAtKeys(metrics)
		}
	}
}
