package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// openJobs opens jobs that are stopped when the test ends.
func openJobs(t *testing.T, location string, o JobsOptions) *Jobs {
	t.Helper()
	j, err := OpenJobs(t.Context(), location, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := j.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return j
}

// queue is a queue whose work the test decides.
func queue(attempts int, work func(context.Context, Job) error) map[string]JobQueue {
	return map[string]JobQueue{"q": {Workers: 2, Attempts: attempts, Timeout: 5 * time.Second,
		Wait: func(int) time.Duration { return 20 * time.Millisecond }, Work: work}}
}

// settled waits until a job is in a state.
func settled(t *testing.T, j *Jobs, id int64, want JobState) Job {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		one, err := j.Job(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if one.State == want {
			return one
		}
		select {
		case <-again.C:
		case <-time.After(20 * time.Second):
			t.Fatalf("the job is %+v", one)
		}
	}
}

// newest returns the newest job.
func newest(t *testing.T, j *Jobs) Job {
	t.Helper()
	list, err := j.List(t.Context(), "q", "", 1)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d jobs, error %v", len(list), err)
	}
	return list[0]
}

func add(t *testing.T, j *Jobs, key string) bool {
	t.Helper()
	added, err := j.Add(t.Context(), "q", key, []byte(`{"n":1, "a":2}`))
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func TestJobs(t *testing.T) { onEachEngine(t, testJobs) }

func testJobs(t *testing.T, location string) {
	location = jobsAt(location)
	waiting := openJobs(t, location, JobsOptions{Queues: queue(3, nil)}) // not started: adds only
	if !add(t, waiting, "a") || add(t, waiting, "a") {
		t.Error("a key was taken twice, or not at all")
	}
	if counts, err := waiting.Count(t.Context()); err != nil || len(counts) != 1 || counts[JobCount{"q", JobWaiting}] != 1 {
		t.Errorf("counted %v, error %v", counts, err)
	}
	tries := make(chan Job, 10)
	j := openJobs(t, location, JobsOptions{Queues: queue(3, func(_ context.Context, one Job) error {
		tries <- one
		if one.Attempt < 3 {
			return errors.New("not yet")
		}
		return nil
	})})
	if err := j.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	done := settled(t, j, newest(t, j).ID, JobDone)
	if len(tries) != 3 || done.Attempt != 3 || done.Error != "not yet" || done.Ended.IsZero() || done.Key != "a" {
		t.Errorf("%d tries, %+v", len(tries), done)
	}
	if first := <-tries; first.Queue != "q" || first.Key != "a" || string(first.Body) != `{"n":1, "a":2}` {
		t.Errorf("the first try was of %+v", first)
	}
	if add(t, j, "a") {
		t.Error("a job that is done was taken again")
	}
	if _, err := j.Job(t.Context(), 1<<40); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown job: %v", err)
	}
	if err := j.Retry(t.Context(), 1<<40); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown job, again: %v", err)
	}
}

// A dead job stays, keeps its key, and is tried once more when somebody asks.
func TestDeadJobs(t *testing.T) { onEachEngine(t, testDeadJobs) }

func testDeadJobs(t *testing.T, location string) {
	mended := make(chan struct{})
	j := openJobs(t, jobsAt(location), JobsOptions{Queues: queue(2, func(_ context.Context, one Job) error {
		select {
		case <-mended:
			return nil
		default:
		}
		if one.Key == "hopeless" {
			return fmt.Errorf("no use: %w", ErrHopeless)
		}
		return errors.New("no")
	})})
	if err := j.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for key, attempts := range map[string]int{"fails": 2, "hopeless": 1} {
		add(t, j, key)
		one := settled(t, j, newest(t, j).ID, JobDead)
		if one.Attempt != attempts || !strings.HasPrefix(one.Error, "no") {
			t.Errorf("%s: %+v", key, one)
		}
		if add(t, j, key) {
			t.Errorf("%s was taken again", key)
		}
		ids = append(ids, one.ID)
	}
	if counts, err := j.Count(t.Context()); err != nil || counts[JobCount{"q", JobDead}] != 2 {
		t.Errorf("counted %v, error %v", counts, err)
	}
	if dead, err := j.List(t.Context(), "q", JobDead, 10); err != nil || len(dead) != 2 {
		t.Errorf("%d dead, error %v", len(dead), err)
	}
	close(mended)
	for _, id := range ids {
		if err := j.Retry(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		settled(t, j, id, JobDone)
	}
}

// jobsAt is where the jobs of a database are, given where it is.
func jobsAt(location string) string {
	if isPostgres(location) {
		return location
	}
	return filepath.Join(filepath.Dir(location), "jobs.db")
}

// playJobs does a job for ever, until killed.
func playJobs(location string) error {
	began := make(chan struct{})
	j, err := OpenJobs(context.Background(), location, JobsOptions{Queues: queue(5, func(context.Context, Job) error {
		close(began)
		select {}
	})})
	if err != nil {
		return err
	}
	if _, err := j.Add(context.Background(), "q", "cut", []byte(`{}`)); err != nil {
		return err
	}
	if err := j.Start(context.Background()); err != nil {
		return err
	}
	<-began
	fmt.Println("at work")
	select {}
}

// A job whose process was killed in the middle of it is done by the next one.
func TestJobsAfterKill(t *testing.T) {
	for name, location := range map[string]string{"SQLite": filepath.Join(t.TempDir(), "jobs.db"), "PostgreSQL": postgresDatabase(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the dead process's lead of the others ends after 15 s
			c := startChild(t, "jobs", location)
			if line := c.line(t); line != "at work" {
				t.Fatalf("the child says %q", line)
			}
			c.kill(t)
			killed := time.Now()
			again := make(chan Job, 1)
			options := JobsOptions{Rescue: 5 * time.Second, Queues: queue(5, func(_ context.Context, one Job) error {
				again <- one
				return nil
			})}
			j := openJobs(t, location, options)
			if one := newest(t, j); one.State != JobRunning {
				t.Fatalf("the job that was cut off is %+v", one)
			}
			if err := j.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if one := <-again; one.Key != "cut" || one.Attempt != 2 {
				t.Errorf("what was done again is %+v", one)
			}
			t.Logf("done again %.1f s after the kill", time.Since(killed).Seconds())
			settled(t, j, newest(t, j).ID, JobDone)
		})
	}
}

// Removed jobs are gone from all queues, done and dead ones too, and their keys are
// free again; one that runs is left alone.
func TestRemovedJobs(t *testing.T) { onEachEngine(t, testRemovedJobs) }

func testRemovedJobs(t *testing.T, location string) {
	began, end := make(chan struct{}), make(chan struct{})
	j := openJobs(t, jobsAt(location), JobsOptions{Queues: queue(2, func(_ context.Context, one Job) error {
		switch one.Key {
		case "runs":
			close(began)
			<-end
		case "dead":
			return ErrHopeless
		}
		return nil
	})})
	defer close(end)
	if err := j.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for key, state := range map[string]JobState{"done": JobDone, "dead": JobDead} {
		add(t, j, key)
		settled(t, j, newest(t, j).ID, state)
	}
	add(t, j, "runs")
	<-began
	for _, key := range []string{"waits", "other", `"'),('`} {
		if _, err := j.Add(t.Context(), "elsewhere", key, nil); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := j.Remove(t.Context(), "done", "dead", "runs", "waits", "nobody's", `"'),('`); err != nil || n != 4 {
		t.Errorf("removed %d, error %v", n, err)
	}
	counts, err := j.Count(t.Context())
	if err != nil || len(counts) != 2 || counts[JobCount{"q", JobRunning}] != 1 || counts[JobCount{"elsewhere", JobWaiting}] != 1 {
		t.Errorf("left are %v, error %v", counts, err)
	}
	if !add(t, j, "dead") {
		t.Error("the key of a removed job is taken")
	}
	if n, err := j.Remove(t.Context()); err != nil || n != 0 {
		t.Errorf("removed %d of no keys, error %v", n, err)
	}
}
