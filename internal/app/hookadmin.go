package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sidetone/configs"
	"sidetone/internal/webhooks"
	"sidetone/store"
)

// Delivery is an event on its way to an endpoint.
type Delivery struct {
	store.Job
	Endpoint string `json:"endpoint"`
	Event    string `json:"event"`
	Call     string `json:"call"`
	Take     string `json:"take,omitempty"`
}

// deliveryOf reads a job of an endpoint.
func deliveryOf(j store.Job) (Delivery, error) {
	var b webhooks.Body
	if err := json.Unmarshal(j.Body, &b); err != nil {
		return Delivery{}, fmt.Errorf("app: job %d: %w", j.ID, err)
	}
	endpoint, _ := strings.CutPrefix(j.Queue, hookQueue)
	return Delivery{Job: j, Endpoint: endpoint, Event: b.Type, Call: b.Data.Call, Take: b.Data.Take}, nil
}

// Deliveries selects deliveries, newest first.
type Deliveries struct {
	Endpoint string         // empty: all
	State    store.JobState // empty: any
	Limit    int            // default 50, at most 1000
}

// DeadDelivery is the state of what no attempt could tell.
const DeadDelivery = store.JobDead

// jobStates are what a query may ask for.
var jobStates = []store.JobState{"", store.JobWaiting, store.JobRunning, store.JobDone, store.JobDead}

// list returns the deliveries that q selects.
func (h *hooks) list(ctx context.Context, q Deliveries) ([]Delivery, error) {
	all := []Delivery{}
	for _, e := range h.config.Endpoints {
		if q.Endpoint != "" && q.Endpoint != e.Name {
			continue
		}
		jobs, err := h.jobs.List(ctx, hookQueue+e.Name, q.State, q.Limit)
		if err != nil {
			return nil, err
		}
		for _, j := range jobs {
			d, err := deliveryOf(j)
			if err != nil {
				return nil, err
			}
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b Delivery) int { return cmp.Compare(b.ID, a.ID) })
	return all[:min(len(all), q.Limit)], nil
}

// listHooks answers deliveries; the query selects.
func (a *App) listHooks(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	q := Deliveries{Endpoint: v.Get("endpoint"), State: store.JobState(v.Get("state")), Limit: 50}
	if limit := v.Get("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > 1000 {
			http.Error(w, "limit must be 1 to 1000", http.StatusBadRequest)
			return
		}
		q.Limit = n
	}
	if !slices.Contains(jobStates, q.State) {
		http.Error(w, fmt.Sprintf("state must be one of %q", jobStates[1:]), http.StatusBadRequest)
		return
	}
	list, err := a.hooks.list(r.Context(), q)
	a.answer(w, map[string]any{"deliveries": list}, err)
}

// retryHook has an event sent once more, at once.
func (a *App) retryHook(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || a.hooks.jobs == nil {
		http.Error(w, "no such delivery", http.StatusNotFound)
		return
	}
	j, err := a.hooks.jobs.Job(r.Context(), id)
	if err == nil && !strings.HasPrefix(j.Queue, hookQueue) {
		err = store.ErrNotFound
	}
	if err == nil {
		err = a.hooks.jobs.Retry(r.Context(), id)
	}
	if err != nil {
		a.answerHook(w, Delivery{}, err)
		return
	}
	a.log.Info("operator's command", "command", "retry webhook", "delivery", id)
	if j, err = a.hooks.jobs.Job(r.Context(), id); err != nil {
		a.answerHook(w, Delivery{}, err)
		return
	}
	d, err := deliveryOf(j)
	a.answerHook(w, d, err)
}

// answerHook is answer for a delivery.
func (a *App) answerHook(w http.ResponseWriter, d Delivery, err error) {
	if errors.Is(err, store.ErrNotFound) {
		http.Error(w, "no such delivery", http.StatusNotFound)
		return
	}
	a.answer(w, d, err)
}

// ListWebhooks returns deliveries of the gateway that runs with this configuration.
func ListWebhooks(ctx context.Context, c *configs.Config, q Deliveries) ([]Delivery, error) {
	v := url.Values{"limit": {strconv.Itoa(cmp.Or(q.Limit, 50))}}
	if q.Endpoint != "" {
		v.Set("endpoint", q.Endpoint)
	}
	if q.State != "" {
		v.Set("state", string(q.State))
	}
	var found struct{ Deliveries []Delivery }
	err := askHooks(ctx, c, http.MethodGet, "?"+v.Encode(), &found)
	return found.Deliveries, err
}

// RetryWebhook has the gateway that runs with this configuration send an event once
// more.
func RetryWebhook(ctx context.Context, c *configs.Config, id int64) (d Delivery, err error) {
	return d, askHooks(ctx, c, http.MethodPost, fmt.Sprintf("/%d/retry", id), &d)
}

// maxHookAnswer is the largest answer that is read, in bytes.
const maxHookAnswer = 4 << 20

// askHooks asks a running gateway about webhooks.
func askHooks(ctx context.Context, c *configs.Config, method, what string, answer any) error {
	r, err := http.NewRequestWithContext(ctx, method, OperatorURL(c)+"/api/v1/webhooks"+what, http.NoBody)
	if err != nil {
		return err
	}
	got, err := operator(c, r)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(io.LimitReader(got.Body, maxHookAnswer))
	if err != nil {
		return err
	}
	if got.StatusCode != http.StatusOK {
		return fmt.Errorf("webhooks: %s", bytes.TrimSpace(body))
	}
	return json.Unmarshal(body, answer)
}
