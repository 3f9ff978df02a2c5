package tts

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/media"
)

// toiler takes 100 ms for a piece, and says 10 ms a byte of a tone at 16 kHz.
type toiler struct {
	mu               sync.Mutex
	said             []string
	prepared, closed int
	err              error
}

func (w *toiler) Prepare() { w.prepared++ }
func (w *toiler) Close()   { w.closed++ }
func (w *toiler) Say(_ context.Context, piece string) ([]int16, int, error) {
	time.Sleep(100 * time.Millisecond)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, piece)
	return media.Tone(16000, 500, time.Duration(len(piece))*10*time.Millisecond, -20), 16000, w.err
}

var toilerPieces = Cutter{Min: 5, First: 20, Max: 40}

// all is what Workers yield.
func all(ctx context.Context, w *Workers, text string, rate int) (chunks [][]int16, err error) {
	for pcm, err := range w.Speak(ctx, text, rate) {
		if err != nil {
			return chunks, err
		}
		chunks = append(chunks, pcm)
	}
	return chunks, nil
}

// TestWorkersSpeak is piece by piece, at the rate and level that were asked for.
func TestWorkersSpeak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := &toiler{}
		w := NewWorkers(toilerPieces, 0.5, one)
		for _, rate := range []int{8000, 16000} {
			began := time.Now()
			chunks, err := all(t.Context(), w, "Thank you, please wait for 5 minutes.", rate)
			if err != nil || len(chunks) != 2 || time.Since(began) != 200*time.Millisecond {
				t.Fatalf("%d chunks after %v, and %v", len(chunks), time.Since(began), err)
			}
			if n := len(chunks[0]); n < rate/5 || n > rate/4 {
				t.Errorf("the first chunk is %d samples at %d Hz", n, rate)
			}
			if level := media.RMS(chunks[0][:rate/20]); level < -32 || level > -22 {
				t.Errorf("it sounds at %.1f dBFS", level)
			}
		}
		if want := []string{"Thank you,", "please wait for five minutes."}; !slices.Equal(one.said[:2], want) {
			t.Errorf("said %q, want %q", one.said, want)
		}
		if _, err := all(t.Context(), w, "Hi there.", 12345); !errors.Is(err, media.ErrUnsupported) {
			t.Errorf("at an odd rate: %v", err)
		}
		w.Close()
		if one.closed != 1 || one.prepared < 5 {
			t.Errorf("closed %d times, prepared %d times", one.closed, one.prepared)
		}
	})
}

// TestWorkersRefuse what is too long, and say nothing of nothing.
func TestWorkersRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := &toiler{}
		w := NewWorkers(toilerPieces, 1, one)
		defer w.Close()
		if _, err := all(t.Context(), w, strings.Repeat("é", MaxText+1), 8000); !errors.Is(err, ErrTooLong) {
			t.Errorf("got %v", err)
		}
		for _, text := range []string{"", " \n", "😀", "...", "\x00\xff", "-", "你好"} {
			if chunks, err := all(t.Context(), w, text, 8000); chunks != nil || err != nil {
				t.Errorf("%q gave %d chunks and %v", text, len(chunks), err)
			}
		}
		one.err = errors.New("it broke")
		if _, err := all(t.Context(), w, "One, two.", 8000); !errors.Is(err, one.err) || len(one.said) != 1 {
			t.Errorf("a fault is %v, after %d pieces", err, len(one.said))
		}
	})
}

// TestWorkersAreLeft at once, in the middle of a piece and in the line for a worker.
func TestWorkersAreLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := &toiler{}
		w := NewWorkers(toilerPieces, 1, one)
		defer w.Close()
		gone := errors.New("interrupted")
		for _, at := range []time.Duration{50 * time.Millisecond, 150 * time.Millisecond} {
			ctx, cancel := context.WithCancelCause(t.Context())
			began := time.Now()
			time.AfterFunc(at, func() { cancel(gone) })
			if _, err := all(ctx, w, "Thank you, please wait for the rest of it.", 8000); !errors.Is(err, gone) || time.Since(began) != at {
				t.Errorf("cancelled after %v, it ended after %v with %v", at, time.Since(began), err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		go all(t.Context(), w, "Somebody else.", 8000)
		synctest.Wait()
		if _, err := all(ctx, w, "Never said.", 8000); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("in the line: %v", err)
		}
		for range w.Speak(t.Context(), "Thank you, goodbye.", 8000) {
			break // a reader that stops
		}
		if chunks, err := all(t.Context(), w, "Still here.", 8000); len(chunks) != 1 || err != nil {
			t.Errorf("after a cancelled reply: %d chunks and %v", len(chunks), err)
		}
		if slices.Contains(one.said, "Never said.") {
			t.Error("what nobody waits for was said")
		}
	})
}

// TestWorkersClose lets nobody wait.
func TestWorkersClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(toilerPieces, 1, &toiler{}, &toiler{})
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if _, err := all(context.Background(), w, "Thank you, goodbye.", 8000); err != nil && !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		w.Close()
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("closing took %v, want a piece at most", took)
		}
		group.Wait()
		if _, err := all(t.Context(), w, "Hello.", 8000); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
		w.Close()
	})
}

// TestFirstPiecesGoFirst has a piece that somebody waits for go before those that
// follow audio.
func TestFirstPiecesGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &Workers{first: make(chan job), others: make(chan job), closed: make(chan struct{})}
		done := make(chan result, 6)
		send := func(queue chan<- job, name string) {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(errors.New(name)) // the worker answers without any work
			go func() { queue <- job{ctx, name, done} }()
		}
		for range 3 {
			send(w.others, "other")
		}
		for range 3 {
			send(w.first, "first")
		}
		synctest.Wait()
		w.running.Go(func() { w.work(&toiler{}) })
		for i := range 6 {
			want := "first"
			if i >= 3 {
				want = "other"
			}
			if got := (<-done).err.Error(); got != want {
				t.Errorf("the %d. is %s, want %s", i+1, got, want)
			}
		}
		w.Close()
	})
}
