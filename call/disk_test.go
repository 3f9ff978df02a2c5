package call_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
)

// TestDiskFailsInMidCall: once the disk takes no more, nothing is kept of the call any
// more, the row says that it was our fault, and the caller hears so. What was kept is
// stored when the disk is back.
func TestDiskFailsInMidCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, engine: &engine{}, replier: &replies{each: []string{"440Hz", "610Hz", "620Hz"}},
			set: func(s *dialog.Settings) { s.SilenceAfter = time.Hour }})
		c := g.dial()
		until(t, c, 6*time.Second)
		takes, err := filepath.Glob(filepath.Join(g.spooled, "takes", "*"))
		if err != nil || len(takes) != 1 {
			t.Fatalf("the spool holds %q: %v", takes, err)
		}
		away := filepath.Join(t.TempDir(), "away")
		if err := os.Rename(takes[0], away); err != nil {
			t.Fatal(err)
		}
		until(t, c, 30*time.Second)
		c.Say(media.Tone(8000, 1200, time.Second, -10))
		until(t, c, 36*time.Second)
		if err := os.Rename(away, takes[0]); err != nil {
			t.Fatal(err)
		}
		c.Hangup()
		report, _ := g.end(c)
		told := onset(report.Heard, promptTones[consent.PromptUnable])
		if told < 0 || onset(report.Heard, promptTones[consent.PromptWithdrawn]) >= 0 {
			t.Errorf("the caller was told at %v", told)
		}
		if again := onset(report.Heard, 610); again < told {
			t.Errorf("the agent answers at %v, and the disk failed at %v", again, told)
		}
		if rows := g.ledger.events(); rows != "granted withdrawn ended" {
			t.Errorf("the rows are %q", rows)
		}
		time.Sleep(2 * time.Minute) // takes that are left behind are looked for
		rec := g.recording()
		if kept := time.Duration(len(rec.left)) * time.Second / 8000; kept > told || told-kept > 11*time.Second {
			t.Errorf("%v are kept, and the caller was told at %v", kept, told)
		}
		if rec.manifest.Complete || !slices.Contains(rec.manifest.Incomplete, "disk") {
			t.Errorf("the manifest says %v: %q", rec.manifest.Complete, rec.manifest.Incomplete)
		}
	})
}
