package app

import (
	"context"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sidetone/configs"
	"sidetone/store"
)

// Objects is how the object store is reached: the configured one, or the
// built-in one, which runs until Close.
type Objects struct {
	S3      store.S3Options
	builtin *store.Builtin
}

// builtinWait is how long a starting gateway waits for a command that serves the
// built-in store meanwhile.
const builtinWait = 10 * time.Second

// StartObjects starts the built-in object store where none is configured, for a
// gateway: it fails when another one serves the same data directory. registry gets
// the store's metrics.
func StartObjects(ctx context.Context, c *configs.Config, registry *prometheus.Registry) (*Objects, error) {
	metrics := store.NewMetrics(registry)
	o, err := objects(c, func(o store.BuiltinOptions) (*store.Builtin, error) {
		o.Wait, o.Metrics = builtinWait, metrics
		return store.StartBuiltin(ctx, o)
	})
	if err != nil {
		return nil, err
	}
	o.S3.Metrics = metrics
	return o, nil
}

// OpenObjects is StartObjects for a command: it uses the built-in store that a
// running gateway serves, and starts it where none does.
func OpenObjects(ctx context.Context, c *configs.Config) (*Objects, error) {
	return objects(c, func(o store.BuiltinOptions) (*store.Builtin, error) { return store.ConnectBuiltin(ctx, o) })
}

func objects(c *configs.Config, open func(store.BuiltinOptions) (*store.Builtin, error)) (*Objects, error) {
	s3 := c.Storage.S3
	if s3.Endpoint != "" {
		o := remoteS3(c)
		o.Bucket, o.Prefix, o.KeysBucket = s3.Bucket, s3.Prefix, s3.KeysBucket
		return &Objects{S3: o}, nil
	}
	b, err := open(store.BuiltinOptions{Dir: filepath.Join(c.DataDir, "s3")})
	if err != nil {
		return nil, err
	}
	o := b.S3(s3.Bucket)
	o.Prefix, o.KeysBucket = s3.Prefix, s3.KeysBucket
	return &Objects{S3: o, builtin: b}, nil
}

// remoteS3 is how a service elsewhere is reached, without any bucket.
func remoteS3(c *configs.Config) store.S3Options {
	s3 := c.Storage.S3
	return store.S3Options{
		Endpoint: s3.Endpoint, Region: s3.Region, AccessKeyID: s3.AccessKeyID, SecretAccessKey: string(s3.SecretAccessKey),
		PathStyle: s3.PathStyle, ChecksumWhenRequired: s3.ChecksumWhenRequired, CAFile: s3.CAFile, SSE: string(s3.SSE), SSEKeyID: s3.SSEKMSKeyID,
	}
}

// Close stops the built-in store, if this process runs it.
func (o *Objects) Close() error {
	if o.builtin == nil {
		return nil
	}
	return o.builtin.Close()
}
