package onnx

import (
	"fmt"

	ort "github.com/yalue/onnxruntime_go"
)

// Binding connects tensors to the inputs and outputs of a network: Run reads
// and writes them in place and allocates nothing in Go. It belongs to one
// goroutine.
type Binding struct {
	file    string
	session *ort.DynamicAdvancedSession
	binding *ort.IoBinding
}

// Bind returns a Binding with nothing connected.
func (s *Session) Bind() (*Binding, error) {
	b, err := s.session.CreateIoBinding()
	if err != nil {
		return nil, fmt.Errorf("onnx: binding %s: %w", s.file, err)
	}
	return &Binding{s.file, s.session, b}, nil
}

// Input connects a tensor to the named input, instead of the one before.
func (b *Binding) Input(name string, v Value) error {
	if err := b.binding.BindInput(name, v.ort()); err != nil {
		return fmt.Errorf("onnx: binding input %s of %s: %w", name, b.file, err)
	}
	return nil
}

// Output connects a tensor to the named output, instead of the one before. The
// tensor must have the shape that Run will give it. Outputs that are not
// connected are not computed.
func (b *Binding) Output(name string, v Value) error {
	if err := b.binding.BindOutput(name, v.ort()); err != nil {
		return fmt.Errorf("onnx: binding output %s of %s: %w", name, b.file, err)
	}
	return nil
}

// ClearOutputs disconnects all outputs.
func (b *Binding) ClearOutputs() { b.binding.ClearBoundOutputs() }

// Run computes the outputs from the inputs on the calling thread.
func (b *Binding) Run() error {
	if err := b.session.RunWithBinding(b.binding); err != nil {
		return fmt.Errorf("onnx: running %s: %w", b.file, err)
	}
	return nil
}

// Close disconnects everything. It does not close the tensors.
func (b *Binding) Close() error { return b.binding.Destroy() }

// Value is a tensor of any element.
type Value interface {
	Close() error
	ort() ort.Value
}

// Element is what tensors of this package are made of.
type Element interface{ float32 | int64 | bool }

// Tensor is a slice that the runtime sees as an array of a shape. It may not
// be used after Close.
type Tensor[T Element] struct {
	Data   []T
	tensor ort.Value
}

// NewTensor gives data a shape, the product of whose dimensions must not
// exceed its length. The data is shared, not copied.
func NewTensor[T Element](data []T, shape ...int64) (*Tensor[T], error) {
	t, err := ort.NewTensor(ort.Shape(shape), data)
	if err != nil {
		return nil, fmt.Errorf("onnx: making a tensor: %w", err)
	}
	return &Tensor[T]{t.GetData(), t}, nil
}

// NewScalar makes a tensor without dimensions. Its Data is nil.
func NewScalar[T Element](v T) (*Tensor[T], error) {
	t, err := ort.NewScalar(v)
	if err != nil {
		return nil, fmt.Errorf("onnx: making a scalar: %w", err)
	}
	return &Tensor[T]{nil, t}, nil
}

// Close frees what the runtime holds of the tensor.
func (t *Tensor[T]) Close() error { return t.tensor.Destroy() }

func (t *Tensor[T]) ort() ort.Value { return t.tensor }
