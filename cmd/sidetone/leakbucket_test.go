package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"

	"sidetone/store"
)

// A bucket of an operator's own store, which keeps every version of what is
// written over or deleted, and beside it one for the keys, which does not. Its server is another process: it moves to another
// working directory.

// bucketDirEnv and bucketAddressEnv name, in the child process that serves the
// bucket, its folder and where it listens.
const (
	bucketDirEnv     = "SIDETONE_TEST_BUCKET_DIR"
	bucketAddressEnv = "SIDETONE_TEST_BUCKET_ADDRESS"
)

// bucketKey and bucketSecret open the store.
const bucketKey, bucketSecret = "versioned", "versioned-secret"

// init makes this test binary a store, before TestMain builds the program.
func init() {
	dir := os.Getenv(bucketDirEnv)
	if dir == "" {
		return
	}
	if err := serveBucket(dir, os.Getenv(bucketAddressEnv)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serveBucket serves a stock versitygw with versions until its standard input ends.
func serveBucket(dir, address string) error {
	for _, name := range []string{"buckets", "versions"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
	}
	files, err := posix.New(filepath.Join(dir, "buckets"), meta.XattrMeta{}, posix.PosixOpts{VersioningDir: filepath.Join(dir, "versions")})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	return embedgw.RunVersityGW(ctx, files, &embedgw.Config{
		RootUserAccess: bucketKey, RootUserSecret: bucketSecret,
		IAMService: auth.NewIAMServiceSingle(auth.Account{Access: bucketKey, Secret: bucketSecret, Role: auth.RoleAdmin}),
		Ports:      []string{address}, MaxConnections: 256, MaxRequests: 256, MultipartMaxParts: 10000, KeepAlive: true, Quiet: true,
		S3Options: []s3api.Option{s3api.WithOnListen(func() { fmt.Println("ready") })},
	})
}

// bucket is a bucket that keeps versions, and where its files lie.
type bucket struct {
	client *s3.Client
	dir    string
	name   string
	keys   string   // the bucket of the keys
	env    []string // with which a gateway uses it

	options store.S3Options // with which a test does
}

// newBucket serves a bucket from a folder until the test ends.
func newBucket(t *testing.T, dir string) *bucket {
	t.Helper()
	address := freeAddress(t)
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), bucketDirEnv+"="+dir, bucketAddressEnv+"="+address)
	server.Stderr = os.Stderr
	stdin, inErr := server.StdinPipe()
	stdout, outErr := server.StdoutPipe()
	if err := errors.Join(inErr, outErr, server.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := server.Wait(); err != nil {
			t.Error("the bucket's server ended with ", err)
		}
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && lines.Text() != "ready" {
	}
	endpoint := "http://" + address
	b := &bucket{dir: dir, name: "sidetone", keys: "sidetone-keys", env: []string{"SIDETONE_STORAGE_S3_ENDPOINT=" + endpoint,
		"SIDETONE_STORAGE_S3_KEYS_BUCKET=sidetone-keys",
		"SIDETONE_STORAGE_S3_ACCESS_KEY_ID=" + bucketKey, "SIDETONE_STORAGE_S3_SECRET_ACCESS_KEY=" + bucketSecret}}
	b.options = store.S3Options{Endpoint: endpoint, Bucket: b.name, KeysBucket: b.keys, PathStyle: true, AccessKeyID: bucketKey, SecretAccessKey: bucketSecret}
	b.client = s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &endpoint, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(bucketKey, bucketSecret, "")})
	_, made := b.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &b.name})
	_, versioned := b.client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: &b.name,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	_, beside := b.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &b.keys})
	if err := errors.Join(made, versioned, beside); err != nil {
		t.Fatal(err)
	}
	return b
}

// plant leaves an object with a secret that was deleted at once, and returns how to
// take it away.
func (b *bucket) plant(t *testing.T, key, secret string) (remove func()) {
	t.Helper()
	ctx := t.Context()
	put, err := b.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &b.name, Key: &key, Body: strings.NewReader(secret)})
	if err != nil {
		t.Fatal(err)
	}
	gone, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		for _, version := range []*string{put.VersionId, gone.VersionId} {
			if _, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &key, VersionId: version}); err != nil {
				t.Error(err)
			}
		}
	}
}

// kept returns the keys of all versions in both buckets, and of the markers of what
// was deleted.
func (b *bucket) kept(t *testing.T) (keys []string) {
	t.Helper()
	for _, name := range []string{b.name, b.keys} {
		pages := s3.NewListObjectVersionsPaginator(b.client, &s3.ListObjectVersionsInput{Bucket: &name})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range page.Versions {
				keys = append(keys, aws.ToString(v.Key))
			}
			for _, m := range page.DeleteMarkers {
				keys = append(keys, aws.ToString(m.Key))
			}
		}
	}
	return keys
}
