package onnx_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sidetone/internal/models"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/onnx"
)

// tensors are the inputs of Silero for a stretch of silence.
func tensors(t *testing.T) []onnx.Value {
	t.Helper()
	input, err1 := onnx.NewTensor(make([]float32, 288), 1, 288)
	state, err2 := onnx.NewTensor(make([]float32, 256), 2, 1, 128)
	rate, err3 := onnx.NewScalar[int64](8000)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(input.Close(), state.Close(), rate.Close()); err != nil {
			t.Error(err)
		}
	})
	return []onnx.Value{input, state, rate}
}

func function(t *testing.T, file, output string, inputs ...string) *onnx.Function {
	t.Helper()
	f, err := onnx.OpenFunction(modelstest.Dir(t), file, output, inputs...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestFunctionCall(t *testing.T) {
	f := function(t, models.Silero, "stateN", "input", "state", "sr")
	out, err := f.Call(t.Context(), tensors(t)...)
	if err != nil || len(out) != 256 {
		t.Errorf("Call gave %d elements, %v", len(out), err)
	}
	if _, err := f.Call(t.Context(), tensors(t)[:2]...); err == nil || !strings.Contains(err.Error(), models.Silero) {
		t.Errorf("Call without an input: %v", err)
	}
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if _, err := f.Call(ctx, tensors(t)...); !errors.Is(err, gone) {
		t.Errorf("Call that nobody waits for: %v", err)
	}
	if _, err := function(t, models.Silero, "nonsense", "input", "state", "sr").Call(t.Context(), tensors(t)...); err == nil {
		t.Error("an output that the network does not have was computed")
	}
}

func TestOpenFunctionNamesTheRemedy(t *testing.T) {
	if _, err := onnx.OpenFunction(t.TempDir(), models.Joe, "output"); !errors.Is(err, models.ErrMissing) {
		t.Errorf("OpenFunction without models: %v, want ErrMissing", err)
	}
}

// A call is given up in the middle of it.
func TestFunctionIsStopped(t *testing.T) {
	f := function(t, models.Joe, "output", "input", "input_lengths", "scales")
	const symbols = 1500 // half a minute of speech, which takes seconds to compute
	ids := make([]int64, symbols)
	for i := range ids {
		ids[i] = int64(14 + i%20)
	}
	input, err1 := onnx.NewTensor(ids, 1, symbols)
	length, err2 := onnx.NewTensor([]int64{symbols}, 1)
	scales, err3 := onnx.NewTensor([]float32{0.667, 1, 0.8}, 3)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(input.Close(), length.Close(), scales.Close()); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if out, err := f.Call(ctx, input, length, scales); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Call gave %d elements, %v", len(out), err)
	}
}
