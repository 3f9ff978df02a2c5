package tts

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// failing is a voice that says nothing.
type failing struct{ err error }

func (failing) Name() string { return "failing" }
func (failing) Local() bool  { return false }
func (f failing) Speak(context.Context, string, int) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) { yield(nil, f.err) }
}

// TestFailures counts what went wrong by class, and nothing else.
func TestFailures(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	limited := &Failure{Engine: "failing", Op: "request", Class: Limited, Status: 429}
	for _, err := range []error{limited, fmt.Errorf("wrapped: %w", limited), errors.New("of another kind"), context.Canceled} {
		for _, got := range m.Measure(failing{err}).Speak(t.Context(), "words", 8000) {
			if !errors.Is(got, err) {
				t.Errorf("Speak yields %v, want %v", got, err)
			}
		}
	}
	if n := testutil.ToFloat64(m.failures.WithLabelValues("failing", "rate")); n != 2 {
		t.Errorf("%v failures of class rate, want 2", n)
	}
	if n := testutil.CollectAndCount(m.failures); n != 1 {
		t.Errorf("%d classes are counted, want 1", n)
	}
}

// TestFailureSays what there is to know, and whether to come again.
func TestFailureSays(t *testing.T) {
	f := &Failure{Engine: "openai", Op: "request", Class: Denied, Status: 401, Err: errors.New("why")}
	if got, want := f.Error(), "tts: openai: request: auth, status 401: why"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	for class, passing := range map[Class]bool{Unreachable: true, TimedOut: true, Denied: false, Limited: true, Busy: true, Rejected: false, Protocol: true, Cut: true} {
		if got := (&Failure{Class: class}).Passing(); got != passing {
			t.Errorf("%s: passing is %v, want %v", class, got, passing)
		}
	}
}
