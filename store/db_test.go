package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func openDB(t *testing.T, location string) *DB {
	t.Helper()
	d, err := OpenDB(t.Context(), location)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

var began = time.Date(2026, 11, 21, 10, 0, 0, int(7*time.Millisecond), time.UTC)

func TestCalls(t *testing.T) {
	onEachEngine(t, testCalls)
	t.Run("a path that is no URL", func(t *testing.T) { testCalls(t, filepath.Join(t.TempDir(), "made/for it/?#%20.db")) })
}

func testCalls(t *testing.T, location string) {
	d := openDB(t, location)
	ctx := t.Context()
	call := Call{ID: "c1", CarrierID: "CA1", Agent: "interview", Kind: "phone", Direction: "inbound", Started: began, Node: "n1"}
	if err := d.InsertCall(ctx, call); err != nil {
		t.Fatal(err)
	}
	call.Consent, call.Recording = "pending", "none"
	for _, id := range []string{"c1", "CA1"} {
		if got, err := d.Call(ctx, id); err != nil || !reflect.DeepEqual(got, call) {
			t.Errorf("got %+v, error %v, wanted %+v", got, err, call)
		}
	}
	end := End{At: began.Add(90 * time.Second), Duration: 90 * time.Second, Outcome: "completed", Reason: "hung_up",
		LLM: Spent{Input: 9000, Cached: 8000, Written: 700, Output: 1 << 33, Cost: 0.125}}
	if err := errors.Join(d.SetConsent(ctx, "c1", "granted"), d.SetRecording(ctx, "c1", "stored", 2),
		d.SetSubject(ctx, "c1", "s1"), d.FinishCall(ctx, "c1", end)); err != nil {
		t.Fatal(err)
	}
	call.Consent, call.Recording, call.Takes, call.Subject = "granted", "stored", 2, "s1"
	call.Ended, call.Duration, call.Outcome, call.Reason, call.LLM = end.At, end.Duration, end.Outcome, end.Reason, end.LLM
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = openDB(t, location)
	if got, err := d.Call(ctx, "c1"); err != nil || !reflect.DeepEqual(got, call) {
		t.Errorf("got %+v, error %v, wanted %+v", got, err, call)
	}
	if err := d.FinishCall(ctx, "c1", end); !errors.Is(err, ErrConflict) {
		t.Errorf("a second end: %v", err)
	}
	if err := d.SetSubject(ctx, "c1", ""); err != nil {
		t.Error(err)
	}
	if got, err := d.Call(ctx, "c1"); err != nil || got.Subject != "" {
		t.Errorf("erased subject is %q, error %v", got.Subject, err)
	}
}

// A recording that has failed or was destroyed still has objects to look for.
func TestTakesNeverGoDown(t *testing.T) { onEachEngine(t, testTakesNeverGoDown) }

func testTakesNeverGoDown(t *testing.T, location string) {
	d := openDB(t, location)
	if err := d.InsertCall(t.Context(), Call{ID: "c1", Started: began}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		state       string
		takes, want int
	}{{"recording", 1, 1}, {"recording", 2, 2}, {"stored", 1, 2}, {"destroyed", 0, 2}, {"stored", 3, 3}} {
		if err := d.SetRecording(t.Context(), "c1", test.state, test.takes); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Call(t.Context(), "c1"); err != nil || got.Recording != test.state || got.Takes != test.want {
			t.Errorf("after %s, %d: %s, %d, error %v", test.state, test.takes, got.Recording, got.Takes, err)
		}
	}
}

// A recording that is under way when its call ends, or its gateway dies, is on its way
// then; what has become of it is noted unless there is more of it, or it is to go.
func TestRecordingsSettle(t *testing.T) { onEachEngine(t, testRecordingsSettle) }

func testRecordingsSettle(t *testing.T, location string) {
	d, ctx := openDB(t, location), t.Context()
	for id, state := range map[string]string{"live": "recording", "dies": "recording", "early": "stored", "never": "none", "gone": "destroyed"} {
		if err := errors.Join(d.InsertCall(ctx, Call{ID: id, Started: began, Node: "n"}), d.SetRecording(ctx, id, state, 1)); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"live", "early", "never", "gone"} {
		if err := d.FinishCall(ctx, id, End{At: began}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := d.EndLive(ctx, "n", End{At: began}); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	for _, step := range []struct {
		id, state string
		takes     int
		want      string
		err       error
	}{
		{"live", "", 0, "uploading", nil}, {"dies", "", 0, "uploading", nil}, {"early", "", 0, "stored", nil}, {"never", "", 0, "none", nil},
		{"gone", "", 0, "destroyed", nil},
		{"live", "stored", 1, "stored", nil}, {"dies", "incomplete", 2, "incomplete", nil}, {"dies", "stored", 1, "incomplete", ErrConflict},
		{"gone", "stored", 1, "destroyed", ErrConflict}, {"nobody", "stored", 1, "", ErrNotFound},
	} {
		if step.state != "" {
			if err := d.SettleRecording(ctx, step.id, step.state, step.takes); !errors.Is(err, step.err) || step.err == nil && err != nil {
				t.Errorf("%+v: %v", step, err)
			}
		}
		if c, err := d.Call(ctx, step.id); step.want != "" && (err != nil || c.Recording != step.want) {
			t.Errorf("%+v: %s, %v", step, c.Recording, err)
		}
	}
	if err := errors.Join(d.RequestDeletion(ctx, "live", "t2"), d.RequestDeletion(ctx, "live", "t1"), d.FinishDeletion(ctx, "live", "t1")); err != nil {
		t.Fatal(err)
	}
	if takes, err := d.Deleted(ctx, "live"); err != nil || !slices.Equal(takes, []string{"t1", "t2"}) {
		t.Errorf("%q, %v", takes, err)
	}
}

// A node that starts ends what it left behind, and no other node's calls.
func TestEndLive(t *testing.T) { onEachEngine(t, testEndLive) }

func testEndLive(t *testing.T, location string) {
	d := openDB(t, location)
	for id, node := range map[string]string{"c1": "n1", "c2": "n2", "c3": "", "c4": "n1"} {
		if err := d.InsertCall(t.Context(), Call{ID: id, Started: began, Node: node}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.FinishCall(t.Context(), "c4", End{At: began, Outcome: "completed"}); err != nil {
		t.Fatal(err)
	}
	if n, err := d.EndLive(t.Context(), "n1", End{At: began, Outcome: "internal", Reason: "crashed"}); err != nil || n != 2 {
		t.Errorf("%d calls ended, error %v, wanted 2", n, err)
	}
	for id, want := range map[string]string{"c1": "internal", "c2": "", "c3": "internal", "c4": "completed"} {
		if c, err := d.Call(t.Context(), id); err != nil || c.Outcome != want {
			t.Errorf("%s ended as %q, error %v, wanted %q", id, c.Outcome, err, want)
		}
	}
}

func TestUnknownCall(t *testing.T) { onEachEngine(t, testUnknownCall) }

func testUnknownCall(t *testing.T, location string) {
	d := openDB(t, location)
	_, err := d.Call(t.Context(), "c9")
	for op, err := range map[string]error{
		"call": err, "finish": d.FinishCall(t.Context(), "c9", End{}), "consent": d.SetConsent(t.Context(), "c9", "granted"),
		"recording": d.SetRecording(t.Context(), "c9", "stored", 1), "subject": d.SetSubject(t.Context(), "c9", "s"),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", op, err)
		}
	}
}

func TestOneCallACarrierID(t *testing.T) { onEachEngine(t, testOneCallACarrierID) }

func testOneCallACarrierID(t *testing.T, location string) {
	d := openDB(t, location)
	for _, test := range []struct {
		id, carrier string
		want        error
	}{
		{"c1", "CA1", nil}, {"c2", "CA1", ErrConflict}, {"c1", "CA2", ErrConflict}, {"c3", "", nil}, {"c4", "", nil},
	} {
		err := d.InsertCall(t.Context(), Call{ID: test.id, CarrierID: test.carrier, Started: began})
		if !errors.Is(err, test.want) || test.want == nil && err != nil {
			t.Errorf("%s, %s: %v", test.id, test.carrier, err)
		}
	}
}

func TestCallsAreFiltered(t *testing.T) { onEachEngine(t, testCallsAreFiltered) }

func testCallsAreFiltered(t *testing.T, location string) {
	d := openDB(t, location)
	ctx := t.Context()
	for i := range 120 {
		c := Call{ID: fmt.Sprintf("c%03d", i), Agent: "interview", Kind: "phone", Direction: "inbound", Started: began.Add(time.Duration(i/2) * time.Second)}
		if i%2 == 1 {
			c.Agent, c.Kind, c.Subject, c.Recording, c.Consent = "support", "web", "s1", "stored", "granted"
		}
		if err := d.InsertCall(ctx, c); err != nil {
			t.Fatal(err)
		}
		if i >= 3 {
			if err := d.FinishCall(ctx, c.ID, End{At: c.Started, Duration: time.Duration(i) * time.Second, Outcome: "completed"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	ids := func(f Filter) string {
		calls, err := d.Calls(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, c := range calls {
			list = append(list, c.ID)
		}
		if len(list) > 4 {
			return fmt.Sprintf("%d from %s", len(list), list[0])
		}
		return strings.Join(list, " ")
	}
	for _, test := range []struct {
		filter Filter
		want   string
	}{
		{Filter{}, "50 from c119"},
		{Filter{Limit: 2}, "c119 c118"},
		{Filter{Limit: -1}, "50 from c119"},
		{Filter{Limit: 1 << 30}, "120 from c119"},
		{Filter{Live: true}, "c002 c001 c000"},
		{Filter{Live: true, Agent: "support"}, "c001"},
		{Filter{Kind: "web", Limit: 1000}, "60 from c119"},
		{Filter{Subject: "s1", Limit: 1}, "c119"},
		{Filter{Recording: "stored", Outcome: "completed", Limit: 1000}, "59 from c119"},
		{Filter{Since: began.Add(59 * time.Second)}, "c119 c118"},
		{Filter{Until: began.Add(time.Second)}, "c001 c000"},
		{Filter{Since: began.Add(time.Second), Until: began.Add(2 * time.Second)}, "c003 c002"},
		{Filter{Consent: "granted", Limit: 1}, "c119"},
		{Filter{Consent: "refused"}, ""},
		{Filter{Shortest: 118 * time.Second}, "c119 c118"},
		{Filter{Longest: 4 * time.Second}, "c004 c003"}, // the others live
		{Filter{Shortest: 5 * time.Second, Longest: 6 * time.Second, Consent: "granted"}, "c005"},
		{Filter{Before: "c003"}, "c002 c001 c000"}, // c002 began with c003
		{Filter{Before: "c000"}, ""},
		{Filter{Before: "unknown"}, ""},
		{Filter{Agent: "' or 1=1 --"}, ""},
	} {
		if got := ids(test.filter); got != test.want {
			t.Errorf("%+v: %q, wanted %q", test.filter, got, test.want)
		}
	}
	// Pages together are the whole list.
	var all []string
	for before := ""; ; {
		calls, err := d.Calls(ctx, Filter{Before: before, Limit: 7})
		if err != nil {
			t.Fatal(err)
		}
		if len(calls) == 0 {
			break
		}
		for _, c := range calls {
			all = append(all, c.ID)
		}
		before = all[len(all)-1]
	}
	slices.Reverse(all)
	if len(all) != 120 || !slices.IsSorted(all) {
		t.Errorf("paging gives %d calls", len(all))
	}
}

// Other processes start while one migrates, write while another writes, and
// no other user reads.
func TestManyProcessesShareTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "calls.db")
	var openers sync.WaitGroup
	for i := range 6 {
		openers.Go(func() {
			d, err := OpenDB(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			defer d.Close()
			for j := range 10 {
				if err := d.InsertCall(t.Context(), Call{ID: fmt.Sprintf("c%d-%d", i, j), Started: began}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	openers.Wait()
	calls, err := openDB(t, path).Calls(t.Context(), Filter{Limit: 1000})
	if err != nil || len(calls) != 60 {
		t.Errorf("%d calls, error %v", len(calls), err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 3 { // itself, its log, its lock
		t.Errorf("files %q, error %v", files, err)
	}
	for _, name := range files {
		if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, error %v", name, info.Mode(), err)
		}
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, error %v", info.Mode(), err)
	}
}

// What a commit reports is on disk; see openSQLite.
func TestCommitsAreDurable(t *testing.T) {
	d := openDB(t, filepath.Join(t.TempDir(), "calls.db"))
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "secure_delete": "1", "busy_timeout": "5000"} {
		var got string
		if err := d.sql.QueryRowContext(t.Context(), "pragma "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, error %v, wanted %s", pragma, got, err, want)
		}
	}
}

func TestNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDB(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	if _, err := OpenDB(t.Context(), filepath.Join(path, "below-a-file.db")); err == nil {
		t.Error("no error")
	}
}

func TestNonceIsUsedOnce(t *testing.T) { onEachEngine(t, testNonceIsUsedOnce) }

func testNonceIsUsedOnce(t *testing.T, location string) {
	nodes := []*DB{openDB(t, location), openDB(t, location)}
	expires := time.Now().Add(time.Minute)
	var first atomic.Int32
	var users sync.WaitGroup
	for i := range 50 {
		users.Go(func() {
			ok, err := nodes[i%2].Use(t.Context(), "nonce", expires)
			if err != nil {
				t.Error(err)
			}
			if ok {
				first.Add(1)
			}
		})
	}
	users.Wait()
	if first.Load() != 1 {
		t.Errorf("%d first uses", first.Load())
	}
	if ok, err := nodes[0].Use(t.Context(), "another", expires); !ok || err != nil {
		t.Errorf("another: %v, error %v", ok, err)
	}
	if ok, err := nodes[0].Use(t.Context(), "expired", time.Now()); ok || err != nil {
		t.Errorf("expired: %v, error %v", ok, err)
	}
	if _, err := nodes[0].Use(t.Context(), "", expires); err == nil {
		t.Error("an empty nonce was taken")
	}
}

func TestExpiredNoncesAreSwept(t *testing.T) { onEachEngine(t, testExpiredNoncesAreSwept) }

func testExpiredNoncesAreSwept(t *testing.T, location string) {
	d := openDB(t, location)
	for i := range 40 {
		if _, err := d.nonces.ExecContext(t.Context(), `insert into used_nonces values ($1, $2)`, fmt.Sprint(i), began.Unix()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		if ok, err := d.Use(t.Context(), fmt.Sprint("new", i), time.Now().Add(time.Hour)); !ok || err != nil {
			t.Fatalf("%v, error %v", ok, err)
		}
	}
	var left int
	if err := d.nonces.QueryRowContext(t.Context(), `select count(*) from used_nonces`).Scan(&left); err != nil || left != 4 {
		t.Errorf("%d left, error %v", left, err)
	}
}
