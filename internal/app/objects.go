package app

import (
	"context"
	"path/filepath"

	"sidetone/configs"
	"sidetone/store"
)

// Objects is how the object store is reached: the configured one, or the
// built-in one, which runs until Close.
type Objects struct {
	S3      store.S3Options
	builtin *store.Builtin
}

// OpenObjects starts the built-in object store where none is configured. When
// another process of this data directory runs it already, that one is used.
func OpenObjects(ctx context.Context, c *configs.Config) (*Objects, error) {
	s3 := c.Storage.S3
	if s3.Endpoint == "" && s3.AccessKeyID == "" {
		b, err := store.ConnectBuiltin(ctx, store.BuiltinOptions{Dir: filepath.Join(c.DataDir, "s3")})
		if err != nil {
			return nil, err
		}
		o := b.S3(s3.Bucket)
		o.Prefix = s3.Prefix
		return &Objects{S3: o, builtin: b}, nil
	}
	return &Objects{S3: store.S3Options{
		Endpoint: s3.Endpoint, Region: s3.Region, Bucket: s3.Bucket, Prefix: s3.Prefix,
		AccessKeyID: s3.AccessKeyID, SecretAccessKey: string(s3.SecretAccessKey),
		PathStyle: s3.PathStyle, ChecksumWhenRequired: s3.ChecksumWhenRequired,
	}}, nil
}

// Close stops the built-in store, if this process runs it.
func (o *Objects) Close() error {
	if o.builtin == nil {
		return nil
	}
	return o.builtin.Close()
}
