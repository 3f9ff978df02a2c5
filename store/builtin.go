package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// The built-in store's directory holds, besides the objects:
const (
	bucketsName     = "buckets"          // one folder a bucket
	credentialsName = "credentials.json" // 0600
	socketName      = "s3.sock"          // 0600
	lockName        = "lock"             // held by the process that serves
)

// maxSocketPath is what fits into sockaddr_un with its terminating zero; see
// unix(7).
const maxSocketPath = 107

// lockPoll is how often a taken directory is asked for again.
const lockPoll = 50 * time.Millisecond

// closeTimeout bounds the wait for requests in flight when the server stops.
const closeTimeout = 10 * time.Second

// BuiltinOptions say where the built-in store lives.
type BuiltinOptions struct {
	Dir     string   // made with mode 0700 if missing; persistent, with user extended attributes
	Socket  string   // default: s3.sock in Dir
	Metrics *Metrics // nil: not registered anywhere
	// Wait is how long StartBuiltin waits for another process that serves the
	// directory to end, such as a command that was run before the gateway.
	Wait time.Duration
}

// Builtin is the built-in S3 server, run by this process or by another: a
// versitygw over a directory, on a UNIX socket that only this user can reach,
// with credentials made at its first start. Object locks on it are only as
// strong as root on this machine; it is no WORM storage.
type Builtin struct {
	keys   credentialPair
	socket string // absolute
	sync   *fsSync
	unused *unusedConns

	close func() error
}

// serving guards versitygw's package variables: one server a process.
var serving atomic.Bool

// StartBuiltin serves the directory until Close; a process that lives on its
// own uses it. ErrInUse says that another process serves the directory and did
// not end within Wait, or that this process already runs a server. It returns
// when the server answers. See newGateway for what happens to the working
// directory meanwhile.
func StartBuiltin(ctx context.Context, o BuiltinOptions) (*Builtin, error) {
	b, err := startBuiltin(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("store: start built-in object store: %w", err)
	}
	return b, nil
}

// ConnectBuiltin uses the server that already serves the directory, or else
// starts one; with it a command works the same beside a running gateway and
// without. Close ends only what was started. Nothing takes over when the other
// process ends.
func ConnectBuiltin(ctx context.Context, o BuiltinOptions) (*Builtin, error) {
	o.Wait = 0
	b, err := StartBuiltin(ctx, o)
	if !errors.Is(err, ErrInUse) {
		return b, err
	}
	if b, err = dialBuiltin(ctx, o); err != nil {
		return nil, fmt.Errorf("store: connect to built-in object store: %w", err)
	}
	return b, nil
}

// S3 returns the options that reach this store, for OpenS3.
func (b *Builtin) S3(bucket string) S3Options {
	return S3Options{
		Endpoint:        "http://builtin.invalid", // a name; DialContext goes to the socket
		Bucket:          bucket,
		AccessKeyID:     b.keys.AccessKeyID,
		SecretAccessKey: b.keys.SecretAccessKey,
		PathStyle:       true,
		CreateBucket:    true,
		Sync:            b.Sync,
		DialContext:     b.DialContext,
	}
}

// DialContext connects to the server's socket, whatever the address says.
func (b *Builtin) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	path, done, err := socketPath(b.socket)
	if err != nil {
		return nil, err
	}
	defer done()
	conn, err := (&net.Dialer{Timeout: connectTimeout}).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return b.unused.add(conn)
}

// Sync returns once every object acknowledged before the call is on disk: the
// server itself never calls fsync. Calls are coalesced.
func (b *Builtin) Sync(ctx context.Context) error { return b.sync.wait(ctx) }

// Close stops the server, if it is ours, and waits for its goroutines. It may
// be called twice.
func (b *Builtin) Close() error { return b.close() }

func startBuiltin(ctx context.Context, o BuiltinOptions) (*Builtin, error) {
	o, err := o.prepare()
	if err != nil {
		return nil, err
	}
	if !serving.CompareAndSwap(false, true) {
		return nil, ErrInUse
	}
	lock, err := lockDir(ctx, o)
	if err != nil {
		serving.Store(false)
		return nil, err
	}
	release := func() {
		lock.Close()
		serving.Store(false)
	}
	b, err := serve(ctx, o, release)
	if err != nil {
		release()
		return nil, err
	}
	return b, nil
}

// lockDir takes the directory for this process, after at most o.Wait.
func lockDir(ctx context.Context, o BuiltinOptions) (*os.File, error) {
	deadline := time.Now().Add(o.Wait)
	for {
		lock, err := lockFile(filepath.Join(o.Dir, lockName), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return lock, err
		}
		if time.Now().After(deadline) {
			return nil, ErrInUse
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// serve runs the server and returns when it listens. After success, Close
// calls release.
func serve(ctx context.Context, o BuiltinOptions, release func()) (*Builtin, error) {
	keys, err := loadCredentials(filepath.Join(o.Dir, credentialsName))
	if err != nil {
		return nil, err
	}
	syncer, err := newFsSync(o.Dir, o.Metrics)
	if err != nil {
		return nil, err
	}
	files, err := newGateway(filepath.Join(o.Dir, bucketsName))
	if err != nil {
		return nil, errors.Join(err, syncer.close())
	}
	path, done, err := socketPath(o.Socket)
	if err != nil {
		files.Shutdown()
		return nil, errors.Join(err, syncer.close())
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	ready := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		defer done()
		ended <- files.run(life, path, keys, sync.OnceFunc(func() { close(ready) }))
	}()
	unused := new(unusedConns)
	closer := sync.OnceValue(func() error {
		err := syncer.close()
		stop()
		unused.close()
		select {
		case serveErr := <-ended:
			err = errors.Join(err, serveErr)
			release()
		case <-time.After(closeTimeout):
			err = errors.Join(err, errors.New("store: built-in object store did not stop"))
		}
		return err
	})
	select {
	case <-ready:
		return &Builtin{keys: keys, socket: o.Socket, sync: syncer, unused: unused, close: closer}, nil
	case err := <-ended:
		stop()
		return nil, errors.Join(err, syncer.close())
	case <-ctx.Done():
		stop()
		return nil, errors.Join(ctx.Err(), <-ended, syncer.close())
	}
}

// dialBuiltin prepares the use of a server that another process runs.
func dialBuiltin(ctx context.Context, o BuiltinOptions) (*Builtin, error) {
	o, err := o.prepare()
	if err != nil {
		return nil, err
	}
	keys, err := loadCredentials(filepath.Join(o.Dir, credentialsName))
	if err != nil {
		return nil, err
	}
	syncer, err := newFsSync(o.Dir, o.Metrics)
	if err != nil {
		return nil, err
	}
	unused := new(unusedConns)
	b := &Builtin{keys: keys, socket: o.Socket, sync: syncer, unused: unused, close: func() error {
		unused.close()
		return syncer.close()
	}}
	conn, err := b.DialContext(ctx, "", "")
	if err != nil {
		return nil, errors.Join(err, syncer.close())
	}
	return b, conn.Close()
}

// prepare fills in defaults, makes paths absolute and makes the directories.
func (o BuiltinOptions) prepare() (BuiltinOptions, error) {
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return o, err
	}
	if o.Socket == "" {
		o.Socket = filepath.Join(o.Dir, socketName)
	}
	if o.Socket, err = filepath.Abs(o.Socket); err != nil {
		return o, err
	}
	if err := os.MkdirAll(filepath.Join(o.Dir, bucketsName), 0o700); err != nil {
		return o, err
	}
	return o, os.Chmod(o.Dir, 0o700)
}

// socketPath returns a name of socket that fits into a socket address. One
// that is too long is named through an open descriptor of its directory, which
// done closes when the name is no longer needed.
func socketPath(socket string) (path string, done func(), err error) {
	if len(socket) <= maxSocketPath {
		return socket, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(socket))
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join("/proc/self/fd", strconv.Itoa(int(dir.Fd())), filepath.Base(socket))
	return path, func() { dir.Close() }, nil
}
