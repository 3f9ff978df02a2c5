package recorder_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"golang.org/x/sys/unix"

	"sidetone/media"
	"sidetone/recorder"
	"sidetone/store"
)

const (
	smallDiskEnv = "SIDETONE_TEST_SMALL_DISK" // set in the process whose disk is filled
	smallDisk    = 96 << 20
	diskReserve  = 64 << 20 // what the spool leaves free by default
)

// TestDiskFull fills the disk of a spool and a ledger under a call, in a process
// to which a folder is a disk of 96 MiB. Where nobody may mount one, the disk is
// not filled to the last byte.
func TestDiskFull(t *testing.T) {
	if dir := os.Getenv(smallDiskEnv); dir != "" {
		recordOnFullDisk(t, dir)
		return
	}
	c := smallDiskProcess(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS})
	if os.Geteuid() != 0 {
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := c.CombinedOutput()
	if errors.Is(err, unix.EPERM) {
		out, err = smallDiskProcess(t, nil).CombinedOutput()
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	said := string(out)
	for _, want := range []string{
		"with room: begins <nil>, shut 0",
		"little room: begins recorder: spool is full, shut 1",
		"no room: begins recorder: spool is full, shut 1",
		"rows are written: <nil>",
		"room again: begins <nil>, shut 0",
		"c misses [disk]: 20.00 s there, 30.00 s silent: true, 15.00 s there",
		"waits misses []: 25.00 s there, 0.00 s silent: true, 0.00 s there",
		"told: 2 2",
	} {
		if !strings.Contains(said, want+"\n") {
			t.Errorf("it does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(said)
	}
}

func smallDiskProcess(t *testing.T, attr *syscall.SysProcAttr) *exec.Cmd {
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDiskFull$", "-test.v")
	c.Env = append(os.Environ(), smallDiskEnv+"="+t.TempDir())
	c.SysProcAttr = attr
	return c
}

// fullDisk is what is on the small disk.
type fullDisk struct {
	*rig
	t        *testing.T
	registry *prometheus.Registry
	filler   *os.File
	real     bool  // a disk of its own
	reserve  int64 // of the spool
}

// recordOnFullDisk is the process. It prints what becomes of its call.
func recordOnFullDisk(t *testing.T, dir string) {
	d := &fullDisk{t: t, registry: prometheus.NewRegistry(), reserve: diskReserve}
	d.real = unix.Mount("small", dir, "tmpfs", 0, fmt.Sprint("size=", smallDisk)) == nil
	minFree := int64(0) // the default
	if !d.real {
		d.reserve = d.free(dir) - (smallDisk - diskReserve)
		minFree = d.reserve
	}
	d.rig = newRigIn(t, dir, func(o *recorder.SpoolOptions) {
		o.MinFree, o.Metrics = minFree, recorder.NewMetrics(d.registry)
	})
	d.store.set(func(m *memStore) { m.fault = errDown })
	ledger := must[*store.Ledger](t)(store.OpenLedger(t.Context(), filepath.Join(dir, "ledger.db"), store.LedgerOptions{Ballast: 1 << 20}))
	d.filler = must[*os.File](t)(os.Create(filepath.Join(dir, "filler")))

	k, waits := d.begin(phone("c")), d.begin(phone("waits"))
	fast(k, 0, 12)
	fast(waits, 0, 12)
	d.say("with room")
	d.fill(d.reserve - 1<<20)
	d.say("little room")
	fast(k, 12, 32) // until its segment ends
	if d.real {
		d.fill(0)
	}
	d.say("no room")
	fast(k, 32, 50)
	fast(waits, 12, 18)
	var err error
	for range 8 {
		_, e := ledger.Append(t.Context(), "c", "e", make([]byte, 2000))
		err = errors.Join(err, e)
	}
	fmt.Println("rows are written:", err)
	if err := d.filler.Truncate(0); err != nil {
		t.Error(err)
	}
	d.wait(func() bool { return d.spool.Room() == nil })
	d.say("room again")
	fast(k, 50, 65)
	fast(waits, 18, 25)
	fast(d.begin(phone("new")), 0, 1).finish(0)
	d.finishAll(k, waits)
	if err := errors.Join(ledger.Close(), d.filler.Close()); err != nil {
		t.Error(err)
	}
}

// fast hands over the seconds of both sides as fast as they are taken.
func fast(k *taking, from, to int) *taking {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := from * 50; n < to*50; n++ {
		for k.Queued() > 600 {
			<-tick.C
		}
		k.put(recorder.Caller, media.Tick(n)*media.FrameTicks, slices.Repeat([]int16{1000}, 160))
		k.put(recorder.Agent, media.Tick(n)*media.FrameTicks, slices.Repeat([]int16{-1000}, 160))
	}
	for k.Queued() > 0 {
		<-tick.C
	}
	return k
}

// free is how much room the disk has.
func (d *fullDisk) free(dir string) int64 {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		d.t.Fatal(err)
	}
	return int64(st.Bavail) * st.Bsize
}

// fill leaves so much of the disk free, and waits until the spool sees it.
func (d *fullDisk) fill(leave int64) {
	info := must[os.FileInfo](d.t)(d.filler.Stat())
	size := info.Size()
	for d.free(d.dir) > leave {
		n, err := d.filler.WriteAt(slices.Repeat([]byte{1}, 256<<10), size)
		size += int64(n)
		if errors.Is(err, unix.ENOSPC) {
			break
		}
		if err != nil {
			d.t.Fatal(err)
		}
	}
	d.wait(func() bool { return d.spool.Room() != nil })
}

func (d *fullDisk) wait(until func() bool) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(d.ctx, time.Minute)
	defer cancel()
	for !until() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			d.t.Fatal("it does not come about")
		}
	}
}

// say prints whether a call could begin, and what the metric says.
func (d *fullDisk) say(when string) {
	err := d.spool.Room()
	shut := math.NaN()
	for _, f := range must[[]*dto.MetricFamily](d.t)(d.registry.Gather()) {
		for _, m := range f.GetMetric() {
			if f.GetName() == "sidetone_spool_shut" && m.GetLabel()[0].GetValue() == "disk" {
				shut = m.GetGauge().GetValue()
			}
		}
	}
	fmt.Printf("%s: begins %v, shut %v\n", when, err, shut)
}

// finishAll ends the calls, and prints what has become of them and what the
// operator was told.
func (d *fullDisk) finishAll(calls ...*taking) {
	sums := make(map[string]recorder.Summary)
	for _, k := range calls {
		sums[k.o.Call] = k.finish(0)
	}
	d.store.set(func(m *memStore) { m.fault = nil })
	d.drain()
	for call, sum := range sums {
		left, right := channels(d.t, phone(call), d.wav(call))
		there := func(i int) bool { return left[i] != 0 && right[i] != 0 }
		whole := len(left)
		first, last := 0, whole
		for first < whole && there(first) {
			first++
		}
		for last > first && there(last-1) {
			last--
		}
		fmt.Printf("%s misses %v: %.2f s there, %.2f s silent: %v, %.2f s there\n", call, sum.Missing, float64(first)/8000,
			float64(last-first)/8000, silent(left[first:last]) && silent(right[first:last]), float64(whole-last)/8000)
	}
	log := d.log.String()
	fmt.Println("told:", strings.Count(log, "the spool's disk"), strings.Count(log, "has a gap"))
	if d.real && strings.Count(log, "the spool cannot be written") != 1 {
		d.t.Error("nobody was told that the spool can not be written")
	}
}
