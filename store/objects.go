package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// MaxObject is the largest object, in bytes, that Put takes and Get returns. A
// segment of ten seconds has 640 kB.
const MaxObject = 64 << 20

// Put stores body under key, once and for all: sum, its SHA-256, is verified by
// the store, and a key that exists is never overwritten. If the key holds the
// same bytes, by an earlier attempt whose answer was lost, Put succeeds; if it
// holds others, the error wraps ErrConflict. Every other error may be tried
// again.
func (o *Objects) Put(ctx context.Context, key string, body []byte, sum [32]byte) (err error) {
	o = o.of(key)
	defer func(start time.Time) { o.metrics.observe("put", start, err) }(time.Now())
	name, err := o.name(key)
	if err != nil {
		return fmt.Errorf("store: put: %w", err)
	}
	if len(body) > MaxObject {
		return fmt.Errorf("store: put %s: %d bytes: %w", key, len(body), ErrTooLarge)
	}
	_, err = o.put(ctx, name, body, sum)
	if statusOf(err) == 412 {
		err = o.same(ctx, name, int64(len(body)), sum)
	}
	if err == nil {
		err = o.sync(ctx)
	}
	if err != nil {
		return fmt.Errorf("store: put %s: %w", key, classify(err))
	}
	return nil
}

// put asks the store to make an object called name.
func (o *Objects) put(ctx context.Context, name string, body []byte, sum [32]byte) (*s3.PutObjectOutput, error) {
	in := &s3.PutObjectInput{
		Bucket:               &o.bucket,
		Key:                  &name,
		Body:                 bytes.NewReader(body),
		ContentLength:        aws.Int64(int64(len(body))),
		ContentType:          aws.String("application/octet-stream"),
		IfNoneMatch:          aws.String("*"),
		ChecksumSHA256:       aws.String(base64.StdEncoding.EncodeToString(sum[:])),
		ServerSideEncryption: o.sse,
	}
	if o.sseKey != "" {
		in.SSEKMSKeyId = &o.sseKey
	}
	return o.client.PutObject(ctx, in, patient(len(body)))
}

// same returns nil if the object called name is what was to be put there.
func (o *Objects) same(ctx context.Context, name string, size int64, sum [32]byte) error {
	gotSize, gotSum, err := o.head(ctx, name)
	if err != nil {
		return err
	}
	if gotSize != size || gotSum != sum {
		return ErrConflict
	}
	return nil
}

// Head returns the size in bytes and the SHA-256 of the object, as the store
// keeps it. A store that keeps none is asked for the object, which is hashed
// here. ErrNotFound says that there is no such object.
func (o *Objects) Head(ctx context.Context, key string) (size int64, sum [32]byte, err error) {
	o = o.of(key)
	defer func(start time.Time) { o.metrics.observe("head", start, err) }(time.Now())
	name, err := o.name(key)
	if err == nil {
		size, sum, err = o.head(ctx, name)
	}
	if err != nil {
		return 0, sum, fmt.Errorf("store: head %s: %w", key, classify(err))
	}
	return size, sum, nil
}

func (o *Objects) head(ctx context.Context, name string) (size int64, sum [32]byte, err error) {
	out, err := o.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &o.bucket, Key: &name, ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return 0, sum, err
	}
	kept, err := base64.StdEncoding.DecodeString(aws.ToString(out.ChecksumSHA256))
	if err == nil && len(kept) == len(sum) {
		return aws.ToInt64(out.ContentLength), [32]byte(kept), nil
	}
	body, err := o.get(ctx, name, nil)
	return int64(len(body)), sha256.Sum256(body), err
}

// Get returns a whole object of at most MaxObject bytes. ErrNotFound says that
// there is none.
func (o *Objects) Get(ctx context.Context, key string) (body []byte, err error) {
	o = o.of(key)
	defer func(start time.Time) { o.metrics.observe("get", start, err) }(time.Now())
	name, err := o.name(key)
	if err == nil {
		body, err = o.get(ctx, name, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("store: get %s: %w", key, classify(err))
	}
	return body, nil
}

// GetRange returns at most n bytes of an object from off on; fewer at its end.
func (o *Objects) GetRange(ctx context.Context, key string, off, n int64) (body []byte, err error) {
	o = o.of(key)
	defer func(start time.Time) { o.metrics.observe("get_range", start, err) }(time.Now())
	name, err := o.name(key)
	if err == nil && (off < 0 || n < 1) {
		err = fmt.Errorf("no such range: %d bytes from %d", n, off)
	}
	if err == nil {
		body, err = o.get(ctx, name, aws.String(fmt.Sprintf("bytes=%d-%d", off, off+n-1)))
	}
	if err != nil {
		return nil, fmt.Errorf("store: get range of %s: %w", key, classify(err))
	}
	return body, nil
}

// get reads an object, or a range of one. The SDK tries a request again, but
// not a body that breaks off; that is done here.
func (o *Objects) get(ctx context.Context, name string, span *string) (body []byte, err error) {
	for range attempts {
		var out *s3.GetObjectOutput
		out, err = o.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &o.bucket, Key: &name, Range: span})
		if err != nil {
			return nil, err
		}
		body, err = io.ReadAll(io.LimitReader(out.Body, MaxObject+1))
		out.Body.Close()
		if err == nil && len(body) > MaxObject {
			return nil, ErrTooLarge
		}
		if err == nil || ctx.Err() != nil {
			return body, err
		}
	}
	return nil, fmt.Errorf("read body: %w", err)
}

// List returns the keys that begin with prefix, sorted. None is no error.
func (o *Objects) List(ctx context.Context, prefix string) (keys []string, err error) {
	for page, err := range o.Pages(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, page...)
	}
	return keys, nil
}

// Pages yields the keys that begin with prefix, sorted, as many at a time as the
// store gives. Those that were yielded may be removed meanwhile. An error is the
// last that it yields.
func (o *Objects) Pages(ctx context.Context, prefix string) iter.Seq2[[]string, error] {
	o = o.of(prefix)
	return func(yield func([]string, error) bool) {
		var err error
		defer func(start time.Time) { o.metrics.observe("list", start, err) }(time.Now())
		pages := s3.NewListObjectsV2Paginator(o.client, &s3.ListObjectsV2Input{
			Bucket: &o.bucket, Prefix: aws.String(o.prefix + prefix),
		})
		for pages.HasMorePages() {
			var page *s3.ListObjectsV2Output
			if page, err = pages.NextPage(ctx); err != nil {
				yield(nil, fmt.Errorf("store: list %s: %w", prefix, classify(err)))
				return
			}
			keys := make([]string, len(page.Contents))
			for i, object := range page.Contents {
				keys[i] = strings.TrimPrefix(aws.ToString(object.Key), o.prefix)
			}
			if !yield(keys, nil) {
				return
			}
		}
	}
}

// Delete removes an object; one that is not there is no error.
func (o *Objects) Delete(ctx context.Context, key string) (err error) {
	o = o.of(key)
	defer func(start time.Time) { o.metrics.observe("delete", start, err) }(time.Now())
	name, err := o.name(key)
	if err == nil {
		_, err = o.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &o.bucket, Key: &name})
		err = classify(err)
	}
	if err == nil || errors.Is(err, ErrNotFound) {
		err = o.sync(ctx)
	}
	if err != nil {
		return fmt.Errorf("store: delete %s: %w", key, err)
	}
	return nil
}

// Check reports whether the bucket, or each of two, is there and lets us in.
func (o *Objects) Check(ctx context.Context) error {
	err := o.check(ctx)
	if err == nil && o.keys != nil {
		err = o.keys.check(ctx)
	}
	return err
}

func (o *Objects) check(ctx context.Context) (err error) {
	defer func(start time.Time) { o.metrics.observe("check", start, err) }(time.Now())
	if _, err = o.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &o.bucket}); err != nil {
		return fmt.Errorf("store: check bucket %s: %w", o.bucket, classify(err))
	}
	return nil
}

// createBucket makes the bucket unless it is there.
func (o *Objects) createBucket(ctx context.Context) error {
	err := o.check(ctx)
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	_, err = o.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &o.bucket})
	// Another process may have been quicker.
	var owned *types.BucketAlreadyOwnedByYou
	if err != nil && !errors.As(err, &owned) {
		return fmt.Errorf("store: create bucket %s: %w", o.bucket, classify(err))
	}
	return o.sync(ctx)
}

// name returns the object's name in the bucket. A key is a relative path in
// the sense of io/fs, so that it means the same to every store.
func (o *Objects) name(key string) (string, error) {
	if !validKey(key) {
		return "", fmt.Errorf("invalid key %q", key)
	}
	return o.prefix + key, nil
}
