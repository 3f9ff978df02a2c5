package moonshine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// bench returns a scheduler of n workspaces that decode nothing.
func bench(n int) *scheduler {
	s := &scheduler{partials: map[*workspace]context.CancelFunc{}}
	for range n {
		s.free = append(s.free, &workspace{})
	}
	return s
}

func TestSchedulerServesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := bench(2)
		served := make(chan int, 6)
		for call := range 6 {
			go func() {
				time.Sleep(time.Duration(call) * time.Millisecond)
				w, err := s.acquire(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				served <- call
				time.Sleep(time.Second)
				s.release(w)
			}()
		}
		time.Sleep(1500 * time.Millisecond)
		if n := len(served); n != 4 {
			t.Errorf("%d began within 1.5 s, want two a second", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for want := range 6 {
			if got := <-served; got != want {
				t.Errorf("call %d was served, want %d", got, want)
			}
		}
		if len(s.free) != 2 || len(s.waiting) != 0 {
			t.Errorf("%d free, %d waiting at the end", len(s.free), len(s.waiting))
		}
	})
}

func TestPartialsGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := bench(1)
		ctx, cancel := context.WithCancel(t.Context())
		w, ok := s.try(cancel)
		if !ok {
			t.Fatal("no workspace for the first partial")
		}
		if _, ok := s.try(func() {}); ok {
			t.Error("a second partial got a workspace")
		}
		got := make(chan *workspace)
		go func() {
			w, err := s.acquire(t.Context())
			if err != nil {
				t.Error(err)
			}
			got <- w
		}()
		<-ctx.Done() // the final made it give way
		s.release(w)
		final := <-got
		if _, ok := s.try(func() {}); ok {
			t.Error("a partial ran beside the final")
		}
		s.release(final)
		if w, ok := s.try(func() {}); !ok {
			t.Error("no workspace for a partial when all are free")
		} else {
			s.release(w)
		}
	})
}

func TestGivingUpWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := bench(1)
		w, err := s.acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		gaveUp := make(chan error)
		go func() {
			_, err := s.acquire(ctx)
			gaveUp <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("acquire = %v, want Canceled", err)
		}
		s.release(w)
		if len(s.free) != 1 || len(s.waiting) != 0 {
			t.Errorf("%d free, %d waiting at the end", len(s.free), len(s.waiting))
		}
	})
}
