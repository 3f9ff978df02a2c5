package moonshine

import (
	"context"
	"errors"
	"fmt"
	"math"

	"sidetone/internal/onnx"
)

// workspace is what one decode needs beside the model: about 10 MB, used again
// and again. It belongs to whoever holds it.
type workspace struct {
	encode, decode *onnx.Binding
	hidden         []float32
	crossCache     [2 * layers][]float32    // keys and values of the audio, of each layer
	selfCache      [2][2 * layers][]float32 // and of the tokens: read one, write the other
	logits         []float32
	wordless       []bool       // the model's
	open           []onnx.Value // tensors of the running decode
}

func newWorkspace(m *model) (*workspace, error) {
	encode, err := m.encoder.Bind()
	if err != nil {
		return nil, err
	}
	decode, err := m.decoder.Bind()
	if err != nil {
		return nil, errors.Join(err, encode.Close())
	}
	return &workspace{encode: encode, decode: decode, logits: make([]float32, vocabularySize), wordless: m.wordless}, nil
}

func (w *workspace) close() error { return errors.Join(w.encode.Close(), w.decode.Close()) }

// tensor makes a tensor over the front of data, which must be long enough; it
// lives until the decode ends.
func tensor[T onnx.Element](w *workspace, data []T, shape ...int64) (*onnx.Tensor[T], error) {
	t, err := onnx.NewTensor(data, shape...)
	if err != nil {
		return nil, err
	}
	w.open = append(w.open, t)
	return t, nil
}

// release closes the tensors of the decode that has ended.
func (w *workspace) release() error {
	var errs []error
	for _, t := range w.open {
		errs = append(errs, t.Close())
	}
	w.open = w.open[:0]
	return errors.Join(errs...)
}

// decoded is what the model makes of a stretch of audio.
type decoded struct {
	tokens     []int64
	confidence float64 // mean probability of the tokens and of the end
	exact      float64 // probability of these words and no others, whatever the punctuation
	wordless   float64 // probability that there are none
	cut        bool    // the limit of tokens was reached before an end
}

// The model says at most this many tokens a second of audio.
const tokensPerSecond = 6

// sureOfNothing is the probability of an end at the first token from which the
// model is believed that there are no words. On noise it was at least 0.99, on
// single words that it passed over 0.54 to 0.96.
const sureOfNothing = 0.98

// tokensIn is how many tokens the model may say in n samples of audio.
func tokensIn(n int) int { return max(1, tokensPerSecond*n/sampleRate) }

// run decodes mono 16 kHz audio, at least shortest samples of it, into at most
// limit tokens. With spoken, the audio is known to hold speech, and unless it
// is sureOfNothing the model may not end at once, as it does on many single
// words. A cancelled ctx ends it between two tokens.
func (w *workspace) run(ctx context.Context, audio []float32, spoken bool, limit int) (d decoded, err error) {
	defer func() { err = errors.Join(err, w.release()) }()
	frames, err := w.listen(audio)
	if err != nil {
		return decoded{}, err
	}
	token, sum := int64(startToken), 0.0
	d.exact = 1
	for step := range limit {
		if err := ctx.Err(); err != nil {
			return decoded{}, err
		}
		if err := w.step(token, step, frames); err != nil {
			return decoded{}, err
		}
		var p, none float64
		token, p, none = likeliest(w.logits, w.wordless)
		if step == 0 {
			d.wordless = p * math.Exp(float64(w.logits[endToken]-w.logits[token]))
		}
		if step == 0 && spoken && token == endToken && p < sureOfNothing {
			w.logits[endToken] = float32(math.Inf(-1))
			token, p, none = likeliest(w.logits, w.wordless)
		}
		sum += p
		if w.wordless[token] {
			d.exact *= none
		} else {
			d.exact *= p
		}
		d.confidence = sum / float64(step+1)
		if token == endToken {
			return d, nil
		}
		d.tokens = append(d.tokens, token)
	}
	d.cut = true
	return d, nil
}

// shortest is the least audio that the encoder's convolutions can take.
const shortest = 127 + 64*(6+3*2)

// encoderFrames is the length of the encoder's output for n samples, which
// pass three convolutions of widths 127, 7, 3 and strides 64, 3, 2.
func encoderFrames(n int) int {
	n = (n-127)/64 + 1
	n = (n-7)/3 + 1
	return (n-3)/2 + 1
}

// listen runs the encoder and connects its output to the decoder.
func (w *workspace) listen(audio []float32) (frames int64, err error) {
	if len(audio) < shortest {
		return 0, fmt.Errorf("moonshine: internal error: %d samples are too few", len(audio))
	}
	frames = int64(encoderFrames(len(audio)))
	w.hidden = grow(w.hidden, int(frames)*hiddenSize)
	in, err := tensor(w, audio, 1, int64(len(audio)))
	if err != nil {
		return 0, err
	}
	out, err := tensor(w, w.hidden, 1, frames, hiddenSize)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(
		w.encode.Input("input_values", in),
		w.encode.Output("last_hidden_state", out),
		w.decode.Input("encoder_hidden_states", out),
	); err != nil {
		return 0, err
	}
	return frames, w.encode.Run()
}

// step feeds the newest token to the decoder and fills logits with what may
// follow. The first step also computes the cross cache, which all others read.
func (w *workspace) step(token int64, step int, frames int64) error {
	ids, err := tensor(w, []int64{token}, 1, 1)
	if err != nil {
		return err
	}
	cached, err := tensor(w, []bool{step > 0}, 1)
	if err != nil {
		return err
	}
	logits, err := tensor(w, w.logits, 1, 1, vocabularySize)
	if err != nil {
		return err
	}
	w.decode.ClearOutputs()
	if err := errors.Join(
		w.decode.Input("input_ids", ids),
		w.decode.Input("use_cache_branch", cached),
		w.decode.Output("logits", logits),
		w.bindSelf(step),
	); err != nil {
		return err
	}
	if step == 0 {
		err = w.bindCross("past_key_values", 1, w.decode.Input)
		err = errors.Join(err, w.bindCross("present", frames, w.decode.Output))
	}
	if step == 1 {
		err = w.bindCross("past_key_values", frames, w.decode.Input)
	}
	if err != nil {
		return err
	}
	return w.decode.Run()
}

// bindSelf lets a step read the cache of the tokens before it from one buffer
// and write that with its own token to the other. The first step's reads are
// ignored, but need a shape.
func (w *workspace) bindSelf(step int) error {
	past, present := int64(max(step, 1)), int64(step+1)
	read, write := &w.selfCache[step%2], &w.selfCache[(step+1)%2]
	for i := range read {
		read[i] = grow(read[i], int(past)*hiddenSize)
		write[i] = grow(write[i], int(present)*hiddenSize)
		from, err := tensor(w, read[i], 1, heads, past, headSize)
		if err != nil {
			return err
		}
		to, err := tensor(w, write[i], 1, heads, present, headSize)
		if err != nil {
			return err
		}
		if err := errors.Join(
			w.decode.Input(cacheName("past_key_values", i, "decoder"), from),
			w.decode.Output(cacheName("present", i, "decoder"), to),
		); err != nil {
			return err
		}
	}
	return nil
}

// bindCross connects the cache of the audio by its names with a prefix.
func (w *workspace) bindCross(prefix string, frames int64, bind func(string, onnx.Value) error) error {
	for i := range w.crossCache {
		w.crossCache[i] = grow(w.crossCache[i], int(frames)*hiddenSize)
		t, err := tensor(w, w.crossCache[i], 1, heads, frames, headSize)
		if err != nil {
			return err
		}
		if err := bind(cacheName(prefix, i, "encoder"), t); err != nil {
			return err
		}
	}
	return nil
}

func cacheName(prefix string, i int, side string) string {
	kind := "key"
	if i%2 == 1 {
		kind = "value"
	}
	return fmt.Sprintf("%s.%d.%s.%s", prefix, i/2, side, kind)
}

// grow returns a slice of length n, that of s if it is long enough. The old
// content does not survive growth.
func grow(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n, n+n/2)
	}
	return s[:n]
}

// likeliest returns the token of the largest logit, its probability, and the
// probability that the token is a wordless one.
func likeliest(logits []float32, wordless []bool) (token int64, p, none float64) {
	best := 0
	for i, x := range logits {
		if x > logits[best] {
			best = i
		}
	}
	sum := 0.0
	for i, x := range logits {
		if d := x - logits[best]; d > -12 { // the rest adds less than 32768 e^-12 = 0.2
			e := math.Exp(float64(d))
			sum += e
			if wordless[i] {
				none += e
			}
		}
	}
	return int64(best), 1 / sum, none / sum
}
