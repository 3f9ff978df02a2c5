package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sidetone/seal"
	"sidetone/store"
)

// expiredEvent is the event of rows that say that a class of a call was kept for as long
// as was set, and is destroyed.
const expiredEvent = "expired"

// expiredRow is the body of such a row.
type expiredRow struct {
	Class string `json:"class"`
	Kept  string `json:"kept"` // for how long it was to be kept
	Takes int    `json:"takes"`
}

// SweepState is what a sweep has come to with one class of a call.
type SweepState string

// The states.
const (
	WouldExpire    SweepState = "would_expire" // of a dry run
	IsExpired      SweepState = "expired"
	SweepHeld      SweepState = "held"      // a legal hold keeps it
	SweepSpooled   SweepState = "spooled"   // it is not stored yet, and other classes of it are kept
	SweepElsewhere SweepState = "elsewhere" // the gateway that answered the call has it on its spool
	SweepFailed    SweepState = "failed"    // something is away; it is tried again
)

// SweptClass is what a sweep has come to with one class of a call.
type SweptClass struct {
	Call  string     `json:"call"`
	Class seal.Class `json:"class"`
	State SweepState `json:"state"`
	Takes int        `json:"takes"`
	Due   time.Time  `json:"due_at"`
	Why   string     `json:"why,omitempty"` // it has failed
}

// sweptMost is how many classes the result of a sweep lists.
const sweptMost = 1000

// SweepResult is what a sweep has come to.
type SweepResult struct {
	Counts  map[SweepState]int `json:"counts"`
	Classes []SweptClass       `json:"classes"` // the first 1000
	More    bool               `json:"more"`    // it has ended before it was through
	expired map[seal.Class]int
}

func (r *SweepResult) add(c SweptClass) {
	r.Counts[c.State]++
	if c.State == IsExpired {
		r.expired[c.Class]++
	}
	if len(r.Classes) < sweptMost {
		r.Classes = append(r.Classes, c)
	}
}

// Limits of a sweep.
const (
	sweepPage   = 100                   // calls that are looked up at once
	sweepPace   = 20 * time.Millisecond // between two calls: fifty a second
	sweepWithin = 2 * time.Minute       // of one call; an object store may be slow
	sweepStale  = 10 * time.Minute      // after that another gateway may take a call over
)

// sweeper destroys what is past the time for which it is kept.
type sweeper struct {
	*eraser
	rules retention
	now   func() time.Time
}

// sweep destroys, or lists, what is past its time, those calls first that ended first,
// until it is through or the time is up. It may be cut off at any moment: what it has
// begun is begun again by the next sweep, and is handed out by nobody meanwhile.
func (s *sweeper) sweep(ctx context.Context, dry bool, within time.Duration) (SweepResult, error) {
	result := SweepResult{Counts: map[SweepState]int{}, expired: map[seal.Class]int{}, Classes: []SweptClass{}}
	now, began := s.now(), time.Now()
	spooled := map[string]bool{}
	takes, err := s.spool.Takes()
	if err != nil {
		return result, err
	}
	for _, t := range takes {
		spooled[t.Call] = true
	}
	for at := (store.Cursor{}); ; {
		calls, err := s.db.DueCalls(ctx, s.rules.due(now), at, sweepPage)
		if err != nil || len(calls) == 0 {
			return result, err
		}
		for _, c := range calls {
			if within > 0 && time.Since(began) > within {
				result.More = true
				return result, nil
			}
			if err := s.step(ctx, c, now, dry, spooled[c.ID], &result); err != nil {
				return result, err
			}
			at = store.Cursor{Ended: c.Ended, ID: c.ID}
		}
	}
}

// step does one call, while nobody erases, and waits.
func (s *sweeper) step(ctx context.Context, c store.Call, now time.Time, dry, spooled bool, result *SweepResult) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	swept, err := s.call(ctx, c, now, dry, spooled)
	leave()
	for _, one := range swept {
		result.add(one)
	}
	if err != nil || dry {
		return err
	}
	pause := time.NewTimer(sweepPace)
	defer pause.Stop()
	select {
	case <-pause.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// call destroys those classes of a call that are past their time. The error says that
// the sweep can not go on.
func (s *sweeper) call(ctx context.Context, c store.Call, now time.Time, dry, spooled bool) (swept []SweptClass, err error) {
	gone, err := s.db.Expiries(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	rule := s.rules.rule(c.Agent)
	left := 0 // classes that stay
	for _, class := range seal.Classes {
		if slices.ContainsFunc(gone, func(e store.Expiry) bool { return e.Class == string(class) && !e.Done.IsZero() }) {
			continue
		}
		if kept := rule.of(class); kept > 0 && c.Ended.Add(kept).Before(now) {
			swept = append(swept, SweptClass{Call: c.ID, Class: class, State: WouldExpire, Takes: c.Takes, Due: c.Ended.Add(kept)})
		} else {
			left++
		}
	}
	set := func(state SweepState, why error) ([]SweptClass, error) {
		for i := range swept {
			swept[i].State = state
			if why != nil {
				swept[i].Why = why.Error()
			}
		}
		return swept, ctx.Err()
	}
	stored := c.Recording == recordingStored || c.Recording == recordingIncomplete
	switch {
	case len(swept) == 0: // another sweep has come first
		return nil, nil
	case s.config.Consent.Hold || c.Held && c.Expired == (store.ExpiredClasses{}):
		return set(SweepHeld, nil)
	case !stored && s.config.Database.URL != "" && c.Node != "" && c.Node != nodeName(s.node.PublicKey()):
		return set(SweepElsewhere, nil)
	case spooled && left > 0:
		return set(SweepSpooled, nil)
	case dry:
		for i := range swept {
			if c.Held && !c.Expired.Has(string(swept[i].Class)) {
				swept[i].State = SweepHeld
			}
		}
		return swept, nil
	}
	due := len(swept)
	swept, err = s.begin(ctx, swept)
	if err == nil {
		err = s.expire(ctx, c, swept, left == 0 && len(swept) == due, rule)
	}
	if err != nil {
		s.log.Error("what is past its time is not destroyed yet", "call", c.ID, "err", err)
		return set(SweepFailed, err)
	}
	return swept, nil
}

// begin notes what is being destroyed, and returns that: nobody gets it from then on.
func (s *sweeper) begin(ctx context.Context, due []SweptClass) (begun []SweptClass, err error) {
	for _, one := range due {
		switch err := s.db.BeginExpiry(ctx, one.Call, string(one.Class), nodeName(s.node.PublicKey()), time.Now().Add(-sweepStale)); {
		case errors.Is(err, store.ErrHeld):
			one.State = SweepHeld
		case errors.Is(err, store.ErrErasing) || errors.Is(err, store.ErrConflict):
			return begun, nil // others do it, and the classes that follow
		case err != nil:
			return due, err
		default:
			one.State = IsExpired
		}
		begun = append(begun, one)
	}
	return begun, nil
}

// expire destroys the classes of a call that have begun to be, by the ways in which all
// else is destroyed: with the last of its classes all of a take goes, wherever it is.
func (s *sweeper) expire(ctx context.Context, c store.Call, swept []SweptClass, last bool, rule RetentionRule) error {
	ctx, cancel := context.WithTimeout(ctx, sweepWithin)
	defer cancel()
	s.forget(c.ID) // what somebody listens to
	takes, err := s.takes(ctx, c)
	if err != nil {
		return err
	}
	going := slices.DeleteFunc(slices.Clone(swept), func(one SweptClass) bool { return one.State != IsExpired })
	if last = last && len(going) == len(swept); last {
		for _, take := range takes {
			if err := s.spool.Destroy(ctx, c.ID, take); err != nil {
				return err
			}
		}
	}
	for _, one := range going {
		if !last {
			if err := s.spool.DestroyClass(ctx, c.ID, takes, one.Class); err != nil {
				return err
			}
		}
		if err := s.witness(ctx, c.ID, expiredRow{string(one.Class), days(rule.of(one.Class)), len(takes)}); err != nil {
			return err
		}
		if err := s.db.FinishExpiry(ctx, c.ID, string(one.Class)); err != nil {
			return err
		}
	}
	return nil
}

// takes returns the names of the takes that a call has had.
func (s *sweeper) takes(ctx context.Context, c store.Call) ([]string, error) {
	takes, err := s.objects.Folders(ctx, "rec/"+c.ID+"/")
	for n := 1; n <= c.Takes; n++ {
		takes = append(takes, takeName(n))
	}
	slices.Sort(takes)
	return slices.Compact(takes), err
}

// witness writes the row of a class that is destroyed, unless there is one: a sweep may
// have been cut off after it.
func (s *sweeper) witness(ctx context.Context, call string, row expiredRow) error {
	rows, err := s.ledger.Rows(ctx, call)
	if err != nil {
		return err
	}
	if expiredBy(rows)[seal.Class(row.Class)] {
		return nil
	}
	body, err := json.Marshal(row)
	if err == nil {
		_, err = s.ledger.Append(ctx, call, expiredEvent, body)
	}
	if err != nil {
		return fmt.Errorf("app: an expiry has no row: %w", err)
	}
	return nil
}

// expiredBy returns the classes that have expired by the rows of a call.
func expiredBy(rows []store.Row) map[seal.Class]bool {
	gone := map[seal.Class]bool{}
	for _, r := range rows {
		var row expiredRow
		if r.Event == expiredEvent && json.Unmarshal(r.Body, &row) == nil {
			gone[seal.Class(row.Class)] = true
		}
	}
	return gone
}

// days writes a duration in days where it has whole ones.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	if d > 0 && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return d.String()
}

// newSweeper returns a sweeper that works with the stores of an eraser.
func newSweeper(e *eraser, rules retention, now func() time.Time) *sweeper {
	if now == nil {
		now = time.Now
	}
	return &sweeper{eraser: e, rules: rules, now: now}
}
