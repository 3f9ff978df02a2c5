package piper

import (
	"context"
	"errors"
	"math"

	"sidetone/internal/models"
	"sidetone/internal/onnx"
)

// network is a voice in memory.
type network struct {
	*settings
	function *onnx.Function
}

// load reads a voice from the models folder dir.
func load(dir string) (*network, error) {
	content, err := models.Read(dir, models.JoeConfig)
	if err != nil {
		return nil, err
	}
	s, err := parse(content)
	if err != nil {
		return nil, err
	}
	f, err := onnx.OpenFunction(dir, models.Joe, "output", "input", "input_lengths", "scales")
	if err != nil {
		return nil, err
	}
	return &network{s, f}, nil
}

// speak computes how phonemes sound, mono at the voice's rate, until ctx ends.
func (n *network) speak(ctx context.Context, phonemes string) (pcm []int16, err error) {
	ids := n.ids(phonemes)
	input, err := onnx.NewTensor(ids, 1, int64(len(ids)))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, input.Close()) }()
	length, err := onnx.NewTensor([]int64{int64(len(ids))}, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, length.Close()) }()
	scales, err := onnx.NewTensor([]float32{n.Inference.Noise, n.Inference.Length, n.Inference.NoiseW}, 3)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, scales.Close()) }()
	wave, err := n.function.Call(ctx, input, length, scales)
	if err != nil {
		return nil, err
	}
	pcm = make([]int16, len(wave))
	for i, x := range wave {
		pcm[i] = int16(max(math.MinInt16, min(math.MaxInt16, math.Round(float64(x)*math.MaxInt16))))
	}
	return pcm, nil
}
