package app_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/configs"
	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/internal/webhooks"
	"sidetone/media"
	"sidetone/store"
)

// hookKey is the key of the receivers.
var hookKey = []byte("0123456789abcdef0123456789abcdef")

// receiver is who is told, and checks the signature of what it is told, as the
// specification says and by no library.
type receiver struct {
	*httptest.Server
	got chan hookCall

	mu     sync.Mutex
	answer func(n int, id string) int // the status, of the n-th request about an event, from 1
	seen   map[string]int
}

// hookCall is a request that a receiver got.
type hookCall struct {
	id, text string
	status   int
	webhooks.Body
}

func receive(t *testing.T, answer func(n int, id string) int) *receiver {
	t.Helper()
	r := &receiver{got: make(chan hookCall, 100), answer: answer, seen: map[string]int{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			t.Error(err)
		}
		one := hookCall{id: q.Header.Get("webhook-id"), text: string(body)}
		mac := hmac.New(sha256.New, hookKey)
		fmt.Fprintf(mac, "%s.%s.%s", one.id, q.Header.Get("webhook-timestamp"), body)
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); q.Header.Get("webhook-signature") != want {
			t.Errorf("the signature is %q, want %q", q.Header.Get("webhook-signature"), want)
		}
		if err := json.Unmarshal(body, &one.Body); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		r.mu.Lock()
		r.seen[one.id]++
		one.status = r.answer(r.seen[one.id], one.id)
		r.mu.Unlock()
		w.WriteHeader(one.status)
		r.got <- one
	}))
	t.Cleanup(r.Close)
	return r
}

// well answers that all is well.
func well(int, string) int { return http.StatusOK }

// hook is the receiver as an endpoint.
func (r *receiver) hook(name string, events ...string) configs.Webhook {
	secret := "whsec_" + base64.StdEncoding.EncodeToString(hookKey)
	return configs.Webhook{Name: name, URL: configs.Secret(r.URL + "/" + name), Secrets: []configs.Secret{configs.Secret(secret)}, Events: events}
}

// next is the next request that the receiver gets.
func (r *receiver) next(t *testing.T) hookCall {
	t.Helper()
	select {
	case one := <-r.got:
		return one
	case <-time.After(30 * time.Second):
		t.Fatal("the receiver is told nothing")
		return hookCall{}
	}
}

// startHooks runs a gateway that tells endpoints, and tries again soon.
func startHooks(t *testing.T, config *configs.Config, objects store.S3Options, hooks ...configs.Webhook) *gateway {
	t.Helper()
	config.Webhooks = configs.Webhooks{AllowPrivate: true, Endpoints: hooks}
	g := &gateway{config: config, logs: &logs{}, s3: objects}
	var err error
	if g.App, err = app.New(t.Context(), config, app.Options{Version: "test", Commit: "test", Objects: objects,
		Log: slog.New(slog.NewTextHandler(g.logs, nil)), HookWait: func(int) time.Duration { return 10 * time.Millisecond }}); err != nil {
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

// deliveries waits until as many deliveries of an endpoint are in a state, and
// returns them.
func (g *gateway) deliveries(t *testing.T, endpoint string, state store.JobState, want int) (list []app.Delivery) {
	t.Helper()
	config := *g.config
	config.Server.AdminListen = g.OperatorAddr().String()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	late := time.After(25 * time.Second)
	for {
		var err error
		if list, err = app.ListWebhooks(t.Context(), &config, app.Deliveries{Endpoint: endpoint, State: state}); err != nil {
			t.Fatal(err)
		}
		if len(list) == want {
			return list
		}
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("%d deliveries of %s are %s, want %d: %+v", len(list), endpoint, state, want, list)
		}
	}
}

// TestEndpointsAreTold places a call and holds what endpoints are told of it, the
// first time in vain.
func TestEndpointsAreTold(t *testing.T) {
	t.Parallel()
	r := receive(t, func(n int, _ string) int {
		if n == 1 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	failures := receive(t, well)
	g := startHooks(t, configure(t), bucket(t), r.hook("crm"), failures.hook("pager", webhooks.RecordingFailed))
	c, err := g.carrier(t, sim.CarrierOptions{}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	said := media.Tone(8000, 1000, time.Second, -10)
	if _, err := (sim.Script{Steps: []sim.Step{sim.AfterAgent(2500 * time.Millisecond), sim.Say(said), sim.HangUp()}}).Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	attempts := map[string][]hookCall{}
	for range 4 {
		one := r.next(t)
		attempts[one.Type] = append(attempts[one.Type], one)
	}
	for event, tries := range attempts {
		if len(tries) != 2 || tries[0].status != 500 || tries[1].status != 200 || tries[0].id != tries[1].id || tries[0].text != tries[1].text {
			t.Errorf("%s was told as %+v", event, tries)
		}
		for _, word := range []string{"+1", "1500555", c.SID(), "I am a machine", "Hello"} {
			if strings.Contains(tries[0].text, word) {
				t.Errorf("%s says %q: %s", event, word, tries[0].text)
			}
		}
	}
	g.deliveries(t, "crm", store.JobDone, 2)
	g.deliveries(t, "pager", "", 0)
	_, scrape := g.get(t, "/metrics")
	for _, line := range []string{`sidetone_webhook_attempts_total{endpoint="crm",result="failed"} 2`, `sidetone_webhook_attempts_total{endpoint="crm",result="delivered"} 2`} {
		if !containsLine(scrape, line) {
			t.Errorf("the metrics do not say %s", line)
		}
	}
	row, err := g.records(t).Call(t.Context(), c.SID())
	if err != nil {
		t.Fatal(err)
	}
	ended, stored := attempts[webhooks.CallFinished][0], attempts[webhooks.RecordingStored][0]
	want := webhooks.Data{Call: row.ID, Agent: "sentences", Kind: "phone", Direction: "inbound", Consent: row.Consent, Started: row.Started,
		Ended: row.Ended, DurationMS: row.Duration.Milliseconds(), Outcome: "caller", Reason: "hung_up", Takes: 1}
	if ended.Data != want || row.Consent == "pending" || !ended.Timestamp.Equal(row.Ended) {
		t.Errorf("told %+v at %v, want %+v", ended.Data, ended.Timestamp, want)
	}
	if stored.Data.Call != row.ID || stored.Data.Take != "t1" || stored.Data.Recording != "complete" || stored.id == ended.id {
		t.Errorf("told of the recording %+v", stored.Data)
	}
}

// TestEndpointsAreToldAfterACrash leaves a database as processes do that were
// killed: in a call, and between its end and the telling of it.
func TestEndpointsAreToldAfterACrash(t *testing.T) {
	t.Parallel()
	config, objects := configure(t), bucket(t)
	db, err := store.OpenDB(t.Context(), filepath.Join(config.DataDir, "db", "sidetone.db"))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now().Add(-time.Minute)
	for _, id := range []string{"live", "ended"} {
		if err := db.InsertCall(t.Context(), store.Call{ID: id, Agent: "sentences", Kind: "phone", Direction: "inbound", Started: began}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.FinishCall(t.Context(), "ended", store.End{At: began.Add(time.Second), Outcome: "completed", Reason: "goodbye", Event: webhooks.CallFinished}); err != nil {
		t.Fatal(err)
	}
	for _, e := range []store.Event{{Name: webhooks.RecordingStored, Call: "ended", Take: "t1", State: "complete", At: began}, {Name: webhooks.RecordingStored, Call: "erased", Take: "t1", At: began}} {
		if err := db.NoteEvent(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	r := receive(t, well)
	g := startHooks(t, config, objects, r.hook("crm"))
	var got []string
	for range 3 {
		one := r.next(t)
		got = append(got, one.Type+" "+one.Data.Call+" "+one.Data.Reason)
	}
	slices.Sort(got)
	if want := []string{"call.finished ended goodbye", "call.finished live crashed", "recording.stored ended goodbye"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	g.deliveries(t, "crm", store.JobDone, 3)
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}

	// The next process has nothing to tell.
	again := startHooks(t, config, objects, r.hook("crm"))
	again.deliveries(t, "crm", "", 3)
	if err := again.stop(); err != nil {
		t.Fatal(err)
	}
	if len(r.got) > 0 {
		t.Errorf("told again: %+v", <-r.got)
	}
	if db, err = store.OpenDB(t.Context(), filepath.Join(config.DataDir, "db", "sidetone.db")); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if events, err := db.UntoldEvents(t.Context()); err != nil || len(events) > 0 {
		t.Errorf("%+v wait, error %v", events, err)
	}
}

// noteEvent leaves an event of a call for a gateway that is not started yet.
func noteEvent(t *testing.T, config *configs.Config, ids ...string) {
	t.Helper()
	db, err := store.OpenDB(t.Context(), filepath.Join(config.DataDir, "db", "sidetone.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, id := range ids {
		if err := db.InsertCall(t.Context(), store.Call{ID: id, Agent: "sentences", Kind: "phone", Direction: "inbound", Started: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if err := db.FinishCall(t.Context(), id, store.End{At: time.Now(), Outcome: "completed", Reason: "goodbye", Event: webhooks.CallFinished}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDeadDeliveries holds that what no attempt could tell stays, is counted, and is
// told once an operator asks; and that one endpoint's troubles are not another's.
func TestDeadDeliveries(t *testing.T) {
	t.Parallel()
	config := configure(t)
	noteEvent(t, config, "c1")
	mended := make(chan struct{})
	broken := receive(t, func(int, string) int {
		select {
		case <-mended:
			return http.StatusNoContent
		default:
			return http.StatusBadGateway
		}
	})
	gone := receive(t, func(int, string) int { return http.StatusGone })
	good := receive(t, well)
	g := startHooks(t, config, bucket(t), broken.hook("broken"), gone.hook("gone"), good.hook("good"))
	good.next(t)
	given := g.deliveries(t, "gone", store.JobDead, 1)[0]
	if given.Attempt != 1 || !strings.Contains(given.Error, "gone") || given.Endpoint != "gone" {
		t.Errorf("an endpoint that is gone: %+v", given)
	}
	lost := g.deliveries(t, "broken", store.JobDead, 1)[0]
	if lost.Attempt != webhooks.Attempts || lost.Error != "webhooks: answered 502" || lost.Call != "c1" || lost.Event != webhooks.CallFinished || lost.Ended.IsZero() {
		t.Errorf("an endpoint that is broken: %+v", lost)
	}
	if n := len(broken.got); n != webhooks.Attempts {
		t.Errorf("%d attempts", n)
	}
	if log := g.logs.String(); !strings.Contains(log, "an endpoint was not told") || strings.Contains(log, broken.URL) {
		t.Errorf("the log does not say that, or says where: %s", log)
	}
	local := *config
	local.Server.AdminListen = g.OperatorAddr().String()
	if _, err := app.RetryWebhook(t.Context(), &local, 1<<40); err == nil || !strings.Contains(err.Error(), "no such delivery") {
		t.Errorf("a delivery that is not there: %v", err)
	}
	close(mended)
	if d, err := app.RetryWebhook(t.Context(), &local, lost.ID); err != nil || d.Call != "c1" {
		t.Errorf("%+v, error %v", d, err)
	}
	g.deliveries(t, "broken", store.JobDone, 1)
	for path, want := range map[string]int{"/api/v1/webhooks?limit=0": 400, "/api/v1/webhooks?state=lost": 400, "/api/v1/webhooks?state=dead&endpoint=gone": 200} {
		if status, body := g.get(t, path); status != want {
			t.Errorf("%s answers %d: %s", path, status, body)
		}
	}
	_, scrape := g.get(t, "/metrics")
	if line := `sidetone_webhook_attempts_total{endpoint="broken",result="dead"} 1`; !containsLine(scrape, line) {
		t.Errorf("the metrics do not say %s", line)
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	// A gateway that starts knows what is dead.
	g = startHooks(t, config, bucket(t), gone.hook("gone"))
	if _, scrape := g.get(t, "/metrics"); !containsLine(scrape, `sidetone_webhook_events{endpoint="gone",state="dead"} 1`) {
		g.deliveries(t, "gone", store.JobDead, 1)
		if _, scrape = g.get(t, "/metrics"); !containsLine(scrape, `sidetone_webhook_events{endpoint="gone",state="dead"} 1`) {
			t.Errorf("the metrics do not count it: %s", scrape)
		}
	}
}

// TestEndpointsOfOurOwnNetwork holds that without leave no endpoint is on this
// machine, whatever the configuration calls it.
func TestEndpointsOfOurOwnNetwork(t *testing.T) {
	config := configure(t)
	noteEvent(t, config, "c1")
	r := receive(t, well)
	hook := r.hook("crm")
	hook.URL = configs.Secret(strings.Replace(string(hook.URL), "http://127.0.0.1", "https://localhost", 1))
	config.Webhooks = configs.Webhooks{Endpoints: []configs.Webhook{hook}}
	g := start(t, config)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		waiting := g.deliveries(t, "crm", "", 1)[0]
		if waiting.Attempt > 0 && waiting.Error != "" {
			if !strings.Contains(waiting.Error, "not a public address") || time.Until(waiting.Next) > 10*time.Second {
				t.Errorf("%+v", waiting)
			}
			break
		}
		<-again.C
	}
	if len(r.got) > 0 {
		t.Error("the receiver was reached")
	}
}

// A gateway that has nobody to tell keeps no jobs, and answers that there are none.
func TestNoEndpoints(t *testing.T) {
	g := start(t, configure(t))
	if status, body := g.get(t, "/api/v1/webhooks"); status != 200 || !strings.Contains(body, `"deliveries": []`) {
		t.Errorf("answers %d: %s", status, body)
	}
	if status, _, err := g.post(t.Context(), "/api/v1/webhooks/1/retry", ""); status != 404 || err != nil {
		t.Errorf("answers %d, error %v", status, err)
	}
	if found, err := filepath.Glob(filepath.Join(g.config.DataDir, "db", "jobs*")); err != nil || len(found) > 0 {
		t.Errorf("%q are there, error %v", found, err)
	}
}
