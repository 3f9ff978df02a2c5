package store

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

func TestJobsThatComeByThemselves(t *testing.T) { onEachEngine(t, testJobsThatComeByThemselves) }

func testJobsThatComeByThemselves(t *testing.T, location string) {
	var begun atomic.Int32
	done := make(chan Job, 16)
	j := openJobs(t, jobsAt(location), JobsOptions{Queues: map[string]JobQueue{"sweep": {Workers: 1, Attempts: 1, Timeout: time.Minute, Every: time.Hour,
		Work: func(_ context.Context, one Job) error {
			if begun.Add(1) == 1 {
				return ErrMore // which is no failure, though it has one attempt
			}
			done <- one
			return nil
		}}}})
	if err := j.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var one Job
	select {
	case one = <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("no job came, or it did not come again")
	}
	settled(t, j, one.ID, JobDone)
	all, err := j.List(t.Context(), "sweep", "", 10)
	if err != nil || len(all) != 1 || all[0].Error != "" || begun.Load() != 2 {
		t.Errorf("%+v, %v; %d times", all, err, begun.Load())
	}
}
