package tts

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// counting is a Speaker that speaks two chunks a sentence and fails on demand.
type counting struct {
	mu    sync.Mutex
	calls int
	err   error
}

func (*counting) Name() string { return "counting" }
func (*counting) Local() bool  { return true }

func (s *counting) Speak(_ context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		s.mu.Lock()
		s.calls++
		s.mu.Unlock()
		if !yield([]int16{int16(len(text)), int16(rate)}, nil) {
			return
		}
		yield([]int16{7}, s.err)
	}
}

func speak(t *testing.T, c *Cache, text string, rate int) []int16 {
	t.Helper()
	var pcm []int16
	for chunk, err := range c.Speak(t.Context(), text, rate) {
		if err != nil {
			t.Fatal(err)
		}
		pcm = append(pcm, chunk...)
	}
	return pcm
}

func TestCacheKeepsWhatIsRepeated(t *testing.T) {
	voice := &counting{}
	metrics := NewMetrics(prometheus.NewPedanticRegistry())
	c := NewCache(voice, CacheOptions{Metrics: metrics})
	for i, want := range []int{1, 2, 2, 2} { // said once it is not kept
		if got := speak(t, c, "What is your name?", 8000); !slices.Equal(got, []int16{18, 8000, 7}) {
			t.Fatalf("spoke %v", got)
		}
		if voice.calls != want {
			t.Errorf("after %d times the voice was asked %d times, want %d", i+1, voice.calls, want)
		}
	}
	if speak(t, c, "What is your name?", 16000)[1] != 16000 {
		t.Error("the kept audio of another rate was spoken")
	}
	if hits := testutil.ToFloat64(metrics.cache.WithLabelValues("hit")); hits != 2 {
		t.Errorf("counted %v hits, want 2", hits)
	}
}

func TestCacheGivesAudioAway(t *testing.T) {
	c := NewCache(&counting{}, CacheOptions{})
	for range 4 {
		pcm := speak(t, c, "Hi.", 8000)
		if pcm[0] != 3 {
			t.Fatal("a receiver's change reached the next one")
		}
		for chunk := range c.Speak(t.Context(), "Hi.", 8000) {
			chunk[0] = -1
		}
	}
}

func TestCacheKeepsNoPart(t *testing.T) {
	lost := errors.New("lost")
	voice := &counting{err: lost}
	c := NewCache(voice, CacheOptions{})
	for range 3 {
		for _, err := range c.Speak(t.Context(), "Hi.", 8000) {
			if err != nil && !errors.Is(err, lost) {
				t.Fatal(err)
			}
		}
	}
	voice.err = nil
	for range 3 {
		for range c.Speak(t.Context(), "Hi.", 8000) {
			break
		}
	}
	if len(c.kept) != 0 || voice.calls != 6 {
		t.Errorf("kept %d sentences after failures and interruptions", len(c.kept))
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := NewCache(&counting{}, CacheOptions{Bytes: 1000})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 20000 {
				text := fmt.Sprintf("%d %s", i/4, strings.Repeat("x", i/4%50))
				for range c.Speak(context.Background(), text, 8000) {
				}
			}
		})
	}
	wg.Wait()
	total := 0
	for e := c.recent.Front(); e != nil; e = e.Next() {
		total += e.Value.(entry).cost()
	}
	if total > 1000 || total+c.budget != 1000 || c.recent.Len() != len(c.kept) || len(c.kept) == 0 {
		t.Errorf("%d bytes in %d sentences (%d listed), budget left %d", total, len(c.kept), c.recent.Len(), c.budget)
	}
	if len(c.seen) > seenMax {
		t.Errorf("%d hashes", len(c.seen))
	}
}

func TestMeasure(t *testing.T) {
	voice := &counting{}
	m := NewMetrics(prometheus.NewPedanticRegistry())
	s := m.Measure(voice)
	for range s.Speak(t.Context(), "a", 8000) {
	}
	for range s.Speak(t.Context(), "b", 8000) {
		break
	}
	voice.err = errors.New("lost")
	for range s.Speak(t.Context(), "c", 8000) {
	}
	for _, result := range []string{"ok", "cancelled", "error"} {
		if n := testutil.ToFloat64(m.requests.WithLabelValues("counting", result)); n != 1 {
			t.Errorf("%s counted %v times", result, n)
		}
	}
	if n := testutil.CollectAndCount(m.first); n != 1 {
		t.Errorf("%d histograms of first audio", n)
	}
}
