package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// erasing is how many objects Erase removes at once.
const erasing = 8

// errStays says that the store lists what it has confirmed as deleted.
var errStays = errors.New("still listed after its deletion")

// version is one version of an object, or the marker of its deletion. A store
// without versions has one of each object, whose id is "null" or empty.
type version struct{ name, id string }

// Erase removes each object whose key begins with prefix, with every version
// that the bucket keeps of it, and every marker of a deletion. It returns nil
// only after the store lists nothing of them any more; none is no error. It
// needs the permissions to list and to delete versions. After an error some may
// be gone, and it may be called again.
func (o *Objects) Erase(ctx context.Context, prefix string) (err error) {
	o = o.of(prefix)
	defer func(start time.Time) { o.metrics.observe("erase", start, err) }(time.Now())
	if !validKey(strings.TrimSuffix(prefix, "/")) {
		return fmt.Errorf("store: erase: invalid prefix %q", prefix)
	}
	err = o.erase(ctx, o.prefix+prefix)
	if err == nil {
		err = o.sync(ctx)
	}
	if err != nil {
		return fmt.Errorf("store: erase %s: %w", prefix, classify(err))
	}
	return nil
}

func (o *Objects) erase(ctx context.Context, prefix string) error {
	gone := make(map[version]bool)
	for {
		objects, err := o.versions(ctx, prefix)
		if err != nil || len(objects) == 0 {
			return err
		}
		for _, versions := range objects {
			for _, v := range versions {
				if gone[v] {
					return fmt.Errorf("%s, version %q: %w", v.name, v.id, errStays)
				}
				gone[v] = true
			}
		}
		if err := o.eraseEach(ctx, objects); err != nil {
			return err
		}
	}
}

// versions lists the first page of what is there, by object, in the order in
// which to remove it: the oldest version first and markers last, so that no
// older version comes to light in between.
func (o *Objects) versions(ctx context.Context, prefix string) (map[string][]version, error) {
	objects := make(map[string][]version)
	add := func(name, id *string) {
		v := version{aws.ToString(name), aws.ToString(id)}
		objects[v.name] = append(objects[v.name], v)
	}
	page, err := o.client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &o.bucket, Prefix: &prefix})
	if !versionless(err) {
		if err != nil {
			return nil, err
		}
		for _, v := range slices.Backward(page.Versions) {
			add(v.Key, v.VersionId)
		}
		for _, v := range slices.Backward(page.DeleteMarkers) {
			add(v.Key, v.VersionId)
		}
		return objects, nil
	}
	plain, err := o.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &o.bucket, Prefix: &prefix})
	if err != nil {
		return nil, err
	}
	for _, v := range plain.Contents {
		add(v.Key, nil)
	}
	return objects, nil
}

// versionless reports whether err is the answer of a store that knows no
// versions.
func versionless(err error) bool {
	status := statusOf(err)
	return status == 501 || status == 405
}

// eraseEach removes the versions of each object one after another, and several
// objects at once.
func (o *Objects) eraseEach(ctx context.Context, objects map[string][]version) error {
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		errs    []error
		work    = make(chan []version)
	)
	for range min(erasing, len(objects)) {
		workers.Go(func() {
			for versions := range work {
				if err := o.eraseVersions(ctx, versions); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, versions := range objects {
		work <- versions
	}
	close(work)
	workers.Wait()
	if len(errs) > 0 {
		return errs[0] // the others say the same of other objects
	}
	return nil
}

func (o *Objects) eraseVersions(ctx context.Context, versions []version) error {
	for _, v := range versions {
		in := &s3.DeleteObjectInput{Bucket: &o.bucket, Key: &v.name}
		if v.id != "" {
			in.VersionId = &v.id
		}
		if _, err := o.client.DeleteObject(ctx, in); err != nil && !errors.Is(classify(err), ErrNotFound) {
			return err
		}
	}
	return nil
}

// Folders returns what follows prefix in the keys that begin with it, up to the
// next slash, each name once and sorted: the folders that lie directly in it.
// Those of which the bucket has no more than older versions are among them.
// prefix ends in a slash.
func (o *Objects) Folders(ctx context.Context, prefix string) (names []string, err error) {
	o = o.of(prefix)
	defer func(start time.Time) { o.metrics.observe("folders", start, err) }(time.Now())
	if !strings.HasSuffix(prefix, "/") || !validKey(strings.TrimSuffix(prefix, "/")) {
		return nil, fmt.Errorf("store: folders: invalid prefix %q", prefix)
	}
	folders, err := o.folders(ctx, o.prefix+prefix)
	if err != nil {
		return nil, fmt.Errorf("store: folders of %s: %w", prefix, classify(err))
	}
	for _, f := range folders {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(f, o.prefix+prefix), "/"))
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (o *Objects) folders(ctx context.Context, prefix string) (folders []string, err error) {
	versions := s3.NewListObjectVersionsPaginator(o.client, &s3.ListObjectVersionsInput{
		Bucket: &o.bucket, Prefix: &prefix, Delimiter: aws.String("/"),
	})
	for versions.HasMorePages() {
		page, err := versions.NextPage(ctx)
		if versionless(err) {
			return o.currentFolders(ctx, prefix)
		}
		if err != nil {
			return nil, err
		}
		for _, p := range page.CommonPrefixes {
			folders = append(folders, aws.ToString(p.Prefix))
		}
	}
	return folders, nil
}

// currentFolders is folders for a store that knows no versions.
func (o *Objects) currentFolders(ctx context.Context, prefix string) (folders []string, err error) {
	objects := s3.NewListObjectsV2Paginator(o.client, &s3.ListObjectsV2Input{
		Bucket: &o.bucket, Prefix: &prefix, Delimiter: aws.String("/"),
	})
	for objects.HasMorePages() {
		page, err := objects.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, p := range page.CommonPrefixes {
			folders = append(folders, aws.ToString(p.Prefix))
		}
	}
	return folders, nil
}
