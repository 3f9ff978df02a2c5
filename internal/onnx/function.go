package onnx

import (
	"context"
	"errors"
	"fmt"
	"slices"

	ort "github.com/yalue/onnxruntime_go"
)

// Function is a network in memory that makes one output of its inputs, of a
// shape that only the computation tells. Its calls may run at the same time,
// and all share its weights.
type Function struct {
	file    string
	inputs  int
	session *ort.DynamicAdvancedSession
	letGo   func() error
}

// OpenFunction is Open for a network that is called with the named inputs, in
// their order, and whose named output is wanted.
func OpenFunction(dir, file, output string, inputs ...string) (*Function, error) {
	session, letGo, err := hold(dir, file, inputs, []string{output})
	if err != nil {
		return nil, err
	}
	return &Function{file, len(inputs), session, letGo}, nil
}

// Call computes the output on the calling thread, and returns its elements. It
// gives up with ctx's cause when that ends. An output that is not made of float32
// is an error.
func (f *Function) Call(ctx context.Context, inputs ...Value) (out []float32, err error) {
	if len(inputs) != f.inputs {
		return nil, fmt.Errorf("onnx: running %s: %d inputs, wanted %d", f.file, len(inputs), f.inputs)
	}
	in := make([]ort.Value, len(inputs))
	for i, v := range inputs {
		in[i] = v.ort()
	}
	result := []ort.Value{nil}
	if err := f.run(ctx, in, result); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, result[0].Destroy()) }()
	tensor, ok := result[0].(*ort.Tensor[float32])
	if !ok {
		return nil, fmt.Errorf("onnx: running %s: the output is no tensor of float32", f.file)
	}
	return slices.Clone(tensor.GetData()), nil
}

// run computes until ctx ends: the runtime looks between two operators whether it
// is to go on.
func (f *Function) run(ctx context.Context, in, out []ort.Value) (err error) {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	options, err := ort.NewRunOptions()
	if err != nil {
		return fmt.Errorf("onnx: running %s: %w", f.file, err)
	}
	defer func() { err = errors.Join(err, options.Destroy()) }()
	told := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(told)
		_ = options.Terminate() // it can only fail without options
	})
	err = f.session.RunWithOptions(in, out, options)
	if !stop() {
		<-told // the options are in use until then
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("onnx: running %s: %w", f.file, err)
	}
	return nil
}

// Close frees the network, if no other Function holds it. All calls must have
// returned. It is idempotent.
func (f *Function) Close() error { return f.letGo() }
