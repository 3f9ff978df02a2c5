package app

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sidetone/configs"
	"sidetone/internal/webhooks"
	"sidetone/store"
)

// TestNobodyIsToldOfErasedCalls: what waits to be told of a call is gone with it, and
// what was being sent is not tried again.
func TestNobodyIsToldOfErasedCalls(t *testing.T) {
	objects := &names{}
	e := newTestEraser(t, t.TempDir(), objects)
	arrived, answer := make(chan struct{}), make(chan struct{})
	crm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-answer
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer crm.Close()
	hook := configs.Webhook{Name: "crm", URL: configs.Secret(crm.URL), Secrets: []configs.Secret{"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}}
	h := &hooks{db: e.db, wake: make(chan struct{}, 1), log: e.log, metrics: newHookMetrics(prometheus.NewRegistry()),
		config: configs.Webhooks{AllowPrivate: true, Endpoints: []configs.Webhook{hook}}}
	var err error
	if h.sender, err = webhooks.New(h.options(Options{})); err != nil {
		t.Fatal(err)
	}
	queues := h.queues(func(int) time.Duration { return 10 * time.Millisecond })
	at := filepath.Join(t.TempDir(), "jobs.db")
	if h.jobs, err = store.OpenJobs(t.Context(), at, store.JobsOptions{Queues: queues}); err != nil {
		t.Fatal(err)
	}
	defer h.jobs.Stop(context.Background())
	for _, id := range []string{"gone", "stays", "sent"} {
		e.testCall(t, id, "", time.Now())
		objects.recorded(id)
		events := []store.Event{{Name: webhooks.CallFinished, Call: id}, {Name: webhooks.RecordingStored, Call: id, Take: "t1"}, {Name: webhooks.RecordingFailed, Call: id, Take: "t1"}}
		if id == "sent" {
			events = events[:1]
		}
		for _, event := range events {
			if err := h.enqueue(t.Context(), event); err != nil {
				t.Fatal(err)
			}
		}
	}
	e.jobs = h.jobs
	if done, err := e.erase(t.Context(), ErasureRequest{Call: "gone"}); err != nil || done.Calls[0].State != IsErased {
		t.Fatalf("%+v, %v", done, err)
	}
	told := func() (calls []string) {
		t.Helper()
		list, err := h.list(t.Context(), Deliveries{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			calls = append(calls, d.Call)
		}
		slices.Sort(calls)
		return calls
	}
	if got := told(); !slices.Equal(got, []string{"sent", "stays", "stays", "stays"}) {
		t.Errorf("jobs are left of %q", got)
	}
	if _, err := h.jobs.Remove(t.Context(), webhooks.ID(webhooks.CallFinished, "stays", ""), webhooks.ID(webhooks.RecordingStored, "stays", "t1"),
		webhooks.ID(webhooks.RecordingFailed, "stays", "t1")); err != nil {
		t.Fatal(err)
	}
	if err := h.jobs.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-arrived // it is being sent
	if done, err := e.erase(t.Context(), ErasureRequest{Call: "sent"}); err != nil || done.Calls[0].State != IsErased {
		t.Fatalf("%+v, %v", done, err)
	}
	close(answer)
	for began := time.Now(); len(told()) > 0; <-time.After(10 * time.Millisecond) {
		list, err := h.list(t.Context(), Deliveries{State: store.JobDone, Limit: 1})
		if err != nil || time.Since(began) > 20*time.Second {
			t.Fatal(list, err)
		}
		if len(list) == 1 {
			break
		}
	}
	select {
	case <-arrived:
		t.Error("an erased call was told of again")
	default:
	}
	if n := testutil.ToFloat64(h.metrics.attempts.WithLabelValues("crm", dropped)); n != 1 {
		t.Errorf("%v attempts were dropped", n)
	}
	if err := h.send(t.Context(), "crm", store.Job{Body: []byte("[")}); !errors.Is(err, store.ErrHopeless) {
		t.Errorf("a job that can not be read: %v", err)
	}
}

// TestSilencedWithoutAGateway: a command that erases without a gateway drops what waits
// to be told as well.
func TestSilencedWithoutAGateway(t *testing.T) {
	c := configs.Default()
	c.DataDir = t.TempDir()
	c.Keys.Dir, c.Recorder.SpoolDir = filepath.Join(c.DataDir, "keys"), filepath.Join(c.DataDir, "spool")
	c.Webhooks.Endpoints = []configs.Webhook{{Name: "crm"}}
	db, err := store.OpenDB(t.Context(), databaseAt(c))
	if err != nil {
		t.Fatal(err)
	}
	x := &Erasing{config: c, records: &Records{config: c, db: db, ledger: ledgerIn(t, store.LedgerOptions{})}}
	if err := x.open(t.Context(), newLog(t.Output())); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"gone", "stays"} {
		if _, err := x.here.jobs.Add(t.Context(), hookQueue+"crm", webhooks.ID(webhooks.CallFinished, id, ""), []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.here.silence(t.Context(), []ErasureOf{{Call: "gone", State: IsErased}, {Call: "stays", State: ErasureHeld}}); err != nil {
		t.Fatal(err)
	}
	if jobs, err := x.here.jobs.List(t.Context(), hookQueue+"crm", "", 10); err != nil || len(jobs) != 1 || jobs[0].Key != webhooks.ID(webhooks.CallFinished, "stays", "") {
		t.Errorf("%+v, %v", jobs, err)
	}
	if err := errors.Join(x.here.jobs.Stop(t.Context()), x.here.spool.Close(), db.Close()); err != nil {
		t.Error(err)
	}
}
