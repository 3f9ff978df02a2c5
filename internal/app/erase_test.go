package app_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/consent/gatetest"
	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// erasedNumber is the caller of calls that are to be erased.
const erasedNumber = "+14155550199"

// belongs notes whose calls some are.
func (g *gateway) belongs(t *testing.T, number string, calls ...string) {
	t.Helper()
	db, err := store.OpenDB(t.Context(), filepath.Join(g.config.DataDir, "db", "sidetone.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	subject, err := db.Subject(t.Context(), g.lookup(t, number))
	for _, id := range calls {
		err = errors.Join(err, db.SetSubject(t.Context(), id, subject))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// lookup is what a number is looked up by.
func (g *gateway) lookup(t *testing.T, number string) []byte {
	t.Helper()
	key, err := app.Secret(g.config.DataDir, "lookup_key")
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(number))
	return h.Sum(nil)
}

// erasing opens what the command line erases by: the gateway that runs, or the stores.
func (g *gateway) erasing(t *testing.T) *app.Erasing {
	t.Helper()
	config := *g.config
	config.Server.AdminListen = g.OperatorAddr().String()
	x, err := app.OpenErasingIn(t.Context(), &config, g.s3, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

// leaves is holds once others in the gateway may have destroyed it, too: 10 s at most.
func (g *gateway) leaves(t *testing.T, call string) (found []string) {
	t.Helper()
	for began := time.Now(); time.Since(began) < 10*time.Second; <-time.After(50 * time.Millisecond) {
		if found = g.holds(t, call); len(found) == 0 {
			return nil
		}
	}
	return found
}

// holds lists the objects of a call, in the bucket and on the spool.
func (g *gateway) holds(t *testing.T, call string) (found []string) {
	t.Helper()
	objects, err := store.OpenS3(t.Context(), g.s3)
	if err != nil {
		t.Fatal(err)
	}
	all, err := objects.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(g.config.Recorder.SpoolDir, func(path string, _ os.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(name string) bool { return !strings.Contains(name, call) })
}

// states are what has become of the calls of a request, by call.
func states(r app.ErasureResult) string {
	var all []string
	for _, c := range r.Calls {
		all = append(all, c.Call+" "+string(c.State))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// verifies reports whether openssl takes a receipt for what a node has signed, by the
// commands of docs/erasure.md.
func verifies(t *testing.T, node string, receipt []byte) bool {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "receipt.json"), receipt, 0o600); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/erasure.md")
	if err != nil {
		t.Fatal(err)
	}
	_, script, ok := strings.Cut(string(page), "```sh\n# verify the receipt\n")
	script, _, ended := strings.Cut(script, "```")
	if !ok || !ended {
		t.Fatal("docs/erasure.md does not say how a receipt is verified")
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", script)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "NODE="+node)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	return err == nil && strings.Contains(string(out), "Signature Verified Successfully")
}

// TestEraseCaller erases all calls of a number through a gateway that runs.
func TestEraseCaller(t *testing.T) {
	g := start(t, configure(t))
	for _, id := range []string{"one", "two", "other"} {
		g.shelve(t, id, 12*time.Second)
	}
	g.belongs(t, erasedNumber, "one", "two")
	g.belongs(t, "+14155550188", "other")
	x, ctx := g.erasing(t), t.Context()
	before := len(g.holds(t, "one"))
	dry, err := x.Erase(ctx, app.ErasureRequest{Caller: erasedNumber, DryRun: true})
	if err != nil || states(dry) != "one would_erase, two would_erase" || dry.Receipt != "" {
		t.Fatalf("%+v, %v", dry, err)
	}
	if now := len(g.holds(t, "one")); now != before || dry.Calls[0].Objects != before || dry.Calls[0].Bytes < 90_000 || dry.Calls[0].Takes != 1 {
		t.Errorf("a dry run finds %+v, and %d objects become %d", dry.Calls[0], before, now)
	}
	done, err := x.Erase(ctx, app.ErasureRequest{Caller: erasedNumber})
	if err != nil || states(done) != "one erased, two erased" || done.Receipt == "" {
		t.Fatalf("%+v, %v", done, err)
	}
	for _, id := range []string{"one", "two"} {
		if left := g.holds(t, id); len(left) > 0 {
			t.Errorf("of %s there is %v", id, left)
		}
		for _, part := range []string{"recording", "transcript"} {
			if status, body := g.get(t, "/api/v1/calls/"+id+"/"+part); status != http.StatusGone {
				t.Errorf("%s of %s answers %d: %s", part, id, status, body)
			}
		}
		_, body := g.get(t, "/api/v1/calls/"+id)
		if !strings.Contains(body, `"recording": "erased"`) || strings.Contains(body, "CA"+id) || strings.Contains(body, "sentences") {
			t.Errorf("the row of %s: %s", id, body)
		}
	}
	if status, _ := g.get(t, "/api/v1/calls/other/recording"); status != http.StatusOK {
		t.Errorf("the recording of somebody else answers %d", status)
	}
	if again, err := x.Erase(ctx, app.ErasureRequest{Caller: erasedNumber}); err != nil || len(again.Calls) != 0 {
		t.Errorf("erased again: %+v, %v", again, err)
	}
	for _, bad := range []app.ErasureRequest{{}, {Caller: "anonymous"}, {Call: "one", Caller: erasedNumber}, {Call: "nobody"}} {
		if r, err := x.Erase(ctx, bad); err == nil {
			t.Errorf("%+v is done: %+v", bad, r)
		}
	}
	g.checkReceipt(t, x, done)
	db, err := store.OpenDB(ctx, filepath.Join(g.config.DataDir, "db", "sidetone.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.KnownSubject(ctx, g.lookup(t, erasedNumber)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the mapping of the number is there: %v", err)
	}
	if strings.Contains(g.logs.String(), erasedNumber[1:]) {
		t.Error("the number is in the log")
	}
	tombs, err := filepath.Glob(filepath.Join(g.config.DataDir, "erasures", "*", "*.json"))
	if err != nil || len(tombs) != 3 || !strings.Contains(strings.Join(tombs, " "), hex.EncodeToString(g.lookup(t, erasedNumber))) {
		t.Errorf("tombstones %v, %v", tombs, err)
	}
	if _, err := g.records(t).Recording(ctx, "one", "t1", "", &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "erased") {
		t.Errorf("by the command line: %v", err)
	}
	evidence, err := app.OpenEvidence(ctx, g.config, false)
	if err != nil {
		t.Fatal(err)
	}
	defer evidence.Close()
	if _, err := evidence.Verify(ctx, app.TrustOptions{}); err != nil {
		t.Errorf("the ledger: %v", err)
	}
}

// checkReceipt holds the receipt of an erasure against what was erased, openssl and
// the ledger.
func (g *gateway) checkReceipt(t *testing.T, x *app.Erasing, done app.ErasureResult) {
	t.Helper()
	receipt, err := x.Receipt(t.Context(), done.Receipt)
	if err != nil {
		t.Fatal(err)
	}
	var r app.Receipt
	if err := json.Unmarshal(receipt, &r); err != nil {
		t.Fatal(err)
	}
	objects := 0
	for _, c := range done.Calls {
		objects += c.Objects
	}
	if len(r.Calls) != len(done.Calls) || r.Objects != objects || r.Bytes < 180_000 || r.Takes != 2 || time.Since(r.Unreadable) > time.Minute ||
		r.Irrecoverable != nil || !strings.Contains(r.Because, "epoch-1") || strings.Join(r.Epochs, " ") != "epoch-1" {
		t.Errorf("%+v", r)
	}
	node := filepath.Join(g.config.DataDir, "node", "node.pub.pem")
	if !verifies(t, node, receipt) {
		t.Error("openssl does not verify the receipt")
	}
	for _, change := range [][2]string{{`"call": "one"`, `"call": "onf"`}, {`"takes": 2`, `"takes": 3`}} {
		changed := bytes.Replace(receipt, []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(changed, receipt) || verifies(t, node, changed) {
			t.Errorf("openssl verifies a receipt with %s", change[1])
		}
	}
	detail := g.detail(t, "one")
	sum := sha256.Sum256(receipt)
	if last := detail.Recorded[len(detail.Recorded)-1]; last.Event != "erased" || !strings.Contains(string(last.Body), hex.EncodeToString(sum[:])) {
		t.Errorf("the last row is %s %s", last.Event, last.Body)
	}
	if by, err := x.Receipt(t.Context(), "two"); err != nil || !bytes.Equal(by, receipt) {
		t.Errorf("by the id of a call: %s, %v", by, err)
	}
}

// detail is a call with its rows, beside the gateway.
func (g *gateway) detail(t *testing.T, call string) app.CallDetail {
	t.Helper()
	r, err := app.OpenRecordsIn(t.Context(), g.config, g.s3)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	d, err := r.Call(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestHeldCallSurvives: a legal hold keeps a call from its erasure until it ends.
func TestHeldCallSurvives(t *testing.T) {
	g := start(t, configure(t))
	g.shelve(t, "kept", 12*time.Second)
	x, ctx := g.erasing(t), t.Context()
	if h, err := x.Hold(ctx, "CAkept", "case-7"); err != nil || h.Call != "kept" {
		t.Fatalf("%+v, %v", h, err)
	}
	if _, err := x.Hold(ctx, "kept", "a name and more"); err == nil {
		t.Error("the reason may be prose")
	}
	if d, err := x.Erase(ctx, app.ErasureRequest{Call: "kept", DryRun: true}); err != nil || states(d) != "kept held" {
		t.Errorf("%+v, %v", d, err)
	}
	if d, err := x.Erase(ctx, app.ErasureRequest{Call: "kept"}); err != nil || states(d) != "kept held" || d.Receipt != "" {
		t.Errorf("%+v, %v", d, err)
	}
	if status, body := g.get(t, "/api/v1/calls/kept/recording"); status != http.StatusOK {
		t.Errorf("the recording of a held call answers %d: %s", status, body)
	}
	if _, body := g.get(t, "/api/v1/calls"); !strings.Contains(body, `"on_hold": true`) || !strings.Contains(body, `"erasure_pending": true`) {
		t.Errorf("the list does not show the hold: %s", body)
	}
	h, err := x.Release(ctx, "kept")
	if err != nil || h.Erased == nil || states(*h.Erased) != "kept erased" || len(g.holds(t, "kept")) > 0 {
		t.Errorf("released: %+v, %v; there is %v", h, err, g.holds(t, "kept"))
	}
	if _, err := x.Hold(ctx, "kept", ""); err == nil {
		t.Error("an erased call is put on hold")
	}
	var events []string
	for _, row := range g.detail(t, "kept").Recorded {
		events = append(events, row.Event)
	}
	if got := strings.Join(events, " "); got != "held accessed released erased" {
		t.Errorf("rows %s", got)
	}
}

// TestEraseLiveCall erases a call that is being recorded: nothing of it is kept, then
// or later, and the caller goes on.
func TestEraseLiveCall(t *testing.T) {
	t.Parallel()
	g := start(t, configure(t))
	c, err := g.carrier(t, sim.CarrierOptions{}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := (sim.Script{HangupAfter: 11 * time.Second}).Run(t.Context(), c)
		ended <- err
	}()
	id := ""
	for began := time.Now(); id == "" && time.Since(began) < 10*time.Second; <-time.After(50 * time.Millisecond) {
		var list struct{ Calls []store.Call }
		_, body := g.get(t, "/api/v1/calls?recording=recording")
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			t.Fatal(err)
		}
		if len(list.Calls) == 1 {
			id = list.Calls[0].ID
		}
	}
	if id == "" {
		t.Fatal("nothing is recorded")
	}
	done, err := g.erasing(t).Erase(t.Context(), app.ErasureRequest{Call: id})
	if err != nil || states(done) != id+" erased" {
		t.Errorf("%+v, %v", done, err)
	}
	select {
	case err := <-ended:
		t.Errorf("the call ended with its erasure: %v", err)
	default:
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := g.stop(); err != nil {
		t.Error(err)
	}
	if left := g.holds(t, id); len(left) > 0 {
		t.Errorf("there is %v", left)
	}
	d := g.detail(t, id)
	if d.Recording != "erased" || d.Consent != "erased" || d.Subject != "" || d.CarrierID != "" || d.Outcome != "" || d.Ended.IsZero() {
		t.Errorf("%+v", d.Call)
	}
}

// TestRestoredIsErasedAgain brings back last week's copies of database and bucket:
// what was erased since is not served, is erased again, and, once its epoch is
// destroyed, opens by no key that is left.
func TestRestoredIsErasedAgain(t *testing.T) {
	t.Parallel()
	g := start(t, configure(t))
	g.shelve(t, "gone", 12*time.Second)
	g.shelve(t, "stays", 12*time.Second)
	g.belongs(t, erasedNumber, "gone")
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	backup, bucketAt := t.TempDir(), filepath.Join(builtinDir, "buckets", g.s3.Bucket)
	db := filepath.Join(g.config.DataDir, "db")
	if err := errors.Join(os.CopyFS(filepath.Join(backup, "db"), os.DirFS(db)), os.CopyFS(filepath.Join(backup, "bucket"), os.DirFS(bucketAt))); err != nil {
		t.Fatal(err)
	}
	x := g.erasing(t) // no gateway runs
	done, err := x.Erase(t.Context(), app.ErasureRequest{Caller: erasedNumber})
	if err := errors.Join(err, x.Close()); err != nil || states(done) != "gone erased" || len(g.holds(t, "gone")) > 0 {
		t.Fatalf("%+v, %v; there is %v", done, err, g.holds(t, "gone"))
	}
	restore := func() {
		t.Helper()
		if err := errors.Join(os.RemoveAll(db), os.RemoveAll(filepath.Join(bucketAt, "rec")), os.RemoveAll(filepath.Join(bucketAt, "keys")),
			os.CopyFS(db, os.DirFS(filepath.Join(backup, "db"))), os.CopyFS(filepath.Join(bucketAt, "rec"), os.DirFS(filepath.Join(backup, "bucket", "rec"))),
			os.CopyFS(filepath.Join(bucketAt, "keys"), os.DirFS(filepath.Join(backup, "bucket", "keys")))); err != nil {
			t.Fatal(err)
		}
	}
	restore()
	r, err := app.OpenRecordsIn(t.Context(), g.config, g.s3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Recording(t.Context(), "gone", "t1", "", &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "brought back") {
		t.Errorf("by the command line, before any gateway has started: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	g = startOn(t, g.config, nil, g.s3)
	if status, body := g.get(t, "/api/v1/calls/gone/recording"); status != http.StatusGone {
		t.Errorf("at once after the start its recording answers %d: %.80s", status, body)
	}
	if left := g.leaves(t, "gone"); len(left) > 0 {
		t.Errorf("brought back, and there: %v", left)
	}
	if status, _ := g.get(t, "/api/v1/calls/stays/recording"); status != http.StatusOK {
		t.Errorf("what was not erased answers %d", status)
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	v := &vault{t: t, config: g.config, s3: g.s3}
	if v.objects, err = store.OpenS3(t.Context(), g.s3); err != nil {
		t.Fatal(err)
	}
	v.rotate(app.Rotation{})
	v.later()
	if _, err := v.admin().DestroyEpoch(t.Context(), "epoch-1", "", nil); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(bucketAt, "keys"), os.DirFS(filepath.Join(backup, "bucket", "keys"))); err != nil {
		t.Fatal(err)
	}
	opened := v.ageOpens()
	if strings.Contains(strings.Join(opened, " "), "gone") || len(opened) != 3 {
		t.Errorf("age opens %v", opened)
	}
}

// crash leaves a take on the spool, as a process that dies in mid-call.
func (a *archive) crash(call string) {
	a.t.Helper()
	keys, err := seal.NewTakeKeys(a.t.Context(), a.keys)
	if err != nil {
		a.t.Fatal(err)
	}
	if err := a.db.InsertCall(a.t.Context(), store.Call{ID: call, Agent: "a", Kind: "phone", Direction: "inbound", Started: time.Now()}); err != nil {
		a.t.Fatal(err)
	}
	r, err := a.spool.Begin(recorder.TakeOptions{Call: call, Take: "t1", Rate: 8000, Coding: media.MuLaw, Started: time.Now(), Played: "mark", Keys: keys})
	if err != nil {
		a.t.Fatal(err)
	}
	ctx, die := context.WithCancel(a.t.Context())
	done := make(chan struct{})
	go func() { r.Run(ctx); close(done) }()
	gate, pcm := gatetest.Open(), media.Tone(8000, 440, 2*time.Second, -10)
	for at := media.Tick(0); len(pcm) > 0; at, pcm = at+media.FrameTicks, pcm[160:] {
		if f, ok := gate.Record(media.Frame{At: at, PCM: pcm[:160]}); ok {
			r.Write(recorder.Caller, f)
		}
	}
	<-time.After(300 * time.Millisecond) // it is on the disk then
	die()
	<-done
	a.close()
	if files, err := filepath.Glob(filepath.Join(a.config.Recorder.SpoolDir, "takes", call+".t1", "*.spool")); err != nil || len(files) == 0 {
		a.t.Fatal("nothing is on the spool", err)
	}
}

// TestEraseUnrecoveredSpool erases, without a gateway, a call of which the upload
// has not begun and the process has died: no later process brings it back.
func TestEraseUnrecoveredSpool(t *testing.T) {
	a := newArchive(t)
	a.record("stored", media.Tone(8000, 440, time.Second, -10))
	a.drain()
	a.crash("crashed")
	x, err := app.OpenErasingIn(t.Context(), a.config, a.s3, quiet)
	if err != nil {
		t.Fatal(err)
	}
	done, err := x.Erase(t.Context(), app.ErasureRequest{Call: "crashed"})
	if err := errors.Join(err, x.Close()); err != nil || states(done) != "crashed erased" {
		t.Fatalf("%+v, %v", done, err)
	}
	spool, err := recorder.OpenSpool(recorder.SpoolOptions{Dir: a.config.Recorder.SpoolDir, Node: a.node, Put: a.objects, Erase: a.objects})
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	if found, err := spool.Recover(t.Context()); err != nil || found != (recorder.Recovery{}) {
		t.Errorf("a later process recovers %+v, %v", found, err)
	}
	keys, err := a.objects.List(t.Context(), "")
	if err != nil || strings.Contains(fmt.Sprint(keys), "crashed") || !strings.Contains(fmt.Sprint(keys), "stored") {
		t.Errorf("%v, %v", keys, err)
	}
}

// TestEraseWhilePutHangs erases a call of which the store has a key in its hands
// and does not answer: the erasure waits for it, and nothing comes back.
func TestEraseWhilePutHangs(t *testing.T) {
	t.Parallel()
	g := &gateway{config: configure(t), s3: bucket(t)}
	holding, release := make(chan struct{}), make(chan struct{})
	sent := sync.OnceFunc(func() { close(holding) })
	slow := &hangs{to: base(), at: func(r *http.Request) {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/keys/") {
			sent()
			<-release
		}
	}}
	objects := g.s3
	objects.Sync, objects.DialContext, objects.Transport = nil, nil, slow
	g = startOn(t, g.config, nil, objects)
	g.s3.Transport = base()
	c, err := g.carrier(t, sim.CarrierOptions{}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	go (sim.Script{HangupAfter: 9 * time.Second}).Run(t.Context(), c)
	select {
	case <-holding:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing is stored")
	}
	x, id := g.erasing(t), g.detail(t, c.SID()).ID
	done := make(chan app.ErasureResult, 1)
	go func() {
		r, err := x.Erase(t.Context(), app.ErasureRequest{Call: id})
		if err != nil {
			t.Error(err)
		}
		done <- r
	}()
	select {
	case r := <-done:
		t.Errorf("it did not wait: %+v", r)
	case <-time.After(time.Second):
	}
	close(release)
	if r := <-done; states(r) != id+" erased" || r.Calls[0].Takes != 1 {
		t.Errorf("%+v", r)
	}
	if err := g.stop(); err != nil {
		t.Error(err)
	}
	if left := g.holds(t, id); len(left) > 0 {
		t.Errorf("there is %v", left)
	}
}

// hangs is a way to the store on which requests may be kept.
type hangs struct {
	to http.RoundTripper
	at func(*http.Request)
}

// RoundTrip sends a request once at returns.
func (h *hangs) RoundTrip(r *http.Request) (*http.Response, error) {
	h.at(r)
	return h.to.RoundTrip(r)
}
