package recorder_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
)

func (r *rig) tryBegin(call string) error {
	r.t.Helper()
	o := phone(call)
	o.Keys = must[seal.TakeKeys](r.t)(seal.NewTakeKeys(r.ctx, r.keys))
	_, err := r.spool.Begin(o)
	return err
}

func TestSpoolLimits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, func(o *recorder.SpoolOptions) { o.MaxBytes = 200_000 })
		r.store.set(func(m *memStore) { m.fault = errDown })
		k := r.begin(phone("c"))
		k.play(recorder.Caller, 0, media.Tone(8000, 300, 15*time.Second, -20))
		k.finish(0)
		if err := r.tryBegin("d"); !errors.Is(err, recorder.ErrSpoolFull) {
			t.Errorf("Begin with %d bytes on the spool: %v", r.spool.Bytes(), err)
		}
		r.store.set(func(m *memStore) { m.fault = nil })
		r.drain()
		if err := r.tryBegin("d"); err != nil {
			t.Errorf("Begin with %d bytes on the spool: %v", r.spool.Bytes(), err)
		}
	})
	bubble(t, func(t *testing.T) {
		r := newRig(t, func(o *recorder.SpoolOptions) { o.MinFree = math.MaxInt64 })
		if err := r.tryBegin("c"); !errors.Is(err, recorder.ErrSpoolFull) {
			t.Errorf("Begin on a full disk: %v", err)
		}
	})
}

// TestSpoolIsSynced holds the syncs to one a second, and only where there is
// something to sync; and that none begin while the disk does not keep up.
func TestSpoolIsSynced(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var syncs atomic.Int32
		var hang, fail atomic.Bool
		r := newRig(t, func(o *recorder.SpoolOptions) {
			o.Sync = func(*os.File) error {
				syncs.Add(1)
				for hang.Load() {
					time.Sleep(100 * time.Millisecond)
				}
				if fail.Load() {
					return errors.New("input/output error")
				}
				return nil
			}
		})
		k := r.begin(phone("c"))
		hum := media.Tone(8000, 300, 20*time.Second, -20)
		k.play(recorder.Caller, 0, hum)
		if n := syncs.Load(); n < 19 || n > 21 {
			t.Errorf("%d syncs in 20 s", n)
		}
		if d := r.spool.Unsynced(); d > time.Second {
			t.Errorf("unsynced for %v", d)
		}
		time.Sleep(2 * time.Second)
		before := syncs.Load()
		time.Sleep(time.Minute)
		if n := syncs.Load() - before; n > 0 {
			t.Errorf("%d syncs while nothing was written", n)
		}
		for name, fault := range map[string]*atomic.Bool{"hangs": &hang, "fails": &fail} {
			fault.Store(true)
			k.play(recorder.Caller, 20*second, hum[:5*8000])
			if d := r.spool.Unsynced(); d < 4*time.Second || d > 5*time.Second {
				t.Errorf("%s: unsynced for %v", name, d)
			}
			if err := r.tryBegin("d"); !errors.Is(err, recorder.ErrUnsynced) {
				t.Errorf("%s: Begin: %v", name, err)
			}
			fault.Store(false)
			time.Sleep(3 * time.Second)
			if d := r.spool.Unsynced(); d != 0 {
				t.Errorf("%s: unsynced for %v after it", name, d)
			}
		}
		if sum := k.finish(0); !sum.Complete {
			t.Errorf("missing %v", sum.Missing)
		}
	})
}

func TestSpoolBelongsToOneProcess(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		o := recorder.SpoolOptions{Dir: filepath.Join(r.dir, "spool"), Node: r.node, Put: r.store}
		if _, err := recorder.OpenSpool(o); !errors.Is(err, recorder.ErrSpoolLocked) {
			t.Errorf("a second opening: %v", err)
		}
		r.stop()
		s := must[*recorder.Spool](t)(recorder.OpenSpool(o))
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestDiskFailsDuringACall takes the directory of a take away for a while.
func TestDiskFailsDuringACall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		hum := slices.Repeat([]int16{1000}, 45*8000)
		k.play(recorder.Caller, 0, hum[:5*8000])
		dir := filepath.Join(r.dir, "spool", "takes", "c.t1")
		if err := os.Rename(dir, dir+".away"); err != nil {
			t.Fatal(err)
		}
		k.play(recorder.Caller, 5*second, hum[5*8000:15*8000]) // the second segment finds no place
		if err := os.Rename(dir+".away", dir); err != nil {
			t.Fatal(err)
		}
		k.play(recorder.Caller, 15*second, hum[15*8000:])
		sum := k.finish(0)
		if sum.Complete || !slices.Equal(sum.Missing, []string{"disk"}) {
			t.Errorf("complete: %v, missing %v", sum.Complete, sum.Missing)
		}
		r.drain()
		left, _ := channels(t, k.o, r.wav("c"))
		lost := 0
		for _, s := range left {
			if s == 0 {
				lost++
			}
		}
		if want := 5 * 8000; len(left) != 45*8000 || lost < want-800 || lost > want+800 {
			t.Errorf("%d samples lost of %d", lost, len(left))
		}
		meta := must[recorder.Meta](t)(r.recording("c").Meta(t.Context()))
		if len(meta.Gaps) != 1 || meta.Gaps[0].At > 10*second || meta.Gaps[0].End < 15*second-6000 {
			t.Errorf("gaps %+v", meta.Gaps)
		}
		if n := strings.Count(r.log.String(), "has a gap"); n != 1 {
			t.Errorf("%d log lines", n)
		}
	})
}

func TestMetrics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		reg := prometheus.NewPedanticRegistry()
		r := newRig(t, func(o *recorder.SpoolOptions) { o.Metrics = recorder.NewMetrics(reg) })
		r.store.set(func(m *memStore) { m.fault = errDown })
		k := r.begin(phone("c"))
		k.play(recorder.Caller, 0, media.Tone(8000, 300, 12*time.Second, -20))
		value := func(name string) float64 {
			families := must[[]*dto.MetricFamily](t)(reg.Gather())
			for _, f := range families {
				if f.GetName() != name {
					continue
				}
				sum := 0.0
				for _, m := range f.GetMetric() {
					sum += m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
				}
				return sum
			}
			t.Fatalf("no metric %s", name)
			return 0
		}
		if value("sidetone_recorder_takes_active") != 1 || value("sidetone_spool_bytes") < 90_000 {
			t.Error("the take is not seen")
		}
		k.Cut(11*second, 0)
		k.finish(0)
		live := r.begin(phone("d"))
		if err := r.spool.Destroy(t.Context(), "d", "t1"); err == nil || value("sidetone_spool_doomed_takes") != 1 {
			t.Errorf("destroyed while the store is down: %v", err)
		}
		if _, err := live.Finish(t.Context(), recorder.Ending{}); !errors.Is(err, recorder.ErrDestroyed) {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if age := value("sidetone_spool_oldest_seconds"); age < 60 {
			t.Errorf("oldest is %v s old", age)
		}
		r.store.set(func(m *memStore) { m.fault = nil })
		r.drain()
		if err := r.spool.Destroy(t.Context(), "d", "t1"); err != nil {
			t.Error(err)
		}
		for name, want := range map[string]float64{
			"sidetone_recorder_cuts_total": 1, "sidetone_recorder_destroys_total": 2, "sidetone_spool_doomed_takes": 0,
			"sidetone_recorder_takes_active": 0, "sidetone_spool_bytes": 0, "sidetone_spool_oldest_seconds": 0,
			"sidetone_spool_unsynced_seconds": 0, "sidetone_recorder_audio_bytes_total": 96_000,
			"sidetone_recorder_segments_total": 2, "sidetone_upload_lag_seconds": 7,
		} {
			if got := value(name); got != want {
				t.Errorf("%s is %v, not %v", name, got, want)
			}
		}
		problems, err := promlint.NewWithMetricFamilies(must[[]*dto.MetricFamily](t)(reg.Gather())).Lint()
		if err != nil || len(problems) > 0 {
			t.Errorf("promlint: %v, %v", problems, err)
		}
	})
}
