package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"sidetone/configs"
	"sidetone/store"
)

// Limits of the preflight.
const (
	preflightWithin = 3 * time.Second // at the start; later it has a minute
	preflightAgain  = 30 * time.Second
)

// storage knows what the object store can do, once it could be asked.
type storage struct {
	preflight func(ctx context.Context) (store.Findings, error)
	log       *slog.Logger

	mu    sync.RWMutex
	state StorageState
}

// StorageState is what is known of the object store.
type StorageState struct {
	Checked  time.Time      `json:"checked_at,omitzero"`
	Findings store.Findings `json:"findings"`
	Error    string         `json:"error,omitempty"` // why nothing is
}

// openStorage asks the object store what it can do. It refuses a bucket in which
// wrapped keys would be kept that are deleted. A store that is away does not keep
// calls from being answered: it is asked again until it answers, and should it be such
// a one then, nothing more is recorded.
func (a *App) openStorage(ctx context.Context) error {
	a.storage = &storage{preflight: a.objects.Preflight, log: a.log}
	ctx, cancel := context.WithTimeout(ctx, preflightWithin)
	defer cancel()
	if err := a.storage.look(ctx); err != nil {
		a.background("preflight", a.storage.run)
	}
	return a.storage.usable()
}

// run looks until something is known.
func (s *storage) run(ctx context.Context) error {
	again := time.NewTicker(preflightAgain)
	defer again.Stop()
	for {
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		one, cancel := context.WithTimeout(ctx, time.Minute)
		err := s.look(one)
		cancel()
		if err == nil {
			return nil
		}
	}
}

// look asks the store. An error means that nothing is known; it is logged where it is
// another than before.
func (s *storage) look(ctx context.Context) error {
	found, err := s.preflight(ctx)
	s.mu.Lock()
	was := s.state.Error
	s.state = StorageState{Checked: time.Now().UTC(), Findings: found}
	if err != nil {
		s.state = StorageState{Findings: store.Findings{}, Error: err.Error()}
	}
	s.mu.Unlock()
	if err != nil {
		if was == "" && ctx.Err() != context.Canceled {
			s.log.Warn("the object store can not be asked what it can do; it is asked again", "err", err)
		}
		return err
	}
	var all []any
	for _, f := range found {
		all = append(all, slog.String(f.Bucket+"."+f.What, f.Found))
	}
	s.log.Info("object store", all...)
	for _, f := range found {
		switch f.Verdict {
		case store.Careful:
			s.log.Warn("object store", "bucket", f.Bucket, "what", f.What, "found", f.Found, "note", f.Note)
		case store.Refused:
			s.log.Error("object store: nothing is recorded", "bucket", f.Bucket, "what", f.What, "found", f.Found, "note", f.Note)
		}
	}
	return nil
}

// usable returns an error that wraps store.ErrKeptKeys if the store is known to be one
// to which no keys may go.
func (s *storage) usable() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state.Findings.Err()
}

// known returns what is known.
func (s *storage) known() StorageState {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state
}

// greeting says in a line what the store can do.
func (s *storage) greeting() string {
	state := s.known()
	if state.Error != "" {
		return "can not be asked yet; the log says why"
	}
	var can []string
	careful := 0
	for _, f := range state.Findings {
		switch f.What {
		case "conditional_put", "versioning", "lock":
			can = append(can, fmt.Sprintf("%s %s", strings.ReplaceAll(f.What, "_", " "), f.Found))
		}
		if f.Verdict != store.Fine {
			careful++
		}
	}
	if careful > 0 {
		can = append(can, fmt.Sprintf("%d warnings in the log", careful))
	}
	return strings.Join(can, ", ")
}

// showStorage answers what is known of the object store.
func (a *App) showStorage(w http.ResponseWriter, _ *http.Request) {
	a.answerAs(w, http.StatusOK, a.storage.known())
}

// CheckStorage asks the object store of a configuration what it can do.
func CheckStorage(ctx context.Context, c *configs.Config) (found store.Findings, err error) {
	opened, err := OpenObjects(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	objects, err := store.OpenS3(ctx, opened.S3)
	if err != nil {
		return nil, err
	}
	return objects.Preflight(ctx)
}
