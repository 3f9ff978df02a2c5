package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// Jobs is durable work, done in queues beside the calls: what was added is done
// at least once, by any process that has the same database, also after crashes.
// It lies in an SQLite file of its own, or in the tables that River makes in a
// PostgreSQL. Its methods may be called from any goroutine; those of River run
// between Start and Stop.
type Jobs struct {
	client jobClient
	count  func(ctx context.Context) (map[JobCount]int, error)
	remove func(ctx context.Context, keys string) (int64, error) // a JSON list
	close  func() error
	queues map[string]JobQueue
}

// jobClient is what is used of River, whichever database is below it.
type jobClient interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
	Insert(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) (*rivertype.JobInsertResult, error)
	JobGet(ctx context.Context, id int64) (*rivertype.JobRow, error)
	JobRetry(ctx context.Context, id int64) (*rivertype.JobRow, error)
	JobList(ctx context.Context, params *river.JobListParams) (*river.JobListResult, error)
}

// JobQueue is how the jobs of one queue are done.
type JobQueue struct {
	Workers  int           // jobs done at once by this process
	Attempts int           // after as many failures a job is dead
	Timeout  time.Duration // of one attempt
	// Wait is how long a job waits after an attempt that failed, counted from 1.
	Wait func(attempt int) time.Duration
	// Work does a job. An error has it done again later, unless it is ErrHopeless;
	// ErrMore has it done again soon, and is no failure.
	Work func(ctx context.Context, j Job) error
	// Every is the time between jobs that come by themselves, of which the first comes
	// at the start: one for all processes, and none while one is not done. 0: none come.
	Every time.Duration
}

// ErrHopeless says of a job that doing it again would not help.
var ErrHopeless = errors.New("hopeless")

// ErrMore says of a job that all is well, and that there is more to do.
var ErrMore = errors.New("more to do")

// moreWait is how long a job waits that has more to do: others have their turn.
const moreWait = time.Second

// JobsOptions configure Jobs.
type JobsOptions struct {
	Queues map[string]JobQueue // by name: small letters and digits, with single - or _ between
	Rescue time.Duration       // what runs for longer was cut off and is done again; 1 minute if 0; more than each Timeout
	Kept   time.Duration       // how long dead jobs are kept; 30 days if 0
	Log    *slog.Logger        // discarded if nil
}

// Limits of the work in queues.
const (
	defaultRescue = time.Minute
	defaultKept   = 30 * 24 * time.Hour
	jobCooldown   = 20 * time.Millisecond // between two looks at a queue; 100 ms would be 100 jobs a second
)

// JobState is where a job is.
type JobState string

// The states of a job.
const (
	JobWaiting JobState = "waiting" // for its turn or its next attempt
	JobRunning JobState = "running"
	JobDone    JobState = "done"
	JobDead    JobState = "dead" // is not tried again, unless somebody asks
)

// states are River's, by ours.
var states = map[JobState][]rivertype.JobState{
	JobWaiting: {rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateScheduled},
	JobRunning: {rivertype.JobStateRunning},
	JobDone:    {rivertype.JobStateCompleted},
	JobDead:    {rivertype.JobStateDiscarded, rivertype.JobStateCancelled},
}

// Job is one piece of work.
type Job struct {
	ID      int64     `json:"id"`
	Queue   string    `json:"queue"`
	Key     string    `json:"key"` // of which a queue has one
	Body    []byte    `json:"-"`
	State   JobState  `json:"state"`
	Attempt int       `json:"attempt"` // of which it is the number, or which was the last; 0 before the first
	Added   time.Time `json:"added_at"`
	Next    time.Time `json:"next_at,omitzero"`  // of the next attempt, while it waits
	Ended   time.Time `json:"ended_at,omitzero"` // done or dead
	Error   string    `json:"error,omitempty"`   // of the newest attempt that failed
}

// OpenJobs opens the jobs at location, the path of an SQLite file or the URL of a
// PostgreSQL, and brings the tables up to date. Jobs are done from Start on.
func OpenJobs(ctx context.Context, location string, o JobsOptions) (*Jobs, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	open := openJobsSQLite
	if isPostgres(location) {
		open = openJobsPostgres
	}
	j := &Jobs{queues: o.Queues}
	if err := open(ctx, location, j, j.config(o)); err != nil {
		return nil, fmt.Errorf("store: open jobs %s: %w", locationName(location), err)
	}
	return j, nil
}

// config is River's configuration.
func (j *Jobs) config(o JobsOptions) *river.Config {
	c := &river.Config{
		Queues: map[string]river.QueueConfig{}, Workers: river.NewWorkers(), Logger: o.Log,
		FetchCooldown: jobCooldown, RescueStuckJobsAfter: o.Rescue, DiscardedJobRetentionPeriod: o.Kept, CancelledJobRetentionPeriod: o.Kept,
	}
	if c.RescueStuckJobsAfter == 0 {
		c.RescueStuckJobsAfter = defaultRescue
	}
	if o.Kept == 0 {
		c.DiscardedJobRetentionPeriod, c.CancelledJobRetentionPeriod = defaultKept, defaultKept
	}
	for name, queue := range o.Queues {
		c.Queues[name] = river.QueueConfig{MaxWorkers: queue.Workers}
		c.JobTimeout = max(c.JobTimeout, queue.Timeout)
		if queue.Every > 0 {
			c.PeriodicJobs = append(c.PeriodicJobs, periodic(name, queue))
		}
	}
	river.AddWorker(c.Workers, &worker{jobs: j})
	return c
}

// undone are the states of a job that is still to be done.
var undone = []rivertype.JobState{rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable,
	rivertype.JobStateScheduled}

// periodic is the jobs of a queue that come by themselves. They have one key.
func periodic(name string, q JobQueue) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(q.Every), func() (river.JobArgs, *river.InsertOpts) {
		return work{Key: "every"}, &river.InsertOpts{Queue: name, MaxAttempts: max(1, q.Attempts),
			UniqueOpts: river.UniqueOpts{ByArgs: true, ByQueue: true, ByState: undone}}
	}, &river.PeriodicJobOpts{RunOnStart: true})
}

// Start does jobs until Stop.
func (j *Jobs) Start(ctx context.Context) error {
	if len(j.queues) == 0 {
		return nil
	}
	if err := j.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("store: start jobs: %w", err)
	}
	return nil
}

// Stop begins no more jobs, waits for those that run, cuts them off when ctx ends,
// and closes the database. What was cut off is done again.
func (j *Jobs) Stop(ctx context.Context) error {
	var err error
	if len(j.queues) > 0 {
		if err = j.client.Stop(ctx); err != nil {
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			err = j.client.StopAndCancel(end)
		}
	}
	if err = errors.Join(err, j.close()); err != nil {
		return fmt.Errorf("store: stop jobs: %w", err)
	}
	return nil
}

// Add adds a job to a queue and reports whether it is new: while the queue has a
// job with this key, also one that is done (for a day) or dead, there is no other.
func (j *Jobs) Add(ctx context.Context, queue, key string, body []byte) (added bool, err error) {
	result, err := j.client.Insert(ctx, work{Key: key, Body: body}, &river.InsertOpts{
		Queue: queue, MaxAttempts: max(1, j.queues[queue].Attempts),
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByQueue: true, ByState: rivertype.JobStates()},
	})
	if err != nil {
		return false, fmt.Errorf("store: add job %s to %s: %w", key, queue, err)
	}
	return !result.UniqueSkippedAsDuplicate, nil
}

// List returns the newest jobs of a queue, at most 1000; of one state, unless that
// is empty.
func (j *Jobs) List(ctx context.Context, queue string, state JobState, limit int) ([]Job, error) {
	params := river.NewJobListParams().Queues(queue).First(min(max(limit, 1), 1000)).
		OrderBy(river.JobListOrderByID, river.SortOrderDesc)
	if state != "" {
		params = params.States(states[state]...)
	}
	found, err := j.client.JobList(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("store: list jobs of %s: %w", queue, err)
	}
	jobs := make([]Job, 0, len(found.Jobs))
	for _, row := range found.Jobs {
		one, err := jobOf(row)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, one)
	}
	return jobs, nil
}

// Job returns one job.
func (j *Jobs) Job(ctx context.Context, id int64) (Job, error) {
	row, err := j.client.JobGet(ctx, id)
	if err != nil {
		return Job{}, fmt.Errorf("store: job %d: %w", id, notFound(err))
	}
	return jobOf(row)
}

// Retry has a job that is dead, done or waits tried at once; one that is dead, once
// more. One that runs is left alone.
func (j *Jobs) Retry(ctx context.Context, id int64) error {
	if _, err := j.client.JobRetry(ctx, id); err != nil {
		return fmt.Errorf("store: retry job %d: %w", id, notFound(err))
	}
	return nil
}

// Remove removes the jobs with these keys from all queues, done and dead ones too,
// but for those that run now, and returns how many. Keys that no job has are no
// error.
func (j *Jobs) Remove(ctx context.Context, keys ...string) (int, error) {
	const page = 500
	removed := 0
	for some := range slices.Chunk(keys, page) {
		list, err := json.Marshal(some)
		var n int64
		if err == nil {
			n, err = j.remove(ctx, string(list))
		}
		if err != nil {
			return removed, fmt.Errorf("store: remove jobs: %w", err)
		}
		removed += int(n)
	}
	return removed, nil
}

// JobCount is what is counted together.
type JobCount struct {
	Queue string
	State JobState
}

// Count returns how many jobs there are.
func (j *Jobs) Count(ctx context.Context) (map[JobCount]int, error) {
	counts, err := j.count(ctx)
	if err != nil {
		return nil, fmt.Errorf("store: count jobs: %w", err)
	}
	return counts, nil
}

// countJobs is the statement of Count.
const countJobs = `select queue, cast(state as text), count(*) from river_job group by queue, state`

// scanCounts reads what countJobs selects.
func scanCounts(next func() bool, scan func(...any) error) (map[JobCount]int, error) {
	counts := map[JobCount]int{}
	for next() {
		var queue, state string
		var n int
		if err := scan(&queue, &state, &n); err != nil {
			return nil, err
		}
		counts[JobCount{queue, stateOf(rivertype.JobState(state))}] += n
	}
	return counts, nil
}

// notFound gives River's error for an unknown job our name.
func notFound(err error) error {
	if errors.Is(err, rivertype.ErrNotFound) {
		return ErrNotFound
	}
	return err
}

// work is what River keeps of a job.
type work struct {
	Key  string `json:"key" river:"unique"`
	Body []byte `json:"body"` // as it came, which it would not stay in jsonb
}

// Kind implements river.JobArgs. Queues tell jobs apart, so there is one kind.
func (work) Kind() string { return "sidetone" }

// worker does the jobs of all queues.
type worker struct {
	river.WorkerDefaults[work]
	jobs *Jobs
}

// Timeout implements river.Worker.
func (w *worker) Timeout(j *river.Job[work]) time.Duration { return w.jobs.queues[j.Queue].Timeout }

// NextRetry implements river.Worker.
func (w *worker) NextRetry(j *river.Job[work]) time.Time {
	if wait := w.jobs.queues[j.Queue].Wait; wait != nil {
		return time.Now().Add(wait(max(1, j.Attempt)))
	}
	return time.Time{}
}

// Work implements river.Worker.
func (w *worker) Work(ctx context.Context, j *river.Job[work]) error {
	one, err := jobOf(j.JobRow)
	if err != nil {
		return river.JobCancel(err)
	}
	err = w.jobs.queues[j.Queue].Work(ctx, one)
	switch {
	case errors.Is(err, ErrMore):
		return river.JobSnooze(moreWait)
	case errors.Is(err, ErrHopeless):
		return river.JobCancel(err)
	}
	return err
}

// jobOf reads what River keeps of a job.
func jobOf(row *rivertype.JobRow) (Job, error) {
	var args work
	if err := json.Unmarshal(row.EncodedArgs, &args); err != nil {
		return Job{}, fmt.Errorf("store: job %d: %w", row.ID, err)
	}
	j := Job{ID: row.ID, Queue: row.Queue, Key: args.Key, Body: args.Body, State: stateOf(row.State), Attempt: row.Attempt, Added: row.CreatedAt.UTC()}
	if j.State == JobWaiting {
		j.Next = row.ScheduledAt.UTC()
	}
	if row.FinalizedAt != nil {
		j.Ended = row.FinalizedAt.UTC()
	}
	if n := len(row.Errors); n > 0 {
		j.Error = strings.TrimPrefix(row.Errors[n-1].Error, "JobCancelError: ")
	}
	return j, nil
}

// stateOf returns our name of River's state.
func stateOf(s rivertype.JobState) JobState {
	for ours, theirs := range states {
		if slices.Contains(theirs, s) {
			return ours
		}
	}
	return JobWaiting
}

// queryCounts is Count for database/sql.
func queryCounts(db *sql.DB) func(context.Context) (map[JobCount]int, error) {
	return func(ctx context.Context) (map[JobCount]int, error) {
		rows, err := db.QueryContext(ctx, countJobs)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		counts, err := scanCounts(rows.Next, rows.Scan)
		return counts, errors.Join(err, rows.Err())
	}
}
