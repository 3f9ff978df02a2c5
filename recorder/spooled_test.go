package recorder_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sidetone/media"
	"sidetone/recorder"
)

// TestTakesOnTheSpoolAreShown: how many wait for their upload, and how many stay.
func TestTakesOnTheSpoolAreShown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		registry := prometheus.NewPedanticRegistry()
		r := newRig(t, func(o *recorder.SpoolOptions) { o.Metrics = recorder.NewMetrics(registry) })
		shown := func(when, uploading, failed string) {
			t.Helper()
			want := `# HELP sidetone_spool_takes Takes on the spool, by what becomes of them.
# TYPE sidetone_spool_takes gauge
sidetone_spool_takes{state="failed"} ` + failed + `
sidetone_spool_takes{state="uploading"} ` + uploading + "\n"
			if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "sidetone_spool_takes"); err != nil {
				t.Errorf("%s: %v", when, err)
			}
		}
		shown("at first", "0", "0")
		r.store.set(func(m *memStore) {
			m.fault = errDown
			m.objects["rec/b/t1/seg/000001.age"] = []byte("theirs")
		})
		for _, call := range []string{"a", "b", "c"} {
			k := r.begin(phone(call))
			k.play(recorder.Caller, 0, media.Tone(8000, 300, time.Second, -20))
			k.finish(0)
		}
		shown("while the store is away", "3", "0")
		r.store.set(func(m *memStore) { m.fault = nil })
		r.drain()
		shown("when it is back", "0", "1")
	})
}
