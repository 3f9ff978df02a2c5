package recorder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"sidetone/seal"
)

// The reasons why a take cannot begin, beside malformed options.
var (
	ErrSpoolFull   = errors.New("recorder: spool is full")
	ErrUnsynced    = errors.New("recorder: the disk does not keep up")
	ErrSpoolLocked = errors.New("recorder: spool belongs to another process")
)

// SpoolOptions configure a Spool.
type SpoolOptions struct {
	Dir      string     // on persistent local storage; made if it is not there
	Node     *seal.Node // opens the spool after a crash and signs the manifests
	Put      Putter     // where objects go
	Erase    Eraser     // deletes them there; nil if nothing is ever to be destroyed
	Conflict error      // by which Put says that a key holds other content; ErrConflict if nil
	MaxBytes int64      // refuse new takes above it; 10 GiB if 0
	MinFree  int64      // stop writing below so much free disk; 64 MiB if 0
	Uploads  int        // objects uploaded at once; 16 if 0
	Sealers  int        // segments sealed at once; 8, or one a core where there are more, if 0
	// Stored is told, from an uploader's goroutine, that all objects of a take
	// are stored and verified, or why they never will be while this process
	// runs. It is not told of a take that is being destroyed, and must not wait
	// for Destroy. It may be nil.
	Stored func(call, take string, err error)
	// Witness is told, from an uploader's goroutine, of each manifest that is
	// stored and verified, before its take leaves the spool. After an error, or a
	// crash, it is told again, also of one that it has noted already. It may be nil.
	Witness func(ctx context.Context, w Witnessed) error
	// Sync puts what was written below dir on its disk; syncfs(2) if nil.
	Sync    func(dir *os.File) error
	Metrics *Metrics     // none if nil
	Log     *slog.Logger // discarded if nil
}

// Witnessed says which manifest a take has.
type Witnessed struct {
	Call, Take string
	Manifest   Digest // of the object, as it is stored
	Complete   bool   // as the manifest says
}

// Spool is a directory in which takes are recorded, sealed and kept until they
// are stored. One process has it at a time. Its methods may be called from any
// goroutine.
type Spool struct {
	dir      string
	lock     *os.File
	node     *seal.Node
	maxBytes int64
	minFree  int64
	sync     func(dir *os.File) error
	sealers  int
	jobs     chan sealJob
	uploads  *uploads
	erase    Eraser
	metrics  *Metrics
	log      *slog.Logger

	bytes   atomic.Int64 // of all takes
	full    atomic.Bool  // too little disk is free
	dirty   atomic.Int64 // time of the oldest write since the last sync began, 0 for none
	syncing atomic.Int64 // time of the oldest write that the running sync covers, 0 for none

	shredding chan struct{} // of capacity 1: old is not empty

	mu       sync.Mutex
	driven   map[string]*driver // takes by name
	leftover []leftover         // takes that nobody drives: left by a crash, or by a failed Finish
	doomed   map[string]*doom   // takes by name, from Destroy until all of them is gone
	old      []string           // spool files to be wiped; see shred
}

// OpenSpool opens the spool in o.Dir for this process. It returns an error that
// wraps ErrSpoolLocked if another has it.
func OpenSpool(o SpoolOptions) (*Spool, error) {
	s := &Spool{
		dir: o.Dir, node: o.Node, sync: o.Sync, erase: o.Erase, metrics: o.Metrics, log: o.Log,
		maxBytes: orDefault(o.MaxBytes, 10<<30),
		minFree:  orDefault(o.MinFree, 64<<20),
		sealers:  orDefault(o.Sealers, max(8, runtime.GOMAXPROCS(0))), // who mostly wait for the disk
		jobs:     make(chan sealJob),

		shredding: make(chan struct{}, 1),
		driven:    make(map[string]*driver),
		doomed:    make(map[string]*doom),
	}
	if s.sync == nil {
		s.sync = syncfs
	}
	if s.metrics == nil {
		s.metrics = NewMetrics(nil)
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if o.Conflict == nil {
		o.Conflict = ErrConflict
	}
	s.uploads = newUploads(s, o)
	for _, dir := range [...]string{s.takesDir(), s.quarantineDir(), s.doomedDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("recorder: open spool: %w", err)
		}
	}
	var err error
	if s.lock, err = lockFile(filepath.Join(s.dir, "lock")); err != nil {
		return nil, err
	}
	if err := s.findTakes(); err != nil {
		return nil, errors.Join(fmt.Errorf("recorder: open spool: %w", err), s.lock.Close())
	}
	s.checkFree()
	s.metrics.watch(s)
	return s, nil
}

// findTakes finds what an earlier process has left: takes to recover, and takes
// that it was destroying.
func (s *Spool) findTakes() error {
	if err := s.findDoomed(); err != nil {
		return err
	}
	entries, err := os.ReadDir(s.takesDir())
	if err != nil {
		return err
	}
	for _, e := range entries {
		if s.doomed[e.Name()] == nil {
			s.leave(leftover{dir: filepath.Join(s.takesDir(), e.Name())})
		}
	}
	return nil
}

func orDefault[T int | int64](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

// lockFile locks the file at path for this process until it is closed.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("recorder: open spool: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, ErrSpoolLocked
	}
	return nil, fmt.Errorf("recorder: lock spool: %w", err)
}

// Close gives the spool up. Run must have returned.
func (s *Spool) Close() error { return s.lock.Close() }

// Run seals, uploads and syncs for all takes until ctx ends. Recorders and
// Recover need it running; it must outlive them.
func (s *Spool) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for range s.sealers {
		wg.Go(func() {
			var w sealer
			for {
				select {
				case j := <-s.jobs:
					j.done <- w.do(j)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	for range s.uploads.parallel {
		wg.Go(func() { s.uploads.work(ctx) })
	}
	wg.Go(func() { s.keepSynced(ctx) })
	wg.Go(func() { s.keepRecovering(ctx) })
	wg.Go(func() { s.keepWatching(ctx) })
	wg.Wait()
	return nil
}

// Bytes returns the size of all takes on the spool.
func (s *Spool) Bytes() int64 { return s.bytes.Load() }

// Oldest returns for how long the oldest sealed object has been waiting for its
// upload.
func (s *Spool) Oldest() time.Duration { return s.uploads.oldest() }

// Drain waits until all that was handed to the uploader is stored, or ctx ends.
func (s *Spool) Drain(ctx context.Context) error { return s.uploads.drain(ctx) }

// Begin begins a take. When it returns, its wrapped keys are written to the
// spool, so that the record valve may open. It may wait some milliseconds for
// the disk. It returns an error that wraps ErrSpoolFull or ErrUnsynced where
// nothing new can be recorded now, ErrFormat or ErrID for options that cannot
// be, fs.ErrExist for a take that has begun before, and ErrDestroyed for one that
// is being destroyed.
func (s *Spool) Begin(o TakeOptions) (*Recorder, error) {
	if err := s.Room(); err != nil {
		return nil, err
	}
	if err := errors.Join(checkTake(o.Call, o.Take), checkIDs(o.Keys.Epoch)); err != nil {
		return nil, err
	}
	name := takeName(o.Call, o.Take)
	d, err := s.drive(name)
	if err != nil {
		return nil, err
	}
	t, err := createTake(s, o)
	if err != nil {
		s.letGo(name)
		return nil, err
	}
	r := newRecorder(t)
	if err := s.hand(d, r); err != nil {
		return nil, err
	}
	s.metrics.takes.Inc()
	return r, nil
}

func (s *Spool) takesDir() string      { return filepath.Join(s.dir, "takes") }
func (s *Spool) quarantineDir() string { return filepath.Join(s.dir, "quarantine") }
func (s *Spool) doomedDir() string     { return filepath.Join(s.dir, "doomed") }

// quarantine moves a file or directory out of the way, to be looked at.
func (s *Spool) quarantine(path, name string, why error) error {
	to := filepath.Join(s.quarantineDir(), name)
	for n := 2; ; n++ {
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		}
		to = filepath.Join(s.quarantineDir(), fmt.Sprintf("%s.%d", name, n))
	}
	if err := os.Rename(path, to); err != nil {
		return fmt.Errorf("recorder: quarantine: %w", err)
	}
	s.log.Error("a damaged spool file is put aside", "quarantine", to, "err", why)
	return nil
}
