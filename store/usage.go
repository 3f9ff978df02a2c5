package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Usage counts what Erase would remove: the objects whose keys begin with prefix,
// in every version, and their bytes.
func (o *Objects) Usage(ctx context.Context, prefix string) (objects int, bytes int64, err error) {
	o = o.of(prefix)
	defer func(start time.Time) { o.metrics.observe("usage", start, err) }(time.Now())
	if !validKey(strings.TrimSuffix(prefix, "/")) {
		return 0, 0, fmt.Errorf("store: usage: invalid prefix %q", prefix)
	}
	if objects, bytes, err = o.usage(ctx, o.prefix+prefix); err != nil {
		return 0, 0, fmt.Errorf("store: usage of %s: %w", prefix, classify(err))
	}
	return objects, bytes, nil
}

func (o *Objects) usage(ctx context.Context, prefix string) (objects int, bytes int64, err error) {
	versions := s3.NewListObjectVersionsPaginator(o.client, &s3.ListObjectVersionsInput{Bucket: &o.bucket, Prefix: &prefix})
	for versions.HasMorePages() {
		page, err := versions.NextPage(ctx)
		if versionless(err) {
			return o.currentUsage(ctx, prefix)
		}
		if err != nil {
			return 0, 0, err
		}
		for _, v := range page.Versions {
			objects, bytes = objects+1, bytes+aws.ToInt64(v.Size)
		}
	}
	return objects, bytes, nil
}

// currentUsage is usage for a store that knows no versions.
func (o *Objects) currentUsage(ctx context.Context, prefix string) (objects int, bytes int64, err error) {
	current := s3.NewListObjectsV2Paginator(o.client, &s3.ListObjectsV2Input{Bucket: &o.bucket, Prefix: &prefix})
	for current.HasMorePages() {
		page, err := current.NextPage(ctx)
		if err != nil {
			return 0, 0, err
		}
		for _, v := range page.Contents {
			objects, bytes = objects+1, bytes+aws.ToInt64(v.Size)
		}
	}
	return objects, bytes, nil
}
