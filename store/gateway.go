package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3response"
)

// gateway is versitygw's POSIX backend without its claim on the process's
// working directory. That backend names every file relative to its root and
// moves the whole process there; gateway moves back at once and hands it
// absolute bucket names instead.
//
// It serves what Objects asks for and what the server needs to answer that.
// Everything else is answered NotImplemented by the embedded type, because a
// bucket name that is not made absolute would mean a folder of ours.
type gateway struct {
	backend.BackendUnsupported
	files *posix.Posix
	root  string // absolute; holds one folder a bucket
}

// newGateway prepares root, which exists. The working directory is another for
// the blink of an eye: start the built-in store before anything that opens
// relative paths in other goroutines.
func newGateway(root string) (*gateway, error) {
	if err := (meta.XattrMeta{}).Test(root); err != nil {
		return nil, fmt.Errorf("the built-in object store needs a file system with user extended attributes at %s: %w", root, err)
	}
	home, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	opts := posix.PosixOpts{}
	opts.SetNewDirPerm(0o700)
	opts.SetNewFilePerm(0o600)
	files, err := posix.New(root, meta.XattrMeta{}, opts)
	if back := os.Chdir(home); back != nil && err == nil {
		files.Shutdown()
		err = back
	}
	if err != nil {
		return nil, err
	}
	return &gateway{files: files, root: root}, nil
}

// run serves the socket until ctx ends and calls ready when it listens. It
// prints nothing.
func (g *gateway) run(ctx context.Context, socket string, keys credentialPair, ready func()) error {
	return embedgw.RunVersityGW(ctx, g, &embedgw.Config{
		RootUserAccess:    keys.AccessKeyID,
		RootUserSecret:    keys.SecretAccessKey,
		IAMService:        newAccount(keys),
		Ports:             []string{socket},
		SocketPerm:        "0600",
		MaxConnections:    4096,
		MaxRequests:       1024,
		MultipartMaxParts: 10000,
		KeepAlive:         true,
		Quiet:             true,
		S3Options:         []s3api.Option{s3api.WithOnListen(ready)},
	})
}

func (g *gateway) String() string { return g.files.String() }

func (g *gateway) Shutdown() { g.files.Shutdown() }

func (g *gateway) NormalizeObjectKey(bucket, object string) string {
	return g.files.NormalizeObjectKey(g.at(bucket), object)
}

// at returns the absolute name of a bucket. The server has checked that it is
// a bucket name, thus without a slash.
func (g *gateway) at(bucket string) string { return filepath.Join(g.root, filepath.Base(bucket)) }

func (g *gateway) in(bucket *string) *string {
	if bucket == nil {
		return nil
	}
	path := g.at(*bucket)
	return &path
}

func (g *gateway) HeadBucket(ctx context.Context, in *s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
	in.Bucket = g.in(in.Bucket)
	return g.files.HeadBucket(ctx, in)
}

func (g *gateway) CreateBucket(ctx context.Context, in *s3.CreateBucketInput, acl []byte) error {
	in.Bucket = g.in(in.Bucket)
	return g.files.CreateBucket(ctx, in, acl)
}

func (g *gateway) GetBucketAcl(ctx context.Context, in *s3.GetBucketAclInput) ([]byte, error) {
	in.Bucket = g.in(in.Bucket)
	return g.files.GetBucketAcl(ctx, in)
}

func (g *gateway) GetBucketPolicy(ctx context.Context, bucket string) ([]byte, error) {
	return g.files.GetBucketPolicy(ctx, g.at(bucket))
}

func (g *gateway) GetBucketCors(ctx context.Context, bucket string) ([]byte, error) {
	return g.files.GetBucketCors(ctx, g.at(bucket))
}

func (g *gateway) GetBucketVersioning(ctx context.Context, bucket string) (s3response.GetBucketVersioningOutput, error) {
	return g.files.GetBucketVersioning(ctx, g.at(bucket))
}

func (g *gateway) GetBucketOwnershipControls(ctx context.Context, bucket string) (types.ObjectOwnership, error) {
	return g.files.GetBucketOwnershipControls(ctx, g.at(bucket))
}

func (g *gateway) GetObjectLockConfiguration(ctx context.Context, bucket string) ([]byte, error) {
	return g.files.GetObjectLockConfiguration(ctx, g.at(bucket))
}

func (g *gateway) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	in.Bucket = g.in(in.Bucket)
	return g.files.PutObject(ctx, in)
}

func (g *gateway) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	in.Bucket = g.in(in.Bucket)
	return g.files.HeadObject(ctx, in)
}

func (g *gateway) GetObject(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	in.Bucket = g.in(in.Bucket)
	return g.files.GetObject(ctx, in)
}

func (g *gateway) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input) (s3response.ListObjectsV2Result, error) {
	name := in.Bucket
	in.Bucket = g.in(in.Bucket)
	out, err := g.files.ListObjectsV2(ctx, in)
	out.Name = name
	return out, err
}

func (g *gateway) ListObjectVersions(ctx context.Context, in *s3.ListObjectVersionsInput) (s3response.ListVersionsResult, error) {
	name := in.Bucket
	in.Bucket = g.in(in.Bucket)
	out, err := g.files.ListObjectVersions(ctx, in)
	out.Name = name
	return out, err
}

func (g *gateway) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	in.Bucket = g.in(in.Bucket)
	return g.files.DeleteObject(ctx, in)
}

// account is the one account of the built-in store. versitygw's own service
// for this case answers a stranger "not found", as if an object were missing.
type account struct {
	auth.IAMService
	only auth.Account
}

func newAccount(keys credentialPair) account {
	only := auth.Account{Access: keys.AccessKeyID, Secret: keys.SecretAccessKey, Role: auth.RoleAdmin}
	return account{IAMService: auth.NewIAMServiceSingle(only), only: only}
}

// GetUserAccount implements auth.IAMService.
func (a account) GetUserAccount(access string) (auth.Account, error) {
	if access != a.only.Access {
		return auth.Account{}, auth.ErrNoSuchUser
	}
	return a.only, nil
}
