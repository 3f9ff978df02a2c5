package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// ErrKeptKeys means a bucket for wrapped keys that may keep what is deleted of them:
// nothing that is erased would be gone.
var ErrKeptKeys = errors.New("store: the bucket of the keys may keep what is deleted")

// Verdict says what a finding means.
type Verdict string

// The verdicts.
const (
	Fine    Verdict = "ok"
	Careful Verdict = "warning"
	Refused Verdict = "refused" // keys must not be kept here
)

// Finding is one thing that was found out about a store.
type Finding struct {
	What    string  `json:"what"` // of a closed set, such as conditional_put
	Bucket  string  `json:"bucket"`
	Found   string  `json:"found"` // such as yes, no, unknown, enabled
	Verdict Verdict `json:"verdict"`
	Note    string  `json:"note,omitempty"` // what follows from it
}

// Findings are what a preflight has found.
type Findings []Finding

// Err returns an error that wraps ErrKeptKeys if keys must not be kept there.
func (f Findings) Err() error {
	for _, one := range f {
		if one.Verdict == Refused {
			return fmt.Errorf("%w: %s of %s is %s: %s", ErrKeptKeys, one.What, one.Bucket, one.Found, one.Note)
		}
	}
	return nil
}

// preflightFolder is where the preflight puts what it tries with. Nobody else's
// objects lie there: it is no id of a call.
const preflightFolder = "rec/preflight/"

// clockDiffers is by how much the clock of the store may differ before that is said.
// Amazon S3 refuses what was signed more than 15 minutes ago or ahead.
const clockDiffers = time.Minute

// Preflight finds out what the buckets can do, by doing it: it puts an object, puts it
// again, looks at it, lists and erases it, and asks for versioning and locks. It
// returns an error if the store can not be reached, or does not let us in: then
// nothing is known.
func (o *Objects) Preflight(ctx context.Context) (found Findings, err error) {
	defer func(start time.Time) { o.metrics.observe("preflight", start, err) }(time.Now())
	var random [8]byte
	rand.Read(random[:])
	t := &trial{Objects: o, key: preflightFolder + hex.EncodeToString(random[:])}
	for _, step := range []func(context.Context) error{t.puts, t.heads, t.lists, t.erases} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("store: preflight of bucket %s: %w%s", o.bucket, classify(err), clockOf(err))
		}
	}
	for _, b := range slices.Compact([]*Objects{o.of(keysFolder), o}) {
		if err := t.kept(ctx, b, b == o.of(keysFolder)); err != nil {
			return nil, fmt.Errorf("store: preflight of bucket %s: %w", b.bucket, classify(err))
		}
	}
	return t.found, nil
}

// trial is a preflight under way.
type trial struct {
	*Objects
	key   string
	found Findings
}

func (t *trial) add(o *Objects, what, found string, v Verdict, note string) {
	if v == Fine {
		note = ""
	}
	t.found = append(t.found, Finding{what, o.bucket, found, v, note})
}

// yes adds what the store can do, or can not with a warning.
func (t *trial) yes(what string, can bool, note string) {
	if can {
		t.add(t.Objects, what, "yes", Fine, "")
		return
	}
	t.add(t.Objects, what, "no", Careful, note)
}

// puts finds out whether an object that is there can be written over.
func (t *trial) puts(ctx context.Context) error {
	first, second := []byte("sidetone preflight\n"), []byte("it was written over\n")
	out, err := t.put(ctx, t.prefix+t.key, first, sha256.Sum256(first))
	if err != nil {
		return err
	}
	t.clock(out)
	_, err = t.put(ctx, t.prefix+t.key, second, sha256.Sum256(second))
	if err != nil && statusOf(err) != http.StatusPreconditionFailed {
		return err
	}
	t.yes("conditional_put", err != nil, "If-None-Match is not heeded: an object that exists could be written over")
	return nil
}

// clock compares the store's clock with ours.
func (t *trial) clock(out *s3.PutObjectOutput) {
	theirs, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
	ours, known := awsmiddleware.GetResponseAt(out.ResultMetadata)
	if !ok || !known {
		t.add(t.Objects, "clock", "unknown", Fine, "")
		return
	}
	off, verdict := theirs.Sub(ours).Round(time.Second), Fine
	if off.Abs() > clockDiffers {
		verdict = Careful
	}
	t.add(t.Objects, "clock", fmt.Sprintf("%+ds", int(off.Seconds())), verdict, "the store's clock and ours differ: set the one that is wrong, or signed requests are refused")
}

// clockOf says by how much the clock of a store that refuses us differs, if it does.
func clockOf(err error) string {
	var answer *smithyhttp.ResponseError
	if !errors.As(err, &answer) || answer.Response == nil {
		return ""
	}
	theirs, err := http.ParseTime(answer.Response.Header.Get("Date"))
	if off := time.Until(theirs).Round(time.Second); err == nil && off.Abs() > clockDiffers {
		return fmt.Sprintf(" (its clock differs from ours by %+ds)", int(off.Seconds()))
	}
	return ""
}

// heads finds out whether the store keeps the sum that it was given.
func (t *trial) heads(ctx context.Context) error {
	out, err := t.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &t.bucket, Key: aws.String(t.prefix + t.key), ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		return err
	}
	sum, err := base64.StdEncoding.DecodeString(aws.ToString(out.ChecksumSHA256))
	t.yes("checksum", err == nil && len(sum) == sha256.Size, "the store keeps no SHA-256: each object is read back before its copy on the spool goes")
	encryption := string(out.ServerSideEncryption)
	if encryption == "" {
		encryption = "none"
	}
	verdict := Fine
	if t.sse != "" && out.ServerSideEncryption != t.sse {
		verdict = Careful
	}
	t.add(t.Objects, "encryption", encryption, verdict, fmt.Sprintf("storage.s3.sse asks for %s; what is stored is sealed all the same", t.sse))
	return nil
}

// lists finds out whether what was put is listed.
func (t *trial) lists(ctx context.Context) error {
	keys, err := t.List(ctx, t.key)
	if err != nil && !errors.Is(err, ErrDenied) {
		return err
	}
	t.yes("list", slices.Contains(keys, t.key), "objects are not listed: nothing can be verified, rotated or erased")
	return nil
}

// erases finds out whether an object can be destroyed, in all of its versions.
func (t *trial) erases(ctx context.Context) error {
	err := t.Erase(ctx, t.key)
	if err != nil && statusOf(err) == 0 && !errors.Is(err, errStays) {
		return err
	}
	t.yes("erase", err == nil, "versions can not be listed and deleted: what is erased stays")
	return nil
}

// kept finds out whether a bucket keeps what is deleted.
func (t *trial) kept(ctx context.Context, b *Objects, keys bool) error {
	versioning, err := b.versioning(ctx)
	if err != nil {
		return err
	}
	locked, err := b.locks(ctx)
	if err != nil {
		return err
	}
	for _, one := range []struct{ what, found, note string }{
		{"versioning", versioning, "older versions stay until the erasure deletes each; that needs ListBucketVersions and DeleteObjectVersion"},
		{"lock", locked, "what is under a lock stays until that ends; it can not be opened once its keys are gone"},
	} {
		switch {
		case one.found == "off":
			t.add(b, one.what, one.found, Fine, "")
		case keys && one.found == "enabled":
			t.add(b, one.what, one.found, Refused, "wrapped keys must go when they are deleted: name another bucket in storage.s3.keys_bucket, without versions and locks")
		case keys && one.found == "unknown":
			t.add(b, one.what, one.found, Careful, "may not be asked: see yourself that the bucket of the keys keeps no versions and has no lock")
		default:
			t.add(b, one.what, one.found, Careful, one.note)
		}
	}
	return nil
}

// versioning is off, enabled, suspended, or unknown: we may not ask.
func (o *Objects) versioning(ctx context.Context) (string, error) {
	out, err := o.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &o.bucket})
	switch {
	case err != nil:
		return unasked(err)
	case out.Status == types.BucketVersioningStatusEnabled:
		return "enabled", nil
	case out.Status == types.BucketVersioningStatusSuspended:
		return "suspended", nil
	}
	return "off", nil
}

// locks is off, enabled, or unknown: we may not ask.
func (o *Objects) locks(ctx context.Context) (string, error) {
	out, err := o.client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &o.bucket})
	switch {
	case err != nil:
		return unasked(err)
	case out.ObjectLockConfiguration != nil && out.ObjectLockConfiguration.ObjectLockEnabled == types.ObjectLockEnabledEnabled:
		return "enabled", nil
	}
	return "off", nil
}

// unasked says what is known of a setting of a bucket after an error: a store that
// does not know the question, or has no such configuration, has it off.
func unasked(err error) (string, error) {
	var api smithy.APIError
	switch status := statusOf(err); {
	case errors.As(err, &api) && api.ErrorCode() == "ObjectLockConfigurationNotFoundError", versionless(err), status == http.StatusBadRequest:
		return "off", nil
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		return "unknown", nil
	}
	return "", err
}
