package recorder_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"sidetone/consent/gatetest"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// The processes of TestKilledCalls: one records calls whose audio comes over
// sockets, until it is killed, and another takes up what it leaves.

const (
	killedCalls  = 20
	killedMost   = 3000 // frames of a call
	killedNotes  = 50   // frames from one note to the next
	killedWords  = "a heron stands beside the weir"
	killedFrame  = 8 + 4 + frameCodes // when it was sent if as spoken, its number, the caller's audio
	frameCodes   = 160
	lastAhead    = -1 // for when the last of the frames that come at once was sent
	controlEvery = 10 * time.Millisecond
	controlRing  = 64
)

// killedCall is the id of call i.
func killedCall(i int) string { return fmt.Sprint("c", i) }

// killedMark begins each frame of a side: what must not lie open anywhere.
func killedMark(side byte) []byte {
	sum := sha256.Sum256([]byte{side})
	return plainCodes(sum[:24])
}

// killedCodes is frame n of a side of call i, in mu-law: no other is like it.
func killedCodes(side byte, i, n int) []byte {
	codes := killedMark(side)
	for k := byte(0); len(codes) < frameCodes; k++ {
		sum := sha256.Sum256([]byte{side, byte(i), byte(n), byte(n >> 8), k})
		codes = append(codes, plainCodes(sum[:])...)
	}
	return codes[:frameCodes]
}

// plainCodes leaves the negative zero out, which decodes to the other.
func plainCodes(b []byte) []byte {
	return bytes.ReplaceAll(slices.Clone(b), []byte{0x7F}, []byte{0x01})
}

// killedProcess is what both processes have open.
type killedProcess struct {
	dir     string
	node    *seal.Node
	keys    *seal.Keyring
	objects *store.Objects
	ledger  *store.Ledger
	spool   *recorder.Spool
}

// openKilled opens what a gateway does, over the built-in store, which is in the
// given state: "up", "away" or "stuck".
func openKilled(t *testing.T, dir, state string) *killedProcess {
	t.Helper()
	p := &killedProcess{dir: dir}
	p.keys = must[*seal.Keyring](t)(seal.OpenKeyring(filepath.Join(dir, "keys")))
	p.node = must[*seal.Node](t)(seal.OpenNode(filepath.Join(dir, "node")))
	b := must[*store.Builtin](t)(store.StartBuiltin(t.Context(), store.BuiltinOptions{Dir: filepath.Join(dir, "s3")}))
	t.Cleanup(func() { b.Close() })
	o := b.S3("sidetone")
	switch state {
	case "away":
		o.CreateBucket, o.Transport = false, roundTrip(func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED })
	case "stuck":
		o.CreateBucket, o.Transport = false, roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
	}
	p.objects = must[*store.Objects](t)(store.OpenS3(t.Context(), o))
	p.ledger = must[*store.Ledger](t)(store.OpenLedger(t.Context(), filepath.Join(dir, "ledger.db"), store.LedgerOptions{}))
	t.Cleanup(func() { p.ledger.Close() })
	p.spool = must[*recorder.Spool](t)(recorder.OpenSpool(recorder.SpoolOptions{Dir: filepath.Join(dir, "spool"), Node: p.node,
		Put: p.objects, Conflict: store.ErrConflict}))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); p.spool.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; p.spool.Close() })
	return p
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// recordCalls is the process that is killed.
func recordCalls(t *testing.T, dir, state string) {
	p := openKilled(t, dir, state)
	lines := must[net.Listener](t)(net.Listen("unix", filepath.Join(dir, "line")))
	handed := must[*os.File](t)(os.Create(filepath.Join(dir, "handed")))
	go keepControl(must[*os.File](t)(os.Create(filepath.Join(dir, "control"))))
	fmt.Println("ready")
	var calls sync.WaitGroup
	for i := range killedCalls {
		conn := must[net.Conn](t)(lines.Accept())
		keys := must[seal.TakeKeys](t)(seal.NewTakeKeys(t.Context(), p.keys))
		o := phone(killedCall(i))
		o.Keys = keys
		rec := must[*recorder.Recorder](t)(p.spool.Begin(o))
		go rec.Run(context.Background())
		calls.Go(func() { recordCall(t, conn, rec, i, handed) })
		calls.Go(func() { p.proveCall(t, i) })
	}
	calls.Wait()
}

// recordCall hands over what comes of a call, and notes of each frame how long it
// has waited for that, in microseconds.
func recordCall(t *testing.T, conn net.Conn, rec *recorder.Recorder, i int, handed *os.File) {
	gate, b := gatetest.Open(), make([]byte, killedFrame)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := io.ReadFull(conn, b); err != nil {
			t.Error(err)
			return
		}
		sent, n := int64(binary.BigEndian.Uint64(b)), int(binary.BigEndian.Uint32(b[8:]))
		for sent <= 0 && rec.Queued() > 300 {
			<-tick.C
		}
		at := media.Tick(n) * media.FrameTicks
		caller, _ := gate.Record(media.Frame{At: at, PCM: media.AppendPCM(nil, b[12:])})
		agent, _ := gate.Own(media.Frame{At: at, PCM: media.AppendPCM(nil, killedCodes('a', i, n))})
		rec.Write(recorder.Caller, caller)
		rec.Write(recorder.Agent, agent)
		if n%killedNotes == 0 {
			text, _ := gate.Text(at, at+media.FrameTicks, killedWords)
			if err := rec.Note(recorder.Note{Kind: "turn", Text: text}); err != nil {
				t.Error(err)
			}
		}
		waited := uint32(1)
		if sent > 0 {
			waited = uint32(max(1, (time.Now().UnixNano()-sent)/1000))
		}
		if _, err := handed.WriteAt(binary.BigEndian.AppendUint32(nil, waited), int64(4*(i*killedMost+n))); err != nil {
			t.Error(err)
		}
		if sent == lastAhead {
			conn.Write([]byte{1})
		}
	}
}

// proveCall appends rows and says which are acknowledged.
func (p *killedProcess) proveCall(t *testing.T, i int) {
	for n := 0; ; n++ {
		body := fmt.Sprint("row ", n)
		if _, err := p.ledger.Append(context.Background(), killedCall(i), "e", []byte(body)); err != nil {
			t.Error(err)
			return
		}
		os.Stdout.WriteString(killedCall(i) + " " + body + "\n")
		pause := time.NewTimer(100 * time.Millisecond)
		<-pause.C
	}
}

// keepControl writes down how late a bare timer of this process is.
func keepControl(f *os.File) {
	tick := time.NewTicker(controlEvery)
	for n, last := 0, time.Now(); ; n++ {
		<-tick.C
		now := time.Now()
		b := binary.BigEndian.AppendUint64(nil, uint64(now.UnixNano()))
		b = binary.BigEndian.AppendUint64(b, uint64(max(0, now.Sub(last)-controlEvery)))
		f.WriteAt(b, int64(n%controlRing*16))
		last = now
	}
}

// takenUp is what the second process has found.
type takenUp struct {
	Recovery recorder.Recovery
	Calls    [killedCalls]takenUpCall
	Rows     []string // all that the ledger has
	Faults   []string // beside those of calls
}

type takenUpCall struct {
	Frames  int      // of the recording
	Agreed  int      // as many of them, from the first, are what was sent, on both sides
	Notes   int      //
	Faults  []string // what Verify names
	Missing []string // as the manifest says
}

// takeUp is the process that comes after: it recovers all, says when it is ready,
// and then what there is.
func takeUp(t *testing.T, dir string) {
	p := openKilled(t, dir, "up")
	var up takenUp
	var err error
	if up.Recovery, err = p.spool.Recover(t.Context()); err != nil {
		up.Faults = append(up.Faults, err.Error())
	}
	fmt.Println("ready")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.spool.Drain(ctx); err != nil {
		up.Faults = append(up.Faults, err.Error())
	}
	for i := range killedCalls {
		up.Calls[i] = p.look(t, i)
	}
	if _, err := p.ledger.Verify(ctx, nil); err != nil {
		up.Faults = append(up.Faults, err.Error())
	}
	for _, row := range must[[]store.Row](t)(p.ledger.Rows(ctx, "")) {
		up.Rows = append(up.Rows, row.Call+" "+string(row.Body))
	}
	b := must[[]byte](t)(json.Marshal(up))
	fmt.Printf("taken up %s\n", b)
}

// look verifies a call and reads it back.
func (p *killedProcess) look(t *testing.T, i int) (c takenUpCall) {
	v, err := recorder.Verify(t.Context(), recorder.VerifyOptions{From: p.objects, NotFound: store.ErrNotFound, Call: killedCall(i), Take: "t1",
		Trusted: func(_ context.Context, node ed25519.PublicKey, _ time.Time) error {
			if node.Equal(p.node.PublicKey()) {
				return nil
			}
			return errStranger
		}})
	if err != nil {
		c.Faults = append(c.Faults, err.Error())
	}
	for _, f := range v.Faults {
		c.Faults = append(c.Faults, f.String())
	}
	r, err := recorder.Open(t.Context(), recorder.OpenOptions{From: p.objects, Keys: p.keys, Call: killedCall(i), Take: "t1",
		Trusted: []ed25519.PublicKey{p.node.PublicKey()}})
	if err != nil {
		c.Faults = append(c.Faults, err.Error())
		return c
	}
	var wav bytes.Buffer
	notes, err := r.Notes(t.Context())
	if err := errors.Join(err, r.WriteWAV(t.Context(), &wav)); err != nil {
		c.Faults = append(c.Faults, err.Error())
	}
	c.Notes, c.Missing = len(notes), r.Manifest().Incomplete
	data := wav.Bytes()[min(wav.Len(), r.Manifest().Header):]
	c.Frames = len(data) / (2 * frameCodes)
	for c.Agreed < c.Frames && bytes.Equal(data[c.Agreed*2*frameCodes:][:2*frameCodes],
		interleave(killedCodes('c', i, c.Agreed), killedCodes('a', i, c.Agreed))) {
		c.Agreed++
	}
	return c
}

// interleave lays two sides beside each other, as a file has them.
func interleave(left, right []byte) (both []byte) {
	for i := range left {
		both = append(both, left[i], right[i])
	}
	return both
}
