package app_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/configs"
	"sidetone/internal/app"
	"sidetone/media"
	"sidetone/store"
	"sidetone/store/pgtest"
)

// day is a day.
const day = 24 * time.Hour

// calendar is a clock that the test sets.
type calendar struct{ ahead atomic.Int64 }

func (c *calendar) now() time.Time      { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *calendar) set(d time.Duration) { c.ahead.Store(int64(d)) }

// startKeeping runs a gateway by whose clock what it keeps expires.
func startKeeping(t *testing.T, config *configs.Config, objects store.S3Options, clock *calendar) *gateway {
	t.Helper()
	g := &gateway{config: config, logs: &logs{}, s3: objects}
	var err error
	if g.App, err = app.New(t.Context(), config, app.Options{Version: "test", Commit: "test", Objects: objects, Now: clock.now,
		Log: slog.New(slog.NewTextHandler(g.logs, nil))}); err != nil {
		t.Fatal(err)
	}
	g.Start()
	g.stop = sync.OnceValue(func() error { return g.Stop(context.Background()) })
	t.Cleanup(func() {
		if err := g.stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(g.logs)
		}
	})
	return g
}

// hasSwept returns when the gateway has swept by itself, which it does at its start and
// an hour later.
func (g *gateway) hasSwept(t *testing.T) {
	t.Helper()
	for began := time.Now(); time.Since(began) < 20*time.Second; <-time.After(50 * time.Millisecond) {
		if _, body := g.get(t, "/metrics"); strings.Contains(body, "swept_timestamp") && !strings.Contains(body, "swept_timestamp_seconds 0\n") {
			return
		}
	}
	t.Fatal("the gateway does not sweep")
}

// keeps leaves calls of an agent that have ended now in the stores of a gateway.
func (g *gateway) keeps(t *testing.T, agent string, ids ...string) {
	t.Helper()
	location := filepath.Join(g.config.DataDir, "db", "sidetone.db")
	if g.config.Database.URL != "" {
		location = g.config.Database.URL.Reveal()
	}
	db, err := store.OpenDB(t.Context(), location)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	objects, err := store.OpenS3(t.Context(), g.s3)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		made, dir := &shelf{objects: map[string][]byte{}}, t.TempDir()
		synctest.Test(t, func(t *testing.T) { record(t, g, made, dir, id, 12*time.Second) })
		for key, body := range made.objects {
			if err := objects.Put(t.Context(), key, body, sha256.Sum256(body)); err != nil {
				t.Fatal(err)
			}
		}
		err := errors.Join(
			db.InsertCall(t.Context(), store.Call{ID: id, CarrierID: "CA" + id, Agent: agent, Kind: "phone", Direction: "inbound", Started: time.Now(),
				Consent: "granted", Recording: "stored", Takes: 1}),
			db.FinishCall(t.Context(), id, store.End{At: time.Now(), Duration: 12 * time.Second, Outcome: "completed", Reason: "goodbye"}))
		if err != nil {
			t.Fatal(err)
		}
	}
}

// swept says what a sweep has come to, by call and class.
func swept(r app.SweepResult) string {
	var all []string
	for _, c := range r.Classes {
		all = append(all, fmt.Sprintf("%s/%s %s", c.Call, c.Class, c.State))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// ageOpens returns the classes of a call that stock age opens with the operator's keys
// and what is in the bucket.
func (g *gateway) ageOpens(t *testing.T, call string) string {
	t.Helper()
	bucket := filepath.Join(builtinDir, "buckets", g.s3.Bucket)
	var open []string
	for class, object := range map[string]string{"audio": "seg/000001.age", "snippets": "snip/000001.age", "text": "text/notes.age"} {
		dir := t.TempDir()
		script := fmt.Sprintf("age -d -i '%s/epoch-1.agekey' 'keys/epoch-1/%s/t1-%s.age' > '%s/key' && age -d -i '%s/key' 'rec/%s/t1/%s'",
			g.config.Keys.Dir, call, class, dir, dir, call, object)
		c := exec.CommandContext(t.Context(), "sh", "-euc", script)
		c.Dir = bucket
		if out, err := c.Output(); err == nil && len(out) > 0 {
			open = append(open, class)
		}
	}
	slices.Sort(open)
	return strings.Join(open, " ")
}

// agentsWith is a folder of the tests' agents, with one that keeps less.
func agentsWith(t *testing.T, name, retention string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/agents")); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "sentences.yaml"))
	if err == nil {
		b = bytes.Replace(b, []byte("name: sentences"), []byte("name: "+name+"\nretention: "+retention), 1)
		err = os.WriteFile(filepath.Join(dir, name+".yaml"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestStricterRuleCounts: an agent keeps less than the workspace, or as much.
func TestStricterRuleCounts(t *testing.T) {
	c := &configs.Config{Retention: configs.Retention{Audio: configs.Duration(30 * day), Snippets: configs.Duration(10 * day)}}
	for text, want := range map[string]app.RetentionRule{
		"{}":                                   {Audio: configs.Duration(30 * day), Snippets: configs.Duration(10 * day)},
		"{audio: 90d, snippets: 5d, text: 1y}": {Audio: configs.Duration(30 * day), Snippets: configs.Duration(5 * day), Text: configs.Duration(365 * day)},
		"{audio: 0, text: 1h}":                 {Audio: configs.Duration(30 * day), Snippets: configs.Duration(10 * day), Text: configs.Duration(time.Hour)},
	} {
		c.Agents.Dir, want.Agent = agentsWith(t, "brief", text), "brief"
		rules, err := app.RetentionRules(c)
		if err != nil || len(rules) != 4 || rules[0] != (app.RetentionRule{Audio: c.Retention.Audio, Snippets: c.Retention.Snippets}) || rules[1] != want {
			t.Errorf("%s: %+v, %v", text, rules, err)
		}
	}
	for _, text := range []string{"{audio: 90}", "{text: 59m}", "{snippets: -1d}", "{audio: a year}", "{words: 1y}"} {
		c.Agents.Dir = agentsWith(t, "brief", text)
		if _, err := app.RetentionRules(c); err == nil || !strings.Contains(err.Error(), "brief") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestRetention: each class of each call goes when it is past its time, by the stricter
// of two rules, its key first; the others stay, and stock age opens them.
func TestRetention(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { testRetention(t) })
	t.Run("PostgreSQL", func(t *testing.T) {
		server, err := pgtest.Start()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Stop() })
		url, err := server.Database(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		testRetention(t, "SIDETONE_DATABASE_URL="+url)
	})
}

func testRetention(t *testing.T, env ...string) {
	config := configure(t, append(env, "SIDETONE_AGENTS_DIR="+agentsWith(t, "brief", "{audio: 90d, snippets: 5d, text: 60d}"),
		"SIDETONE_RETENTION_AUDIO=30d", "SIDETONE_RETENTION_SNIPPETS=10d")...)
	clock, objects := &calendar{}, bucket(t)
	g := startKeeping(t, config, objects, clock)
	g.hasSwept(t)
	g.keeps(t, "sentences", "one", "held")
	g.keeps(t, "brief", "two")
	g.keeps(t, "nobody-any-more", "three")
	x, ctx := g.erasing(t), t.Context()
	if _, err := x.Hold(ctx, "held", "case-7"); err != nil {
		t.Fatal(err)
	}
	sweep := func(after time.Duration, dry bool) string {
		t.Helper()
		clock.set(after)
		r, err := x.Sweep(ctx, dry)
		if err != nil {
			t.Fatal(err)
		}
		return swept(r)
	}
	all := g.bucketHas(t)
	const atTen = "held/snippets held, one/snippets would_expire, three/snippets would_expire, two/snippets would_expire"
	for after, want := range map[time.Duration]string{4 * day: "", 6 * day: "two/snippets would_expire", 11 * day: atTen} {
		if got := sweep(after, true); got != want {
			t.Errorf("after %v a dry run finds %q, want %q", after, got, want)
		}
	}
	if now := g.bucketHas(t); !slices.Equal(now, all) {
		t.Errorf("a dry run changes %d objects into %d", len(all), len(now))
	}
	if got := sweep(11*day, false); got != strings.ReplaceAll(atTen, "would_expire", "expired") {
		t.Errorf("after 11 days %q", got)
	}
	g.checkKept(t, "one", "audio text")
	g.checkKept(t, "held", "audio snippets text")
	if got := sweep(31*day, false); got != "held/audio held, held/snippets held, one/audio expired, three/audio expired, two/audio expired" {
		t.Errorf("after 31 days %q", got)
	}
	g.checkKept(t, "one", "text")
	g.checkKept(t, "two", "text")
	if got := sweep(61*day, false); got != "held/audio held, held/snippets held, two/text expired" {
		t.Errorf("after 61 days %q", got)
	}
	if left := g.holds(t, "two"); len(left) > 0 {
		t.Errorf("of a call of which all has expired there is %v", left)
	}
	if _, body := g.get(t, "/api/v1/calls/two"); !strings.Contains(body, `"recording": "expired"`) || !strings.Contains(body, "CAtwo") {
		t.Errorf("its row: %s", body)
	}
	if _, err := x.Release(ctx, "held"); err != nil {
		t.Fatal(err)
	}
	if got := sweep(61*day, false); got != "held/audio expired, held/snippets expired" {
		t.Errorf("after the hold %q", got)
	}
	if got := sweep(3650*day, false); got != "" { // text is kept for ever by the workspace
		t.Errorf("after ten years %q", got)
	}
	if status, body := g.get(t, "/metrics"); status != http.StatusOK || !strings.Contains(body, `sidetone_retention_expired_total{class="audio"} 4`) ||
		!strings.Contains(body, `sidetone_retention_waiting{reason="held"} 0`) {
		t.Errorf("metrics: %s", body)
	}
	g.checkExpiredByCommand(t)
}

// bucketHas lists the bucket, but for what gateways publish of themselves.
func (g *gateway) bucketHas(t *testing.T) []string {
	t.Helper()
	objects, err := store.OpenS3(t.Context(), g.s3)
	if err != nil {
		t.Fatal(err)
	}
	all, err := objects.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(key string) bool { return strings.HasPrefix(key, "nodes/") })
}

// checkKept holds that of a call these classes are there, for the API and for age, and
// that the API says of the others that they are gone.
func (g *gateway) checkKept(t *testing.T, call, classes string) {
	t.Helper()
	if got := g.ageOpens(t, call); got != classes {
		t.Errorf("of %s age opens %q, want %q", call, got, classes)
	}
	for class, paths := range map[string][]string{"audio": {"recording", "clip?from=1&to=2"}, "snippets": {"snippets", "snippets/000001"}, "text": {"transcript"}} {
		for _, path := range paths {
			want := http.StatusGone
			if strings.Contains(classes, class) {
				want = http.StatusOK
			}
			status, body := g.get(t, "/api/v1/calls/"+call+"/"+path)
			if status != want || want == http.StatusGone && !strings.Contains(body, "the retention of its "+class+" is over") {
				t.Errorf("%s of %s answers %d: %.100s", path, call, status, body)
			}
		}
	}
	_, body := g.get(t, "/api/v1/calls/"+call)
	var c store.Call
	if err := json.Unmarshal([]byte(body), &c); err != nil || c.Recording != "stored" || c.Expired.Audio == strings.Contains(classes, "audio") ||
		c.Expired.Snippets == strings.Contains(classes, "snippets") || c.Expired.Text == strings.Contains(classes, "text") {
		t.Errorf("the row of %s: %s, %v", call, body, err)
	}
}

// checkExpiredByCommand looks at what is left as the command line does.
func (g *gateway) checkExpiredByCommand(t *testing.T) {
	t.Helper()
	ctx, r := t.Context(), g.records(t)
	if _, err := r.Recording(ctx, "one", "t1", "", &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "the retention of its audio is over") {
		t.Errorf("recordings get: %v", err)
	}
	if _, err := r.Snippet(ctx, "one", "t1", "", "000001", &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "the retention of its snippets is over") {
		t.Errorf("recordings snippet: %v", err)
	}
	var text bytes.Buffer
	if err := r.Transcript(ctx, "one", "t1", "", "text", &text); err != nil || !strings.Contains(text.String(), "I said <this>.") {
		t.Errorf("recordings transcript: %v, %s", err, text.String())
	}
	rows := map[string]int{}
	for _, call := range []string{"one", "two", "three", "held"} {
		d, err := r.Call(ctx, call)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range d.Recorded {
			if row.Event == "expired" {
				rows[call+string(row.Body)]++
			}
		}
	}
	for _, want := range []string{`one{"class":"snippets","kept":"10d","takes":1}`, `one{"class":"audio","kept":"30d","takes":1}`,
		`two{"class":"snippets","kept":"5d","takes":1}`, `two{"class":"audio","kept":"30d","takes":1}`, `two{"class":"text","kept":"60d","takes":1}`} {
		if rows[want] != 1 {
			t.Errorf("%d rows %s in %v", rows[want], want, rows)
		}
	}
	if len(rows) != 9 {
		t.Errorf("rows %v", rows)
	}
}

// TestSweepsByItself: a gateway sweeps without being asked, and what it had not done
// when it stopped, its successor does.
func TestSweepsByItself(t *testing.T) {
	config, clock, objects := configure(t, "SIDETONE_RETENTION_AUDIO=30d"), &calendar{}, bucket(t)
	g := startKeeping(t, config, objects, clock)
	g.keeps(t, "sentences", "one", "two")
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	clock.set(31 * day)
	g = startKeeping(t, config, objects, clock)
	for began := time.Now(); ; <-time.After(100 * time.Millisecond) {
		left := slices.DeleteFunc(g.bucketHas(t), func(key string) bool { return !strings.Contains(key, "-audio") && !strings.Contains(key, "/seg/") })
		if len(left) == 0 {
			break
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("there still is %v", left)
		}
	}
	if got := g.ageOpens(t, "two"); got != "snippets text" {
		t.Errorf("age opens %q", got)
	}
}

// TestSweepsMeet: of sweeps at the same time each call is done by one, once.
func TestSweepsMeet(t *testing.T) {
	calls := []string{"c1", "c2", "c3", "c4", "c5"}
	clock := &calendar{}
	g := startKeeping(t, configure(t, "SIDETONE_RETENTION_AUDIO=30d", "SIDETONE_RETENTION_SNIPPETS=30d", "SIDETONE_RETENTION_TEXT=30d"), bucket(t), clock)
	g.hasSwept(t)
	g.keeps(t, "sentences", calls...)
	clock.set(31 * day)
	expired := make(chan int)
	for range 4 {
		x := g.erasing(t)
		go func() {
			r, err := x.Sweep(t.Context(), false)
			if err != nil {
				t.Error(err)
			}
			expired <- r.Counts[app.IsExpired]
		}()
	}
	if n := <-expired + <-expired + <-expired + <-expired; n != 3*len(calls) {
		t.Errorf("%d classes have expired, want %d", n, 3*len(calls))
	}
	if left := g.bucketHas(t); len(left) > 0 {
		t.Errorf("there still is %v", left)
	}
	want := fmt.Sprintf("sidetone_recorder_destroys_total{result=\"done\"} %d\n", len(calls))
	if _, body := g.get(t, "/metrics"); !strings.Contains(body, want) {
		t.Errorf("metrics without %s", want)
	}
}

// TestSweepIsCutOff ends a sweep at each of its deletions in turn, as a kill would, and
// begins another, until one is through. At no time are objects gone whose key is there.
func TestSweepIsCutOff(t *testing.T) {
	a := newArchive(t)
	calls := []string{"c1", "c2", "c3"}
	for _, id := range calls {
		a.record(id, media.Tone(8000, 440, time.Second, -10))
	}
	a.drain()
	a.certify()
	a.close()
	a.config.Agents.Dir = agentsWith(t, "a", "{audio: 1h, text: 1h}")
	s3 := a.s3
	var deletions, end int
	var kill context.CancelFunc
	var mu sync.Mutex
	s3.Sync, s3.DialContext, s3.Transport = nil, nil, &hangs{to: base(), at: func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodDelete {
			if deletions++; deletions == end {
				kill()
			}
		}
	}}
	objects, err := store.OpenS3(t.Context(), a.s3)
	if err != nil {
		t.Fatal(err)
	}
	has := func(prefix string) bool {
		t.Helper()
		keys, err := objects.List(t.Context(), prefix)
		if err != nil {
			t.Fatal(err)
		}
		return len(keys) > 0
	}
	for cuts := 0; ; cuts++ {
		ctx, cancel := context.WithCancel(t.Context())
		x, err := app.OpenErasingIn(ctx, a.config, s3, quiet)
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		deletions, end, kill = 0, 1+cuts%3, cancel
		mu.Unlock()
		_, err = x.Sweep(ctx, false)
		cancel()
		if e := x.Close(); e != nil {
			t.Error(e)
		}
		for _, id := range calls {
			for class, folder := range map[string]string{"audio": "seg/", "text": "text/"} {
				if has("keys/epoch-1/"+id+"/t1-"+class) && !has("rec/"+id+"/t1/"+folder) {
					t.Fatalf("after %d cuts the %s of %s went before its key", cuts, class, id)
				}
			}
			if !has("keys/epoch-1/" + id + "/t1-snippets") {
				t.Fatalf("after %d cuts the key of the snippets of %s is gone", cuts, id)
			}
		}
		if err == nil {
			if cuts < 3 {
				t.Errorf("it was cut off %d times", cuts)
			}
			break
		}
		if cuts > 60 {
			t.Fatal(err)
		}
	}
	a.checkSwept(calls)
}

// checkSwept holds that of calls the audio and the text are gone, once each by the
// ledger, and that this is no fault.
func (a *archive) checkSwept(calls []string) {
	a.t.Helper()
	v := a.verifier(app.VerifyOptions{})
	if v.Ledger != nil {
		a.t.Error(v.Ledger)
	}
	r, err := app.OpenRecordsIn(a.t.Context(), a.config, a.s3)
	if err != nil {
		a.t.Fatal(err)
	}
	defer r.Close()
	for _, id := range calls {
		got, err := v.Call(a.t.Context(), id)
		if err != nil || len(got.Faults) > 0 || strings.Join(got.Expired, " ") != "audio text" {
			a.t.Errorf("%s: %+v, %v", id, got, err)
		}
		d, err := r.Call(a.t.Context(), id)
		if err != nil || d.Expired != (store.ExpiredClasses{Audio: true, Text: true}) {
			a.t.Errorf("%+v, %v", d.Call, err)
		}
		n := 0
		for _, row := range d.Recorded {
			if row.Event == "expired" {
				n++
			}
		}
		if n != 2 {
			a.t.Errorf("%s has %d rows of expiries", id, n)
		}
	}
}

// TestSweepMeetsTheSpool: what is not stored stays there while other classes of it are
// kept, and goes from there with the last.
func TestSweepMeetsTheSpool(t *testing.T) {
	a := newArchive(t)
	a.crash("c1")
	db, err := store.OpenDB(t.Context(), filepath.Join(a.config.DataDir, "db", "sidetone.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.SetRecording(t.Context(), "c1", "recording", 1),
		db.FinishCall(t.Context(), "c1", store.End{At: time.Now().Add(-2 * time.Hour), Outcome: "internal", Reason: "crashed"}), db.Close()); err != nil {
		t.Fatal(err)
	}
	spooled := func() int {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(a.config.Recorder.SpoolDir, "*", "c1.t1", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	before := spooled()
	for _, step := range []struct{ rule, want string }{
		{"{audio: 1h, text: 1h}", "c1/audio spooled, c1/text spooled"},
		{"{audio: 1h, snippets: 1h, text: 1h}", "c1/audio expired, c1/snippets expired, c1/text expired"},
	} {
		if n := spooled(); n != before || n == 0 {
			t.Fatalf("the spool has %d files of it, and had %d", n, before)
		}
		a.config.Agents.Dir = agentsWith(t, "a", step.rule)
		x, err := app.OpenErasingIn(t.Context(), a.config, a.s3, quiet)
		if err != nil {
			t.Fatal(err)
		}
		r, err := x.Sweep(t.Context(), false)
		if err := errors.Join(err, x.Close()); err != nil || swept(r) != step.want {
			t.Errorf("%s: %q, %v", step.rule, swept(r), err)
		}
	}
	if n := spooled(); n != 0 {
		t.Errorf("the spool has %d files of a call of which all has expired", n)
	}
}
