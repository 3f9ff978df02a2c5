package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sidetone/configs"
	"sidetone/internal/webhooks"
	"sidetone/store"
)

// hooks tell endpoints what happened: an event is noted in the database of calls,
// in the transaction in which it happened; then it becomes a job an endpoint; then
// the job is done, and done again until it succeeds or is dead.
type hooks struct {
	config  configs.Webhooks
	db      *store.DB
	jobs    *store.Jobs
	sender  *webhooks.Sender
	wake    chan struct{} // of capacity 1: an event was noted
	metrics *hookMetrics
	log     *slog.Logger
}

// hookMetrics count deliveries. Endpoints are those of the configuration.
type hookMetrics struct {
	attempts *prometheus.CounterVec
	jobs     *prometheus.GaugeVec
}

func newHookMetrics(r prometheus.Registerer) *hookMetrics {
	m := &hookMetrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sidetone_webhook_attempts_total",
			Help: "Attempts to tell an endpoint of an event, by what came of them."}, []string{"endpoint", "result"}),
		jobs: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "sidetone_webhook_events",
			Help: "Events that an endpoint has not been told of: waiting, or dead."}, []string{"endpoint", "state"}),
	}
	r.MustRegister(m.attempts, m.jobs)
	return m
}

// What may come of an attempt.
const (
	delivered = "delivered"
	failed    = "failed"  // another attempt follows
	dead      = "dead"    // none follows
	dropped   = "dropped" // nothing was sent, and none follows: the call is erased
)

// Webhook jobs.
const (
	hookQueue   = "webhook-" // and the endpoint's name
	hookWorkers = 4          // posts to one endpoint at once
	tellEvery   = 10 * time.Second
	tellWithin  = 5 * time.Second // of the last events, when the gateway stops
	rescueJobs  = 3 * time.Minute // more than any job has: those that run for longer were cut off
)

// jobsAt is where jobs are kept.
func jobsAt(c *configs.Config) string { return location(c, "jobs.db") }

// openHooks opens the jobs and begins to tell what earlier processes have left.
func (a *App) openHooks(ctx context.Context, o Options) (err error) {
	h := &hooks{config: a.config.Webhooks, db: a.db, wake: make(chan struct{}, 1), log: a.log, metrics: newHookMetrics(a.registry)}
	a.hooks = h
	queues := a.sweeps.queues(a.retention)
	if len(h.config.Endpoints) > 0 {
		if h.sender, err = webhooks.New(h.options(o)); err != nil {
			return err
		}
		maps.Copy(queues, h.queues(o.HookWait))
	}
	if len(queues) == 0 {
		return nil
	}
	if h.jobs, err = store.OpenJobs(ctx, jobsAt(a.config), store.JobsOptions{Queues: queues, Rescue: rescueJobs, Log: a.log}); err != nil {
		return err
	}
	a.onStop("jobs", h.jobs.Stop)
	if err := h.jobs.Start(ctx); err != nil {
		return err
	}
	if len(h.config.Endpoints) > 0 {
		a.background("webhooks", h.run)
	}
	return nil
}

// options is how events are sent.
func (h *hooks) options(o Options) webhooks.Options {
	s := webhooks.Options{AllowPrivate: h.config.AllowPrivate, Agent: "sidetone/" + o.Version}
	for _, e := range h.config.Endpoints {
		to := webhooks.Endpoint{Name: e.Name, URL: e.URL.Reveal()}
		for _, secret := range e.Secrets {
			to.Secrets = append(to.Secrets, secret.Reveal())
		}
		s.Endpoints = append(s.Endpoints, to)
	}
	return s
}

// queues are the queues of the endpoints: one each, so that a slow one keeps no
// other waiting.
func (h *hooks) queues(wait func(int) time.Duration) map[string]store.JobQueue {
	if wait == nil {
		wait = webhooks.Wait
	}
	queues := map[string]store.JobQueue{}
	for _, e := range h.config.Endpoints {
		queues[hookQueue+e.Name] = store.JobQueue{Workers: hookWorkers, Attempts: webhooks.Attempts, Wait: wait,
			Timeout: webhooks.Timeout + 5*time.Second,
			Work:    func(ctx context.Context, j store.Job) error { return h.send(ctx, e.Name, j) }}
	}
	return queues
}

// send makes one attempt, but not for a call whose erasure has begun.
func (h *hooks) send(ctx context.Context, endpoint string, j store.Job) error {
	d, err := deliveryOf(j)
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrHopeless, err)
	}
	of, err := h.db.Erasure(ctx, d.Call)
	if err != nil {
		return err
	}
	if !of.Begun.IsZero() {
		h.metrics.attempts.WithLabelValues(endpoint, dropped).Inc()
		return nil
	}
	err = h.sender.Send(ctx, endpoint, j.Key, j.Body)
	result := delivered
	switch {
	case errors.Is(err, webhooks.ErrGone):
		result, err = dead, fmt.Errorf("%w: %w", store.ErrHopeless, err)
	case err != nil && j.Attempt >= webhooks.Attempts:
		result = dead
	case err != nil:
		result = failed
	}
	h.metrics.attempts.WithLabelValues(endpoint, result).Inc()
	if result == dead {
		h.log.Error("an endpoint was not told of an event", "endpoint", endpoint, "event", j.Key, "err", err)
	}
	return err
}

// event returns the name of an event if an endpoint wants it, or nothing.
func (h *hooks) event(name string) string {
	if len(h.wanting(name)) == 0 {
		return ""
	}
	return name
}

// wanting returns the endpoints that want an event.
func (h *hooks) wanting(event string) (names []string) {
	for _, e := range h.config.Endpoints {
		if (webhooks.Endpoint{Events: e.Events}).Wants(event) {
			names = append(names, e.Name)
		}
	}
	return names
}

// note notes an event of a take, if anybody wants it.
func (h *hooks) note(ctx context.Context, e store.Event) error {
	if h.event(e.Name) == "" {
		return nil
	}
	if err := h.db.NoteEvent(ctx, e); err != nil {
		return err
	}
	h.noted()
	return nil
}

// noted has events that wait told soon.
func (h *hooks) noted() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// run makes jobs of events that wait, at once, when told to, and every now and then:
// another gateway may have noted some, or an attempt to make a job have failed.
func (h *hooks) run(ctx context.Context) error {
	again := time.NewTicker(tellEvery)
	defer again.Stop()
	for {
		h.tell(ctx)
		h.measure(ctx)
		select {
		case <-h.wake:
		case <-again.C:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellWithin)
			defer cancel()
			h.tell(last)
			return ctx.Err()
		}
	}
}

// tell makes jobs of all events that wait.
func (h *hooks) tell(ctx context.Context) {
	for {
		events, err := h.db.UntoldEvents(ctx)
		for _, e := range events {
			if err = errors.Join(err, h.enqueue(ctx, e)); err != nil {
				break
			}
		}
		if err != nil && ctx.Err() == nil {
			h.log.Error("events wait to be told", "err", err)
		}
		if err != nil || len(events) == 0 {
			return
		}
	}
}

// enqueue makes a job of an event for each endpoint that wants it. Doing so again
// makes none.
func (h *hooks) enqueue(ctx context.Context, e store.Event) error {
	body, err := h.body(ctx, e)
	if err != nil && !errors.Is(err, store.ErrNotFound) { // a call that is gone is not told of
		return err
	}
	for _, name := range h.wanting(e.Name) {
		if body == nil {
			break
		}
		if _, err := h.jobs.Add(ctx, hookQueue+name, webhooks.ID(e.Name, e.Call, e.Take), body); err != nil {
			return err
		}
	}
	return h.db.EventTold(ctx, e)
}

// body is what endpoints are told of an event.
func (h *hooks) body(ctx context.Context, e store.Event) ([]byte, error) {
	c, err := h.db.Call(ctx, e.Call)
	if err != nil {
		return nil, err
	}
	b := webhooks.Body{Type: e.Name, Timestamp: e.At, Data: webhooks.Data{
		Call: c.ID, Agent: c.Agent, Kind: c.Kind, Direction: c.Direction, Consent: c.Consent, Started: c.Started, Ended: c.Ended,
		DurationMS: c.Duration.Milliseconds(), Outcome: c.Outcome, Reason: c.Reason, Takes: c.Takes, Take: e.Take, Recording: e.State}}
	return b.Encode()
}

// measure brings the gauges up to date.
func (h *hooks) measure(ctx context.Context) {
	counts, err := h.jobs.Count(ctx)
	if err != nil {
		if ctx.Err() == nil {
			h.log.Error("webhooks are not counted", "err", err)
		}
		return
	}
	for _, e := range h.config.Endpoints {
		queue := hookQueue + e.Name
		waiting := counts[store.JobCount{Queue: queue, State: store.JobWaiting}] + counts[store.JobCount{Queue: queue, State: store.JobRunning}]
		h.metrics.jobs.WithLabelValues(e.Name, string(store.JobWaiting)).Set(float64(waiting))
		h.metrics.jobs.WithLabelValues(e.Name, string(store.JobDead)).Set(float64(counts[store.JobCount{Queue: queue, State: store.JobDead}]))
	}
}
