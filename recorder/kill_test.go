package recorder_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/media"
	"sidetone/recorder"
)

// dirStore is an object store that outlives its process.
type dirStore string

func (d dirStore) Put(_ context.Context, key string, body []byte, _ [32]byte) error {
	path := filepath.Join(string(d), key)
	old, err := os.ReadFile(path)
	switch {
	case err == nil && string(old) == string(body):
		return nil
	case err == nil:
		return recorder.ErrConflict
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	tmp := path + ".tmp"
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(tmp, body, 0o600), os.Rename(tmp, path))
}

func (d dirStore) Head(_ context.Context, key string) (int64, [32]byte, error) {
	b, err := os.ReadFile(filepath.Join(string(d), key))
	return int64(len(b)), sha256.Sum256(b), err
}

func (d dirStore) Get(_ context.Context, key string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(d), key))
}

const (
	killEnv     = "SIDETONE_TEST_KILL_DIR" // set in the child
	killCalls   = 4
	killSeconds = 60 // what the child would record if it were let
)

// killCut is what the last call takes back, in frames, when it has handed over
// the last of them.
var killCut = [2]int{900, 1000}

// TestKill9 kills a recording process at random moments: in the middle of
// whatever it does then, since its clock runs as fast as the machine. Of what
// was handed over, at most 100 ms a track may be missing afterwards; and what was
// taken back before those is nowhere.
func TestKill9(t *testing.T) {
	if dir := os.Getenv(killEnv); dir != "" {
		recordUntilKilled(t, dir)
		return
	}
	rng := rand.New(rand.NewPCG(9, 9))
	for range 5 {
		after := 50 + rng.IntN((killSeconds-2)*50)
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			dir := t.TempDir()
			handed := killChild(t, dir, after)
			bubble(t, func(t *testing.T) { checkKilled(t, dir, handed) })
		})
	}
}

// rigIn is a rig in a directory that several processes use in turn.
func rigIn(t *testing.T, dir string) *rig {
	store := dirStore(filepath.Join(dir, "bucket"))
	r := newRigIn(t, dir, func(o *recorder.SpoolOptions) { o.Put = store })
	r.from = store
	return r
}

// recordUntilKilled is the child. It notes in a file, for each call, how many
// frames it has handed over, and prints a line each second.
func recordUntilKilled(t *testing.T, dir string) {
	bubble(t, func(t *testing.T) {
		r := rigIn(t, dir)
		handed := must[*os.File](t)(os.Create(filepath.Join(dir, "handed")))
		var calls [killCalls]*taking
		for i := range calls {
			calls[i] = r.begin(phone(fmt.Sprint("c", i)))
		}
		for n := range killSeconds * 50 {
			if n%50 == 0 {
				fmt.Println("second", n/50)
			}
			for i, k := range calls {
				k.put(recorder.Caller, media.Tick(n)*960, slices.Repeat([]int16{killSample(i, n)}, 160))
				k.put(recorder.Agent, media.Tick(n)*960, slices.Repeat([]int16{-killSample(i, n)}, 160))
				if n%100 == 0 {
					k.say(media.Tick(n)*960, media.Tick(n)*960+960, fmt.Sprint("frame ", n), nil)
				}
				if i == killCalls-1 && n+1 == killCut[1] {
					k.Cut(media.Tick(killCut[0])*960, media.Tick(killCut[1])*960)
				}
				if _, err := handed.WriteAt(binary.BigEndian.AppendUint32(nil, uint32(n+1)), int64(4*i)); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(media.FrameDuration)
		}
		synctest.Wait()
	})
}

// killSample is what call i says in frame n: a value that mu-law keeps.
func killSample(i, n int) int16 {
	return media.AppendPCM(nil, []byte{byte(0x80 + (i*31+n)%100)})[0]
}

// killChild runs the child until it has handed over so many frames, or a few
// more, kills it, and returns how many each call had handed over.
func killChild(t *testing.T, dir string, after int) (handed [killCalls]int) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKill9$")
	child.Env = append(os.Environ(), killEnv+"="+dir)
	out := must[io.ReadCloser](t)(child.StdoutPipe())
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != fmt.Sprint("second ", after/50) {
		if lines.Text() == "FAIL" {
			t.Fatal("the child failed")
		}
	}
	count := func() []byte { return must[[]byte](t)(os.ReadFile(filepath.Join(dir, "handed"))) }
	for b, reads := count(), 0; int(binary.BigEndian.Uint32(b)) < after && reads < 1e6; reads++ {
		b = count()
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the child was not killed: %v", err)
	}
	b := count()
	for i := range handed {
		handed[i] = int(binary.BigEndian.Uint32(b[4*i:]))
	}
	return handed
}

// checkKilled recovers what the child left.
func checkKilled(t *testing.T, dir string, handed [killCalls]int) {
	r := rigIn(t, dir)
	if rec, err := r.spool.Recover(t.Context()); err != nil || rec != (recorder.Recovery{Cut: killCalls}) {
		t.Fatalf("recovered %+v, %v", rec, err)
	}
	r.drain()
	worst := 0
	for i, n := range handed {
		call := fmt.Sprint("c", i)
		left, right := channels(t, phone(call), r.wav(call))
		lost := n - len(left)/160
		worst = max(worst, lost)
		if lost > 5 || len(right) != len(left) {
			t.Errorf("%s: %d of %d frames lost", call, lost, n)
		}
		for f := range len(left) / 160 {
			if i == killCalls-1 && f >= killCut[0] && f < killCut[1] && n >= killCut[1] {
				if n > killCut[1]+5 && !(silent(left[f*160:(f+1)*160]) && silent(right[f*160:(f+1)*160])) {
					t.Fatalf("%s: frame %d, which was taken back, is %d and %d", call, f, left[f*160], right[f*160])
				}
				continue
			}
			if want := killSample(i, f); left[f*160] != want || left[f*160+159] != want || right[f*160] != -want {
				// The last frames of one track may be lost and those of the other not.
				if f < n-5 {
					t.Fatalf("%s: frame %d of %d is %d and %d", call, f, n, left[f*160], right[f*160])
				}
			}
		}
		lines, err := r.recording(call).Notes(t.Context())
		want := (n-5)/100 + 1
		if i == killCalls-1 && n >= killCut[1] {
			want-- // the one of frame 900
		}
		if err != nil || len(lines) < want {
			t.Errorf("%s: %d notes of %d, %v", call, len(lines), want, err)
		}
	}
	if names := r.spooled(); len(names) > 0 {
		t.Errorf("the spool still has %v", names)
	}
	t.Logf("killed after %d frames; at most %d ms of a call lost", handed[0], worst*20)
}
