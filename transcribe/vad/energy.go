package vad

import (
	"math"

	"sidetone/media"
)

// What Energy takes for speech, in dB: the probability is 0.5 at 10 dB above
// the noise floor. The floor is the quietest frame of the last 1.6 s, which is
// longer than people speak without a dip between two syllables; a steady sound
// counts as speech for as long.
const (
	certain     = 20.0  // above the floor
	hearable    = -50.0 // full scale; below it nothing is speech
	quietest    = -70.0 // full scale; the floor goes no lower
	floorFrames = 10    // in one part of the floor's memory
	floorParts  = 8
)

// Energy is a Detector that compares each frame's level with a noise floor
// which follows the line. It knows voices from noise only by their changing
// level: it is what remains where the models are missing.
type Energy struct {
	line
	trigger trigger
	parts   [floorParts]float64 // quietest frame of each part
	frames  int                 // taken so far
}

// NewEnergy returns an *Energy. It is a Factory.
func NewEnergy(rate int, o Options) (Detector, error) {
	if !known(rate) {
		return nil, ErrRate
	}
	d := &Energy{trigger: newTrigger(o)}
	for i := range d.parts {
		d.parts[i] = math.Inf(1)
	}
	return d, nil
}

// Write implements Detector.
func (d *Energy) Write(f media.Frame) (State, error) {
	gap, take := d.place(f.At)
	if !take {
		return d.trigger.state, nil
	}
	if gap > 0 {
		d.trigger.window(d.end, f.At, 0)
	}
	d.end = f.End()
	return d.trigger.window(f.At, f.End(), d.judge(media.RMS(f.PCM))), nil
}

// Silence implements Detector.
func (d *Energy) Silence(at media.Tick) (State, error) {
	gap, take := d.place(at)
	if !take || gap == 0 {
		return d.trigger.state, nil
	}
	from := d.end
	d.end = at
	return d.trigger.window(from, at, 0), nil
}

// Close implements Detector.
func (d *Energy) Close() error { return nil }

// judge turns a frame's level into a probability, and learns from it.
func (d *Energy) judge(level float64) float32 {
	part := d.frames / floorFrames % floorParts
	if d.frames%floorFrames == 0 {
		d.parts[part] = math.Inf(1)
	}
	d.frames++
	d.parts[part] = min(d.parts[part], level)
	floor := level
	for _, p := range d.parts {
		floor = min(floor, p)
	}
	if level < hearable {
		return 0
	}
	return float32(min((level-max(floor, quietest))/certain, 1))
}
