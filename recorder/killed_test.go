package recorder_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/media"
	"sidetone/recorder"
)

const (
	killedDirEnv   = "SIDETONE_TEST_KILLED_DIR"   // set in the processes of TestKilledCalls
	killedStateEnv = "SIDETONE_TEST_KILLED_STATE" // of the store; "" in the one that comes after
	killedMoments  = 300
	killedInCI     = 6
	killMayCost    = 100 * time.Millisecond
)

// TestKilledCalls kills a process with 20 calls, a spool, the built-in store and a
// ledger at seeded moments, and has another process take up what it leaves. All
// 300 moments are those of BenchmarkKill9.
func TestKilledCalls(t *testing.T) {
	if dir := os.Getenv(killedDirEnv); dir != "" {
		if state := os.Getenv(killedStateEnv); state != "" {
			recordCalls(t, dir, state)
		} else {
			takeUp(t, dir)
		}
		return
	}
	killAtMoments(t, killedInCI, 2).log(t)
}

// BenchmarkKill9 is TestKilledCalls at all of its moments.
func BenchmarkKill9(b *testing.B) {
	for range b.N {
		k := killAtMoments(b, killedMoments, 1) // so that none is slowed by another
		k.log(b)
		b.ReportMetric(float64(k.kills), "kills")
		b.ReportMetric(k.lost.at(1), "ms-lost-of-handed-max")
		b.ReportMetric(k.lost.at(0.5), "ms-lost-of-handed-p50")
		b.ReportMetric(k.unheard.at(1), "ms-lost-of-sent-max")
		b.ReportMetric(k.unheard.at(0.5), "ms-lost-of-sent-p50")
		b.ReportMetric(k.waited.at(0.99), "ms-queue-ahead-p99")
		b.ReportMetric(k.badly.at(0.99), "ms-queue-ahead-p99-without-store")
		b.ReportMetric(k.stalled.at(1), "ms-control-max")
		b.ReportMetric(k.ready.at(1)/1000, "s-to-ready-max")
		b.ReportMetric(float64(k.rows), "rows-acknowledged")
		b.ReportMetric(float64(k.rowsLost), "rows-lost")
		b.ReportMetric(float64(k.open), "plaintext-found")
		b.ReportMetric(0, "ns/op")
	}
}

// TestOpenFilesAreFound holds the search for plaintext to finding it.
func TestOpenFilesAreFound(t *testing.T) {
	frame := killedCodes('c', 0, 7)
	for name, b := range map[string][]byte{
		"a side": frame, "a file": interleave(frame, killedCodes('a', 0, 7)), "a file of one side": interleave(frame, bytes.Repeat([]byte{0xFF}, frameCodes)),
		"words": []byte("{" + killedWords + "}"), "a key": []byte("AGE-SECRET-KEY-1Q"),
	} {
		dir := t.TempDir()
		for _, f := range []string{"keys", "spool"} {
			if err := errors.Join(os.Mkdir(filepath.Join(dir, f), 0o700), os.WriteFile(filepath.Join(dir, f, "f"), b, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		if n := lyingOpen(t, dir); n != 1 {
			t.Errorf("%s lies open in %d files, not in 1", name, n)
		}
	}
}

// kills is what has come of some kills.
type kills struct {
	mu                                    sync.Mutex
	kills                                 int
	lost, unheard, waited, ready, stalled figures // in milliseconds
	badly                                 figures // waited, while the store is away or stuck
	rows, rowsLost, open                  int
}

type figures []float64

// at is a quantile.
func (f figures) at(q float64) float64 {
	if len(f) == 0 {
		return 0
	}
	slices.Sort(f)
	return f[int(q*float64(len(f)-1))]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (k *kills) log(t testing.TB) {
	t.Logf("%d kills of %d calls: of what was handed over %.0f ms lost at most (p50 %.0f), of what was sent %.0f ms (p50 %.0f)",
		k.kills, killedCalls, k.lost.at(1), k.lost.at(0.5), k.unheard.at(1), k.unheard.at(0.5))
	t.Logf("queue ahead p99 %.1f ms; bare timers late by %.1f ms at most; ready after %.0f ms at most; %d of %d rows lost",
		k.waited.at(0.99), k.stalled.at(1), k.ready.at(1), k.rowsLost, k.rows)
}

// killAtMoments kills at the first of the seeded moments, some at once.
func killAtMoments(t testing.TB, moments, atOnce int) *kills {
	var (
		k    kills
		wg   sync.WaitGroup
		next = make(chan int)
	)
	for range atOnce {
		wg.Go(func() {
			for n := range next {
				k.kill(t, n)
			}
		})
	}
	for n := range moments {
		next <- n
	}
	close(next)
	wg.Wait()
	return &k
}

// kill kills a process at moment n, and looks at what is left.
func (k *kills) kill(t testing.TB, n int) {
	dir, err := os.MkdirTemp("", "kill")
	if err != nil {
		t.Error(err)
		return
	}
	defer os.RemoveAll(dir)
	v := &victim{t: t, dir: dir, rng: rand.New(rand.NewPCG(9, uint64(n))), state: [...]string{"up", "up", "away", "stuck"}[n%4]}
	if !v.live() {
		return
	}
	open := lyingOpen(t, dir)
	up, ready := v.successor()
	open += lyingOpen(t, dir)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kills++
	k.open += open
	k.ready = append(k.ready, milliseconds(ready))
	k.stalled = append(k.stalled, milliseconds(v.stalled))
	for i := range killedCalls {
		k.call(t, fmt.Sprintf("moment %d, call %d", n, i), v, i, up.Calls[i])
	}
	if len(up.Faults) > 0 || up.Recovery != (recorder.Recovery{Cut: killedCalls}) {
		t.Errorf("moment %d: recovered %+v, %q", n, up.Recovery, up.Faults)
	}
	for _, row := range v.rows {
		k.rows++
		if _, there := slices.BinarySearch(up.Rows, row); !there {
			k.rowsLost++
			t.Errorf("moment %d: row %q was acknowledged and is not there", n, row)
		}
	}
	if open > 0 {
		t.Errorf("moment %d: %d files hold what was said", n, open)
	}
}

// call adds what has become of a call. Of a process that did not get a processor
// for a while no more is wanted than of its bare timers.
func (k *kills) call(t testing.TB, name string, v *victim, i int, c takenUpCall) {
	handed := 0
	for ; handed < killedMost; handed++ {
		waited := binary.BigEndian.Uint32(v.handed[4*(i*killedMost+handed):])
		if waited == 0 {
			break
		}
		if handed >= v.ahead[i] {
			k.waited = append(k.waited, float64(waited)/1000)
			if v.state != "up" {
				k.badly = append(k.badly, float64(waited)/1000)
			}
		}
	}
	lost := time.Duration(max(0, handed-c.Agreed)) * media.FrameDuration
	k.lost = append(k.lost, milliseconds(lost))
	k.unheard = append(k.unheard, milliseconds(time.Duration(v.sent[i]-c.Agreed)*media.FrameDuration))
	switch {
	case lost > killMayCost+v.stalled:
		t.Errorf("%s: %v of %d frames lost; bare timers were late by %v", name, lost, handed, v.stalled)
	case c.Frames-c.Agreed > int((killMayCost+v.stalled)/media.FrameDuration):
		t.Errorf("%s: frame %d of %d is not what was sent", name, c.Agreed, c.Frames)
	case len(c.Faults) > 0 || !slices.Equal(c.Missing, []string{recorder.Crashed}):
		t.Errorf("%s: faults %q, missing %q", name, c.Faults, c.Missing)
	case c.Notes < (c.Agreed+killedNotes-6)/killedNotes:
		t.Errorf("%s: %d notes in %d frames", name, c.Notes, c.Agreed)
	}
}

// victim is a process that records, and the carrier of its calls.
type victim struct {
	t     testing.TB
	dir   string
	rng   *rand.Rand
	state string // of its store
	child *exec.Cmd

	ahead   [killedCalls]int // frames that were sent at once
	sent    [killedCalls]int
	rows    []string // that were acknowledged
	handed  []byte
	stalled time.Duration // how late its bare timers were towards the end
}

// start begins a process with the given state, and returns what it prints once it
// is ready.
func (v *victim) start(state string) (*bufio.Scanner, error) {
	v.child = exec.CommandContext(v.t.Context(), os.Args[0], "-test.run=^TestKilledCalls$")
	v.child.Env = append(os.Environ(), killedDirEnv+"="+v.dir, killedStateEnv+"="+state)
	out, err := v.child.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := v.child.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	said := ""
	for lines.Scan() {
		if lines.Text() == "ready" {
			return lines, nil
		}
		said += lines.Text() + "\n"
	}
	return nil, fmt.Errorf("the process did not get ready: %w\n%s", v.child.Wait(), said)
}

// live lets the process record for a while and kills it.
func (v *victim) live() bool {
	lines, err := v.start(v.state)
	if err != nil {
		v.t.Error(err)
		return false
	}
	acknowledged := make(chan struct{})
	go func() {
		defer close(acknowledged)
		for lines.Scan() {
			v.rows = append(v.rows, lines.Text())
		}
	}()
	ctx, hangUp := context.WithCancel(v.t.Context())
	begun := make(chan struct{}, killedCalls)
	var carrier sync.WaitGroup
	for i := range killedCalls {
		v.ahead[i] = 1 + v.rng.IntN(1500)
		conn, err := net.Dial("unix", filepath.Join(v.dir, "line"))
		if err != nil {
			v.t.Error(err)
			begun <- struct{}{}
			continue
		}
		carrier.Go(func() { v.speak(ctx, conn, i, begun) })
	}
	for range killedCalls {
		<-begun
	}
	<-time.NewTimer(200*time.Millisecond + time.Duration(v.rng.IntN(300_000))*time.Microsecond).C
	if _, err := recorder.OpenSpool(recorder.SpoolOptions{Dir: filepath.Join(v.dir, "spool")}); !errors.Is(err, recorder.ErrSpoolLocked) {
		v.t.Errorf("another process may have the spool of one that lives: %v", err)
	}
	err = v.child.Process.Kill()
	killed := time.Now()
	hangUp()
	carrier.Wait()
	<-acknowledged
	var exit *exec.ExitError
	if exited := v.child.Wait(); err != nil || !errors.As(exited, &exit) || exit.Exited() {
		v.t.Errorf("the process was not killed: %v, %v, it says %q", err, exited, v.rows)
		return false
	}
	return v.read(killed)
}

// speak sends the frames of call i: the first ones at once, then, when those are
// taken, as they are spoken.
func (v *victim) speak(ctx context.Context, conn net.Conn, i int, begun chan<- struct{}) {
	defer conn.Close()
	var b []byte
	for v.sent[i] < v.ahead[i]-1 {
		b = v.appendFrame(b, i, 0)
	}
	b = v.appendFrame(b, i, lastAhead)
	_, err := conn.Write(b)
	if err == nil {
		_, err = conn.Read(b[:1])
	}
	begun <- struct{}{}
	tick := time.NewTicker(media.FrameDuration)
	defer tick.Stop()
	for err == nil { // until it is killed
		select {
		case <-tick.C:
			_, err = conn.Write(v.appendFrame(b[:0], i, time.Now().UnixNano()))
		case <-ctx.Done():
			return
		}
	}
	v.sent[i]-- // that was not sent
}

// appendFrame appends the next frame of call i as it is sent.
func (v *victim) appendFrame(b []byte, i int, sent int64) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(sent))
	b = binary.BigEndian.AppendUint32(b, uint32(v.sent[i]))
	b = append(b, killedCodes('c', i, v.sent[i])...)
	v.sent[i]++
	return b
}

// read reads what the process has noted of itself.
func (v *victim) read(killed time.Time) bool {
	var err error
	if v.handed, err = os.ReadFile(filepath.Join(v.dir, "handed")); err != nil {
		v.t.Error(err)
		return false
	}
	v.handed = append(v.handed, make([]byte, 4*killedCalls*killedMost-len(v.handed))...)
	control, err := os.ReadFile(filepath.Join(v.dir, "control"))
	if err != nil {
		v.t.Error(err)
		return false
	}
	newest := int64(0)
	for ; len(control) >= 16; control = control[16:] {
		at, late := int64(binary.BigEndian.Uint64(control)), time.Duration(binary.BigEndian.Uint64(control[8:]))
		newest = max(newest, at)
		if killed.UnixNano()-at < int64(300*time.Millisecond) {
			v.stalled = max(v.stalled, late)
		}
	}
	v.stalled = max(v.stalled, time.Duration(killed.UnixNano()-newest)-controlEvery)
	return true
}

// successor is the process that comes after.
func (v *victim) successor() (up takenUp, ready time.Duration) {
	began := time.Now()
	lines, err := v.start("")
	if err != nil {
		v.t.Error(err)
		return up, 0
	}
	ready = time.Since(began)
	said := ""
	for lines.Scan() {
		if b, ok := strings.CutPrefix(lines.Text(), "taken up "); ok {
			err = json.Unmarshal([]byte(b), &up)
		} else {
			said += lines.Text() + "\n"
		}
	}
	if err := errors.Join(err, lines.Err(), v.child.Wait()); err != nil {
		v.t.Errorf("the process after: %v\n%s", err, said)
	}
	slices.Sort(up.Rows)
	return up, ready
}

// lyingOpen counts the files below dir in which audio or words lie open, in any
// form in which the product has them, or the private half of a recording's key.
func lyingOpen(t testing.TB, dir string) (found int) {
	t.Helper()
	caller, agent, silence := killedMark('c'), killedMark('a'), bytes.Repeat([]byte{0xFF}, 24)
	var pcm []byte
	for _, s := range media.AppendPCM(nil, caller) {
		pcm = binary.LittleEndian.AppendUint16(pcm, uint16(s))
	}
	secrets := [][]byte{caller, agent, interleave(caller, agent), interleave(caller, silence), interleave(silence, agent), pcm,
		[]byte(killedWords), []byte("AGE-SECRET-KEY-")}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && (e.Name() == "keys" || e.Name() == "node") && filepath.Dir(path) == dir {
			return fs.SkipDir
		}
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if slices.ContainsFunc(secrets, func(s []byte) bool { return bytes.Contains(b, s) }) {
			found++
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return found
}
