package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sidetone/configs"
	"sidetone/consent"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// Kinds of faults that the ledger shows, beside those of recorder.
const (
	faultLedger  recorder.FaultKind = "ledger"  // it does not verify, or rows of the call can not have come about
	faultConsent recorder.FaultKind = "consent" // no row grants what was recorded
	faultAnchor  recorder.FaultKind = "anchor"  // the manifest is not the one that was stored
	faultState   recorder.FaultKind = "state"   // the row of the call says otherwise
)

// Fault is something that is wrong with a recording.
type Fault = recorder.Fault

// VerifyOptions say by what recordings are verified.
type VerifyOptions struct {
	TrustOptions
	Take          string // only this one; empty for all of the call
	WithoutLedger bool   // look at the bucket alone; no database is opened
}

// VerifiedTake is what was seen of a take.
type VerifiedTake struct {
	Take     string  `json:"take"`
	Complete bool    `json:"complete"` // as its manifest says
	Seconds  float64 `json:"seconds"`
	Objects  int     `json:"objects"`
	Bytes    int64   `json:"bytes"`
	Pending  bool    `json:"pending,omitempty"` // it is not stored yet
}

// VerifiedCall is what was seen of a call.
type VerifiedCall struct {
	Call   string         `json:"call"`
	Takes  []VerifiedTake `json:"takes"`
	Faults []Fault        `json:"faults"` // all that is wrong; none: it is what was recorded
	// Expired are the classes that are past the time for which they are kept: nothing of
	// them should be there, and nothing is.
	Expired []string `json:"expired,omitempty"`
}

// Pending reports whether something of the call is not stored yet.
func (v VerifiedCall) Pending() bool {
	return slices.ContainsFunc(v.Takes, func(t VerifiedTake) bool { return t.Pending })
}

// Verifier verifies recordings, without any key that opens them.
type Verifier struct {
	o       VerifyOptions
	opened  *Objects
	objects *store.Objects
	records *Records // nil without the ledger
	trust   *trust
	epochs  []string
	Ledger  error // what is wrong with the ledger, as a whole
}

// OpenVerifier opens what recordings are verified by, and checks the ledger.
func OpenVerifier(ctx context.Context, c *configs.Config, o VerifyOptions) (*Verifier, error) {
	opened, err := OpenObjects(ctx, c)
	if err != nil {
		return nil, err
	}
	v, err := OpenVerifierIn(ctx, c, opened.S3, o)
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	v.opened = opened
	return v, nil
}

// OpenVerifierIn is OpenVerifier with an object store that the caller has opened.
func OpenVerifierIn(ctx context.Context, c *configs.Config, s3 store.S3Options, o VerifyOptions) (v *Verifier, err error) {
	v = &Verifier{o: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, v.Close())
		}
	}()
	if v.objects, err = store.OpenS3(ctx, s3); err != nil {
		return v, err
	}
	v.trust, err = newTrust(c, o.TrustOptions, func(context.Context) (recorder.Getter, error) { return v.objects, nil })
	if err != nil {
		return v, err
	}
	if v.epochs, err = v.objects.Folders(ctx, "keys/"); err != nil {
		return v, err
	}
	if o.WithoutLedger {
		return v, nil
	}
	if v.records, err = OpenRecordsIn(ctx, c, s3); err != nil {
		return v, err
	}
	_, v.Ledger = check(ctx, v.records.ledger, v.trust)
	return v, ctx.Err()
}

// Close closes what was opened.
func (v *Verifier) Close() (err error) {
	if v.records != nil {
		err = v.records.Close()
	}
	if v.opened != nil {
		err = errors.Join(err, v.opened.Close())
	}
	return err
}

// Call verifies a call, named by its id or the carrier's; without the ledger, by
// its id.
func (v *Verifier) Call(ctx context.Context, id string) (VerifiedCall, error) {
	c := store.Call{ID: id}
	if v.records != nil {
		var err error
		if c, err = v.records.db.Call(ctx, id); err != nil {
			return VerifiedCall{}, err
		}
	}
	return v.call(ctx, c)
}

// verifying is how many calls are verified at once.
const verifying = 4

// All verifies all calls, newest first, several at once, and gives each to f, one at
// a time.
func (v *Verifier) All(ctx context.Context, f func(VerifiedCall)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	var mu sync.Mutex
	calls := make(chan store.Call)
	for range verifying {
		workers.Go(func() {
			for c := range calls {
				got, err := v.call(ctx, c)
				if err != nil {
					cancel(fmt.Errorf("call %s: %w", c.ID, err))
					continue
				}
				mu.Lock()
				f(got)
				mu.Unlock()
			}
		})
	}
	err := v.each(ctx, func(c store.Call) error {
		select {
		case calls <- c:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(calls)
	workers.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	return err
}

// each calls f with all calls.
func (v *Verifier) each(ctx context.Context, f func(store.Call) error) error {
	if v.records == nil {
		ids, err := v.objects.Folders(ctx, "rec/")
		for _, id := range ids {
			if err = f(store.Call{ID: id}); err != nil {
				return err
			}
		}
		return err
	}
	for before := ""; ; {
		calls, err := v.records.db.Calls(ctx, store.Filter{Before: before, Limit: 1000})
		if err != nil || len(calls) == 0 {
			return err
		}
		for _, c := range calls {
			if err := f(c); err != nil {
				return err
			}
		}
		before = calls[len(calls)-1].ID
	}
}

// call verifies one call.
func (v *Verifier) call(ctx context.Context, c store.Call) (got VerifiedCall, err error) {
	got = VerifiedCall{Call: c.ID, Takes: []VerifiedTake{}, Faults: []Fault{}}
	fault := func(kind recorder.FaultKind, object, what string) {
		got.Faults = append(got.Faults, Fault{Kind: kind, Object: object, What: what})
	}
	if strings.ContainsAny(c.ID, "/\r\n") || c.ID == "" || len(c.ID) > 64 {
		return got, fmt.Errorf("%w: call %.80q", recorder.ErrID, c.ID)
	}
	there, err := v.objects.Folders(ctx, "rec/"+c.ID+"/")
	if err != nil {
		return got, err
	}
	if allGone(c) {
		return got, v.gone(ctx, c, there, fault)
	}
	takes := there
	for n := 1; n <= c.Takes; n++ {
		takes = append(takes, takeName(n))
	}
	slices.Sort(takes)
	takes = slices.Compact(takes)
	if v.o.Take != "" {
		takes = []string{v.o.Take}
	}
	var proof *proofs
	if v.records != nil && len(takes) > 0 {
		if proof, err = v.proofs(ctx, c, fault); err != nil {
			return got, err
		}
		for _, class := range proof.expired {
			got.Expired = append(got.Expired, string(class))
		}
	}
	for _, name := range takes {
		take, faults, err := v.take(ctx, c, name, proof)
		if err != nil {
			return got, err
		}
		got.Takes, got.Faults = append(got.Takes, take), append(got.Faults, faults...)
	}
	return got, nil
}

// storedWithin is how long after a call its recording may be on its way.
const storedWithin = time.Hour

// take verifies one take of a call.
func (v *Verifier) take(ctx context.Context, c store.Call, name string, proof *proofs) (VerifiedTake, []Fault, error) {
	take := VerifiedTake{Take: name}
	o := recorder.VerifyOptions{From: v.objects, NotFound: store.ErrNotFound, Trusted: v.trust.check, Call: c.ID, Take: name, Epochs: v.epochs}
	if proof != nil {
		o.Expired = proof.expired
	}
	seen, err := recorder.Verify(ctx, o)
	if err != nil {
		return take, nil, err
	}
	take.Objects, take.Bytes = seen.Objects, seen.Bytes
	m := seen.Manifest
	if m == nil {
		onItsWay := (c.Recording == recordingLive || c.Recording == recordingUploading) && (c.Ended.IsZero() || time.Since(c.Ended) < storedWithin)
		if seen.Objects == 0 && onItsWay {
			take.Pending = true
			return take, nil, nil
		}
		return take, seen.Faults, nil
	}
	take.Complete, take.Seconds = m.Complete, seconds(m)
	if proof != nil {
		seen.Faults = append(seen.Faults, proof.hold(m, seen.Hash)...)
		notes, err := v.corrections(ctx, c.ID, name, correctionRows(proof.rows, name), slices.Contains(proof.expired, seal.Text))
		if err != nil {
			return take, nil, err
		}
		seen.Faults = append(seen.Faults, notes...)
	}
	return take, seen.Faults, nil
}

// seconds is how long a recording is.
func seconds(m *recorder.Manifest) float64 {
	frame := int64(m.Channels) // bytes of one sample of all channels
	if m.Coding == media.PCM16.String() {
		frame *= 2
	}
	return float64(m.Length-int64(m.Header)) / float64(max(1, frame*int64(m.Rate)))
}

// proofs is what the ledger says of the recordings of a call.
type proofs struct {
	anchors map[string]sealedRow
	grants  map[string]consent.Row // what began each take
	expired []seal.Class           // that are past their time
	rows    []store.Row
}

// proofs reads the rows of a call, and names what is wrong with them.
func (v *Verifier) proofs(ctx context.Context, c store.Call, fault func(kind recorder.FaultKind, object, what string)) (*proofs, error) {
	rows, err := v.records.ledger.Rows(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		fault(faultLedger, "", "the ledger has no row of the call")
	}
	if err := checkCall(c.ID, rows); err != nil {
		fault(faultLedger, "", err.Error())
	}
	p := &proofs{grants: grantsOf(rows), rows: rows}
	p.anchors, _ = anchorsOf(rows) // what is wrong with them has been named
	p.expired, err = v.expired(ctx, c, expiredBy(rows), fault)
	return p, err
}

// grantsOf returns the rows that began the takes of a call, by take.
func grantsOf(rows []store.Row) map[string]consent.Row {
	grants := map[string]consent.Row{}
	n := 0
	for _, r := range rows {
		var row consent.Row
		if aboutRecording(r.Event) || json.Unmarshal(r.Body, &row) != nil {
			continue
		}
		keeps := row.Valves[consent.Record.String()] || row.Valves[consent.Transcript.String()] || row.Valves[consent.Snippet.String()]
		switch {
		case row.Event == string(consent.Unrecordable) && n > 0: // nothing could be recorded
			delete(grants, takeName(n))
			n--
		case row.Decision != nil && keeps: // it answers the question
			n++
			grants[takeName(n)] = row
		}
	}
	return grants
}

// hold holds a manifest against the rows.
func (p *proofs) hold(m *recorder.Manifest, hash recorder.Digest) (faults []Fault) {
	fault := func(kind recorder.FaultKind, what string, args ...any) {
		faults = append(faults, Fault{Kind: kind, Object: recorder.ManifestObject(m.Call, m.Take), What: fmt.Sprintf(what, args...)})
	}
	grant, granted := p.grants[m.Take]
	began := float64(m.Origin) / media.TickRate
	switch {
	case !granted:
		fault(faultConsent, "is of a take that no row grants")
	case grant.At < began-tickSlack:
		fault(faultConsent, "begins %.3f s after the call did, and was granted at %.3f s, before it was asked for", began, grant.At)
	}
	row, anchored := p.anchors[m.Take]
	switch {
	case !anchored:
		fault(faultAnchor, "is in no row of the ledger")
	case row.Manifest != hash:
		fault(faultAnchor, "is not the one that was stored: the ledger has SHA-256 %v", row.Manifest)
	case row.Complete != m.Complete:
		fault(faultAnchor, "says complete: %v, and the ledger %v", m.Complete, row.Complete)
	}
	return faults
}

// tickSlack is what the time of a row, written in decimal, may be off, in seconds.
const tickSlack = 0.001
