package recorder_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"sidetone/media"
	"sidetone/recorder"
)

// shut lists the reasons for which no take can begin, as the metrics have them.
func shut(t testing.TB, g prometheus.Gatherer) (reasons []string) {
	t.Helper()
	for _, f := range must[[]*dto.MetricFamily](t)(g.Gather()) {
		for _, m := range f.GetMetric() {
			if f.GetName() == "sidetone_spool_shut" && m.GetGauge().GetValue() == 1 {
				reasons = append(reasons, m.GetLabel()[0].GetValue())
			}
		}
	}
	return reasons
}

// TestOperatorIsTold holds that what keeps takes from beginning, or soon will, is
// said once when it begins and once when it ends, and shown as long as it lasts.
func TestOperatorIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var stuck atomic.Bool
		registry := prometheus.NewPedanticRegistry()
		r := newRig(t, func(o *recorder.SpoolOptions) {
			o.MaxBytes, o.Metrics = 400_000, recorder.NewMetrics(registry)
			o.Sync = func(*os.File) error {
				for stuck.Load() {
					time.Sleep(100 * time.Millisecond)
				}
				return nil
			}
		})
		told := func(when string, want ...string) {
			t.Helper()
			time.Sleep(2 * time.Second)
			log := r.log.String()
			r.log.Reset()
			var got []string
			for _, line := range []string{"level=WARN msg=\"the spool fills up", "level=ERROR msg=\"the spool holds as much", "level=ERROR msg=\"the spool's disk does not",
				"level=INFO msg=\"the spool's disk keeps up", "level=INFO msg=\"the spool has room", "level=INFO msg=\"the spool empties"} {
				for range strings.Count(log, line) {
					got = append(got, line[strings.Index(line, "\"")+1:])
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: told %q, and not %q:\n%s", when, got, want, log)
			}
		}
		wantShut := func(when string, want ...string) {
			t.Helper()
			if got := shut(t, registry); !slices.Equal(got, want) {
				t.Errorf("%s: shut for %q, not for %q", when, got, want)
			}
		}
		r.store.set(func(m *memStore) { m.fault = errDown })
		hum := media.Tone(8000, 300, 30*time.Second, -20)
		k := r.begin(phone("c"))
		k.play(recorder.Caller, 0, hum[:20*8000])
		told("half full")
		k.play(recorder.Caller, 20*second, hum[:12*8000])
		told("filling", "the spool fills up")
		wantShut("filling")
		k.play(recorder.Caller, 40*second, hum)
		told("full", "the spool holds as much")
		wantShut("full", "spool")
		stuck.Store(true)
		k.play(recorder.Caller, 70*second, hum[:5*8000])
		told("stuck", "the spool's disk does not")
		wantShut("stuck", "spool", "unsynced")
		if err := r.tryBegin("d"); !errors.Is(err, recorder.ErrSpoolFull) {
			t.Errorf("Begin: %v", err)
		}
		stuck.Store(false)
		r.store.set(func(m *memStore) { m.fault = nil })
		if sum := k.finish(0); !sum.Complete {
			t.Errorf("missing %v", sum.Missing)
		}
		r.drain()
		told("stored", "the spool's disk keeps up", "the spool has room", "the spool empties")
		wantShut("stored")
	})
}
