package vad

import (
	"cmp"
	"errors"
	"fmt"

	"sidetone/internal/models"
	"sidetone/internal/onnx"
	"sidetone/media"
)

// Model is Silero VAD v6 in memory, shared by the detectors of all calls.
type Model struct{ session *onnx.Session }

// Load loads the model from the models folder dir. The error wraps
// models.ErrMissing or models.ErrTampered when files are not as they must be.
func Load(dir string) (*Model, error) {
	session, err := onnx.Open(dir, models.Silero)
	if err != nil {
		return nil, fmt.Errorf("vad: %w", err)
	}
	return &Model{session}, nil
}

// Close frees the model, once all its detectors are closed.
func (m *Model) Close() error { return m.session.Close() }

// modelRate is the rate at which the network listens, whatever the call's is. It
// knows 16 kHz too, but is less sure of voices there that have the band of a
// telephone, as headsets do, or that begin at once behind a gate: it finds them 37
// ms later (TestWideCallsHearAsSoon), and loses them sooner.
const modelRate = 8000

// What Silero wants to see at that rate, in samples: windows of 32 ms, each after
// the end of the window before (snakers4/silero-vad, utils_vad.py).
const (
	window  = 256
	context = 32
)

// sampleTicks is the length of a sample.
const sampleTicks = media.Tick(media.TickRate / modelRate)

// stateSize is the number of values in the network's memory, [2, 1, 128].
const stateSize = 2 * 128

// Silero is a Detector that asks a Model. It allocates nothing a frame.
type Silero struct {
	line
	trigger trigger
	voice   voice
	filled  int        // samples in the open window
	quiet   media.Tick // silence since the network was last asked

	down   *media.Resampler // from the call's rate; nil where that is the network's
	narrow []int16          // what it made of the newest frame

	binding            *onnx.Binding
	input              *onnx.Tensor[float32] // context, then window
	memory, nextMemory *onnx.Tensor[float32]
	probability        *onnx.Tensor[float32]
	rate               *onnx.Tensor[int64]
}

// sileroUp is the network's threshold: it hears a soft onset 60 ms sooner than
// 0.5 would, and none of the noises it is tested with comes near.
const sileroUp = 0.4

// NewDetector returns a *Silero. It is a Factory.
func (m *Model) NewDetector(rate int, o Options) (Detector, error) {
	if !known(rate) {
		return nil, ErrRate
	}
	o.Up = cmp.Or(o.Up, sileroUp)
	d := &Silero{trigger: newTrigger(o)}
	if rate != modelRate {
		if err := d.listenTo(rate); err != nil {
			return nil, err
		}
	}
	if err := d.bind(m.session); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// listenTo prepares for frames of another rate than the network's. The silence
// ahead of them is what a resampler holds back: frames come out whole, 3 ms late.
func (d *Silero) listenTo(rate int) (err error) {
	if d.down, err = media.NewResampler(rate, modelRate); err != nil {
		return fmt.Errorf("vad: %w", err)
	}
	const held = 24
	d.narrow = d.down.Process(make([]int16, 0, media.FrameSamples(modelRate)+held), make([]int16, held*rate/modelRate))
	return nil
}

// bind makes the tensors and connects them to the network.
func (d *Silero) bind(session *onnx.Session) error {
	const n = context + window
	var err error
	if d.input, err = onnx.NewTensor(make([]float32, n), 1, int64(n)); err != nil {
		return err
	}
	if d.memory, err = onnx.NewTensor(make([]float32, stateSize), 2, 1, 128); err != nil {
		return err
	}
	if d.nextMemory, err = onnx.NewTensor(make([]float32, stateSize), 2, 1, 128); err != nil {
		return err
	}
	if d.probability, err = onnx.NewTensor(make([]float32, 1), 1, 1); err != nil {
		return err
	}
	if d.rate, err = onnx.NewScalar(int64(modelRate)); err != nil {
		return err
	}
	if d.binding, err = session.Bind(); err != nil {
		return err
	}
	return errors.Join(
		d.binding.Input("input", d.input),
		d.binding.Input("state", d.memory),
		d.binding.Input("sr", d.rate),
		d.binding.Output("output", d.probability),
		d.binding.Output("stateN", d.nextMemory),
	)
}

// Write implements Detector.
func (d *Silero) Write(f media.Frame) (State, error) {
	gap, take := d.place(f.At)
	if !take {
		return d.trigger.state, nil
	}
	if gap > 0 {
		if err := d.silence(gap); err != nil {
			return d.trigger.state, err
		}
	}
	d.end = f.At // within the slack, the frame's own tick is the better one
	pcm := f.PCM
	if d.down != nil {
		d.narrow = d.down.Process(d.narrow[:0], pcm)
		pcm = d.narrow
	}
	for len(pcm) > 0 {
		n := min(len(pcm), window-d.filled)
		open := d.input.Data[context+d.filled:]
		for i, s := range pcm[:n] {
			open[i] = float32(s) / 32768
		}
		pcm = pcm[n:]
		if err := d.advance(n); err != nil {
			return d.trigger.state, err
		}
	}
	return d.trigger.state, nil
}

// Silence implements Detector.
func (d *Silero) Silence(at media.Tick) (State, error) {
	gap, take := d.place(at)
	if !take || gap == 0 {
		return d.trigger.state, nil
	}
	err := d.silence(gap)
	return d.trigger.state, err
}

// longSilence is how much of a gap the network gets to hear: it forgets the
// rest as well as what came before.
const longSilence = media.TickRate / 2

// silence takes a gap without audio.
func (d *Silero) silence(gap media.Tick) error {
	at := d.end + gap
	for left := int(min(gap, longSilence) / sampleTicks); left > 0; {
		n := min(left, window-d.filled)
		clear(d.input.Data[context+d.filled:][:n])
		left -= n
		if err := d.advance(n); err != nil {
			return err
		}
	}
	if gap > longSilence {
		clear(d.input.Data)
		clear(d.memory.Data)
		d.filled = 0
		d.trigger.window(d.end, at, 0)
	}
	d.end = at
	return nil
}

// advance counts n samples into the open window and judges it when full.
func (d *Silero) advance(n int) error {
	d.filled += n
	d.end += media.Tick(n) * sampleTicks
	if d.filled < window {
		return nil
	}
	d.filled = 0
	const span = window * sampleTicks
	p, square := float32(0), d.square()
	if square < stillness {
		if d.quiet += span; d.quiet >= longSilence {
			clear(d.memory.Data)
		}
	} else {
		if err := d.binding.Run(); err != nil {
			return fmt.Errorf("vad: %w", err)
		}
		copy(d.memory.Data, d.nextMemory.Data)
		p, d.quiet = d.probability.Data[0], 0
	}
	d.voice.pitch.write(d.input.Data[context:])
	copy(d.input.Data[:context], d.input.Data[window:])
	d.follow(d.end-span, p, decibels(square))
	return nil
}

// follow takes what the network makes of the window that begins at from, and how
// loud that is.
func (d *Silero) follow(from media.Tick, p float32, level float64) {
	t, spoke := &d.trigger, d.trigger.state.Speech
	t.window(from, d.end, p)
	switch {
	case spoke && !t.state.Speech:
		t.state.Cadence = d.voice.cadence()
	case p >= t.down && (t.state.Speech || t.rising):
		if t.onset == from {
			d.voice.begin()
			t.state.Cadence = NoCadence
		}
		d.voice.speak(level)
	case !spoke:
		d.voice.rest(level)
	}
}

// stillness is the mean square below which a window is no speech whatever the
// network thinks: -56 dBFS, where a telephone line has its noise and a caller
// on it has none of the voice. Silence is most of a call, and asking the
// network is most of what a call costs.
const stillness = 2.5e-6

// square returns the mean square of the open window.
func (d *Silero) square() float32 {
	sum := float32(0)
	for _, s := range d.input.Data[context:] {
		sum += s * s
	}
	return sum / window
}

// Close implements Detector.
func (d *Silero) Close() error {
	var errs []error
	if d.binding != nil {
		errs = append(errs, d.binding.Close())
	}
	for _, t := range []*onnx.Tensor[float32]{d.input, d.memory, d.nextMemory, d.probability} {
		if t != nil {
			errs = append(errs, t.Close())
		}
	}
	if d.rate != nil {
		errs = append(errs, d.rate.Close())
	}
	return errors.Join(errs...)
}
