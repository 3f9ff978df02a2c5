package onnx_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"sidetone/internal/models"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/onnx"
)

func TestOpenNamesTheRemedy(t *testing.T) {
	_, err := onnx.Open(t.TempDir(), models.Silero)
	if !errors.Is(err, models.ErrMissing) || !strings.Contains(err.Error(), "make models") {
		t.Errorf("Open without models: %v, want ErrMissing and the command", err)
	}
}

// silero binds the smallest of the networks to fresh tensors.
func silero(t *testing.T, s *onnx.Session, shape ...int64) (b *onnx.Binding, p *onnx.Tensor[float32]) {
	t.Helper()
	input, err1 := onnx.NewTensor(make([]float32, 288), 1, 288)
	state, err2 := onnx.NewTensor(make([]float32, 256), 2, 1, 128)
	rate, err3 := onnx.NewScalar[int64](8000)
	p, err4 := onnx.NewTensor(make([]float32, 8), shape...)
	b, err5 := s.Bind()
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.Input("input", input), b.Input("state", state), b.Input("sr", rate), b.Output("output", p)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(b.Close(), input.Close(), state.Close(), rate.Close(), p.Close()); err != nil {
			t.Error(err)
		}
	})
	return b, p
}

func open(t *testing.T) *onnx.Session {
	t.Helper()
	s, err := onnx.Open(modelstest.Dir(t), models.Silero)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestBindingsRunSideBySide(t *testing.T) {
	s := open(t)
	var all sync.WaitGroup
	for range 4 {
		b, p := silero(t, s, 1, 1)
		all.Go(func() {
			for range 50 {
				p.Data[0] = -1
				if err := b.Run(); err != nil {
					t.Error(err)
				}
				if p.Data[0] < 0 || p.Data[0] > 0.5 {
					t.Errorf("probability of speech in silence: %v", p.Data[0])
				}
			}
		})
	}
	all.Wait()
}

func TestRunRefusesAWrongShape(t *testing.T) {
	b, _ := silero(t, open(t), 1, 7)
	if err := b.Run(); err == nil || !strings.Contains(err.Error(), models.Silero) {
		t.Errorf("Run = %v, want an error that names the network", err)
	}
}

func TestUnknownNamesAreErrors(t *testing.T) {
	b, p := silero(t, open(t), 1, 1)
	if err := b.Input("nonsense", p); err == nil {
		if err = b.Run(); err == nil {
			t.Error("an input that the network does not have was accepted")
		}
	}
}

func TestTensorNeedsItsData(t *testing.T) {
	open(t)
	if _, err := onnx.NewTensor(make([]float32, 5), 2, 3); err == nil {
		t.Error("a [2,3] tensor was made of five values")
	}
}
