package recorder_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/consent"
	"sidetone/consent/gatetest"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
)

// rig is a spool with everything around it, on a disk that syncs in no time.
type rig struct {
	t     testing.TB
	dir   string
	ctx   context.Context
	store *memStore
	from  recorder.Getter // what recordings are read from; store, unless the spool puts elsewhere
	keys  *seal.Keyring
	node  *seal.Node
	spool *recorder.Spool
	stop  func() // ends the spool's Run and closes the spool
	log   *lockedBuffer

	mu     sync.Mutex
	stored map[string]error // what SpoolOptions.Stored was told, by "call take"
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newRig(t testing.TB, change ...func(*recorder.SpoolOptions)) *rig {
	t.Helper()
	return newRigIn(t, t.TempDir(), change...)
}

func newRigIn(t testing.TB, dir string, change ...func(*recorder.SpoolOptions)) *rig {
	t.Helper()
	r := &rig{t: t, dir: dir, ctx: t.Context(), store: newMemStore(), log: new(lockedBuffer), stored: make(map[string]error)}
	r.from = r.store
	r.keys = must[*seal.Keyring](t)(seal.OpenKeyring(filepath.Join(dir, "keys")))
	r.node = must[*seal.Node](t)(seal.OpenNode(filepath.Join(dir, "node")))
	r.open(change...)
	return r
}

// open opens the spool and starts it.
func (r *rig) open(change ...func(*recorder.SpoolOptions)) {
	r.t.Helper()
	o := recorder.SpoolOptions{
		Dir: filepath.Join(r.dir, "spool"), Node: r.node, Put: r.store, Erase: r.store, Sealers: 2,
		Sync: func(*os.File) error { return nil },
		Log:  slog.New(slog.NewTextHandler(r.log, nil)),
		Stored: func(call, take string, err error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.stored[call+" "+take] = err
		},
	}
	for _, f := range change {
		f(&o)
	}
	s := must[*recorder.Spool](r.t)(recorder.OpenSpool(o))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	r.spool = s
	r.stop = sync.OnceFunc(func() {
		cancel()
		<-done
		if err := s.Close(); err != nil {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(r.stop)
}

// restart ends the process's hold on the spool, as a crash would, and opens it
// again.
func (r *rig) restart() recorder.Recovery {
	r.t.Helper()
	r.stop()
	r.open()
	rec, err := r.spool.Recover(r.ctx)
	if err != nil {
		r.t.Error("Recover: ", err)
	}
	return rec
}

func phone(call string) recorder.TakeOptions {
	return recorder.TakeOptions{Call: call, Take: "t1", Rate: 8000, Coding: media.MuLaw, Played: "mark",
		Started: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)}
}

func web(call string) recorder.TakeOptions {
	o := phone(call)
	o.Rate, o.Coding, o.Played = 16000, media.PCM16, "stats"
	return o
}

// taking is a recorder that runs.
type taking struct {
	*recorder.Recorder
	r    *rig
	gate *consent.Gate
	o    recorder.TakeOptions
	kill func() // ends Run without Finish
}

func (r *rig) begin(o recorder.TakeOptions) *taking {
	r.t.Helper()
	k := r.idle(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); k.Run(ctx) }()
	k.kill = func() { cancel(); <-done }
	r.t.Cleanup(k.kill)
	return k
}

// idle begins a take whose recorder nobody runs.
func (r *rig) idle(o recorder.TakeOptions) *taking {
	r.t.Helper()
	if o.Keys.Epoch == "" {
		o.Keys = must[seal.TakeKeys](r.t)(seal.NewTakeKeys(r.ctx, r.keys))
	}
	rec := must[*recorder.Recorder](r.t)(r.spool.Begin(o))
	return &taking{rec, r, gatetest.Open(), o, nil}
}

// put writes one frame.
func (k *taking) put(track recorder.Track, at media.Tick, pcm []int16) {
	k.r.t.Helper()
	a, ok := k.gate.Record(media.Frame{At: at, PCM: pcm})
	if !ok {
		k.r.t.Fatalf("the gate is shut at %d", at)
	}
	k.Write(track, a)
}

// play writes pcm in frames from tick at on, one each 20 ms.
func (k *taking) play(track recorder.Track, at media.Tick, pcm []int16) {
	k.r.t.Helper()
	n := media.FrameSamples(k.o.Rate)
	for ; len(pcm) >= n; pcm = pcm[n:] {
		k.put(track, at, pcm[:n])
		at += media.FrameTicks
		time.Sleep(media.FrameDuration)
	}
}

// say notes words said at [from, to).
func (k *taking) say(from, to media.Tick, words string, doc any) {
	k.r.t.Helper()
	text, ok := k.gate.Text(from, to, words)
	if !ok {
		k.r.t.Fatal("the gate admits no words")
	}
	if err := k.Note(recorder.Note{Kind: "turn", Text: text, Doc: doc}); err != nil {
		k.r.t.Error(err)
	}
}

func (k *taking) finish(at media.Tick) recorder.Summary {
	k.r.t.Helper()
	return must[recorder.Summary](k.r.t)(k.Finish(k.r.ctx, recorder.Ending{At: at, Outcome: "completed", Reason: "hung_up"}))
}

// drain waits for all uploads; a minute, at most.
func (r *rig) drain() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, time.Minute)
	defer cancel()
	if err := r.spool.Drain(ctx); err != nil {
		r.t.Fatal("Drain: ", err)
	}
}

// recording opens the first take of a call, stored.
func (r *rig) recording(call string) *recorder.Recording {
	r.t.Helper()
	return r.recordingOf(phone(call))
}

// recordingOf opens a stored take.
func (r *rig) recordingOf(take recorder.TakeOptions) *recorder.Recording {
	r.t.Helper()
	o := r.openOptions(take.Call)
	o.Take = take.Take
	return must[*recorder.Recording](r.t)(recorder.Open(r.ctx, o))
}

func (r *rig) openOptions(call string) recorder.OpenOptions {
	o := recorder.OpenOptions{From: r.from, Keys: r.keys, Call: call, Take: "t1"}
	o.Trusted = append(o.Trusted, r.node.PublicKey())
	return o
}

// wav reads the first take of a call back, whole.
func (r *rig) wav(call string) []byte {
	r.t.Helper()
	return r.wavOf(phone(call))
}

// wavOf reads a stored take back, whole.
func (r *rig) wavOf(take recorder.TakeOptions) []byte {
	r.t.Helper()
	var b bytes.Buffer
	if err := r.recordingOf(take).WriteWAV(r.ctx, &b); err != nil {
		r.t.Fatal(err)
	}
	return b.Bytes()
}

// channels splits a file into its two channels, as samples.
func channels(t testing.TB, o recorder.TakeOptions, file []byte) (left, right []int16) {
	t.Helper()
	header := media.AppendWAVHeader(nil, media.WAVFormat{Coding: o.Coding, Channels: 2, Rate: o.Rate}, media.WAVLive)
	data, ok := bytes.CutPrefix(file, header)
	if !ok {
		t.Fatalf("the file begins with % x", file[:min(len(file), len(header))])
	}
	var all []int16
	if o.Coding == media.MuLaw {
		all = media.AppendPCM(nil, data)
	} else {
		for ; len(data) >= 2; data = data[2:] {
			all = append(all, int16(data[0])|int16(data[1])<<8)
		}
	}
	for i := 0; i+1 < len(all); i += 2 {
		left, right = append(left, all[i]), append(right, all[i+1])
	}
	return left, right
}

func silent(pcm []int16) bool {
	for _, s := range pcm {
		if s != 0 {
			return false
		}
	}
	return true
}

// bubble runs f in a synctest bubble.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// spooled lists the files on the spool.
func (r *rig) spooled() (names []string) {
	r.t.Helper()
	err := filepath.WalkDir(filepath.Join(r.dir, "spool"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "lock" {
			names = append(names, d.Name())
		}
		return err
	})
	if err != nil {
		r.t.Error(err)
	}
	return names
}
