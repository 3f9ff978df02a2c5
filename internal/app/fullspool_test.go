package app_test

import (
	"bufio"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sidetone/internal/sim"
)

// TestFullSpool: with a spool that holds more than it may, callers are refused and
// pages sent away, and the operator is told by /readyz, metrics and events.
func TestFullSpool(t *testing.T) {
	config := configure(t)
	config.Recorder.SpoolMaxBytes = -1 // nothing is too much
	g := start(t, config)
	c, err := g.carrier(t, sim.CarrierOptions{}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	report, err := c.Wait(t.Context())
	if err != nil || len(report.Streams) > 0 || len(report.Documents) != 1 || !slices.Equal(report.Documents[0].Said, []string{config.Limits.OverflowText}) {
		t.Errorf("a caller got %v with %d streams, %v: want to be told that nobody can answer", report.Documents, len(report.Streams), err)
	}
	if status, body := g.get(t, "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "recordings can not begin") {
		t.Errorf("/readyz answers %d: %s", status, body)
	}
	if _, body := g.get(t, "/metrics"); !strings.Contains(body, `sidetone_spool_shut{reason="spool"} 1`) || !strings.Contains(body, `sidetone_calls_attempted_total{result="refused"} 1`) {
		t.Error("the metrics do not say so")
	}
	stream, err := http.Get("http://" + g.OperatorAddr().String() + "/api/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	for lines := bufio.NewScanner(stream.Body); lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if !strings.Contains(data, `"room":"full"`) {
				t.Errorf("the first event is %s", data)
			}
			return
		}
	}
	t.Error("the stream shows nothing")
}
