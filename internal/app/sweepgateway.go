package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sidetone/seal"
	"sidetone/store"
)

// The jobs that sweep.
const (
	sweepQueue    = "retention"
	sweepEvery    = time.Hour
	sweepTime     = 20 * time.Second // of one job; then others have their turn
	sweepAttempts = 5
	sweepAgain    = time.Minute // after a failure
)

// sweeps are the sweeps of a gateway.
type sweeps struct {
	mu      sync.RWMutex // held for reading while a sweep runs
	sweeper *sweeper     // nil: the gateway starts, or stops
	ctx     context.Context

	expired *prometheus.CounterVec
	waiting *prometheus.GaugeVec
	last    prometheus.Gauge
}

// sweepsWait are the states of what is past its time and waits.
var sweepsWait = []SweepState{SweepHeld, SweepSpooled, SweepElsewhere, SweepFailed}

func newSweeps(r prometheus.Registerer) *sweeps {
	s := &sweeps{
		expired: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sidetone_retention_expired_total",
			Help: "Classes of calls that were past their time, and are destroyed."}, []string{"class"}),
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "sidetone_retention_waiting",
			Help: "Classes of calls that are past their time and were left by the last sweep, by reason."}, []string{"reason"}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{Name: "sidetone_retention_swept_timestamp_seconds",
			Help: "Time of the last sweep that was through; 0 before the first."}),
	}
	for _, c := range seal.Classes {
		s.expired.WithLabelValues(string(c))
	}
	for _, state := range sweepsWait {
		s.waiting.WithLabelValues(string(state))
	}
	r.MustRegister(s.expired, s.waiting, s.last)
	return s
}

// errNotSweeping says that the gateway starts, or stops.
var errNotSweeping = errors.New("app: nothing is swept while the gateway starts or stops")

// run sweeps, and counts what came of it.
func (s *sweeps) run(ctx context.Context, dry bool, within time.Duration) (SweepResult, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.sweeper == nil {
		return SweepResult{}, errNotSweeping
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	result, err := s.sweeper.sweep(ctx, dry, within)
	if dry {
		return result, err
	}
	for class, n := range result.expired {
		s.expired.WithLabelValues(string(class)).Add(float64(n))
	}
	if err == nil && !result.More {
		for _, state := range sweepsWait {
			s.waiting.WithLabelValues(string(state)).Set(float64(result.Counts[state]))
		}
		s.last.SetToCurrentTime()
	}
	return result, err
}

// job is a sweep as a job that comes by itself.
func (s *sweeps) job(ctx context.Context, _ store.Job) error {
	result, err := s.run(ctx, false, sweepTime)
	if errors.Is(err, errNotSweeping) || err == nil && result.More {
		return store.ErrMore
	}
	return err
}

// queues are the queues of jobs that sweep; none where all is kept for ever.
func (s *sweeps) queues(r retention) map[string]store.JobQueue {
	if !r.any() {
		return map[string]store.JobQueue{}
	}
	return map[string]store.JobQueue{sweepQueue: {Workers: 1, Attempts: sweepAttempts, Timeout: sweepTime + sweepWithin, Every: sweepEvery,
		Wait: func(attempt int) time.Duration { return time.Duration(attempt) * sweepAgain }, Work: s.job}}
}

// openSweeps lets sweeps begin, until what they need ends.
func (a *App) openSweeps(_ context.Context, o Options) error {
	s := a.sweeps
	ctx, cancel := context.WithCancel(a.ctx)
	s.mu.Lock()
	s.ctx, s.sweeper = ctx, newSweeper(a.eraser, a.retention, o.Now)
	s.mu.Unlock()
	a.onStop("retention", func(context.Context) error {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sweeper = nil
		return nil
	})
	return nil
}

// showRetention answers for how long what calls leave is kept.
func (a *App) showRetention(w http.ResponseWriter, _ *http.Request) {
	a.answer(w, map[string]any{"rules": a.retention.list()}, nil)
}

// sweepRequest asks for a sweep.
type sweepRequest struct {
	DryRun bool `json:"dry_run,omitempty"`
}

// sweep destroys what is past its time, or lists it.
func (a *App) sweep(w http.ResponseWriter, r *http.Request) {
	var asked sweepRequest
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxErasure))
	d.DisallowUnknownFields()
	if err := d.Decode(&asked); err != nil && !errors.Is(err, io.EOF) {
		http.Error(w, `want {"dry_run": true}, or nothing`, http.StatusBadRequest)
		return
	}
	a.whileWaiting(w, r, func() (any, error) { return a.sweeps.run(a.ctx, asked.DryRun, 0) })
}

// Sweep destroys what is past the time for which it is kept, or lists it.
func (x *Erasing) Sweep(ctx context.Context, dry bool) (result SweepResult, err error) {
	if x.here == nil {
		return result, x.ask(ctx, http.MethodPost, "/api/v1/retention/sweeps", sweepRequest{dry}, &result)
	}
	rules, err := readRetention(x.config)
	if err != nil {
		return result, err
	}
	return newSweeper(x.here, rules, nil).sweep(ctx, dry, 0)
}
