// Package vad decides when someone speaks: Silero is a neural network, Energy
// is arithmetic for machines without the models.
//
// It keeps no audio beyond the open window of 32 ms, refuses to transcribe, and
// is therefore one of the few that may see a caller before consent. It starts
// no goroutine: a Detector belongs to the goroutine of its call.
package vad

import (
	"cmp"
	"errors"
	"time"

	"sidetone/media"
)

// ErrRate says that a detector was asked for a sample rate it does not know.
var ErrRate = errors.New("vad: the rate must be 8000 or 16000 Hz")

// Options tunes a Detector. Zero fields take the defaults.
type Options struct {
	MinSpeech  time.Duration // speech lasts this long before it counts; 96 ms
	MinSilence time.Duration // and ends after this long without; 96 ms
	Up         float32       // probability at which speech begins; 0.5, for Silero 0.4
	Down       float32       // probability below which it does not go on; 0.35
}

func (o Options) withDefaults() Options {
	o.MinSpeech = cmp.Or(o.MinSpeech, 96*time.Millisecond)
	o.MinSilence = cmp.Or(o.MinSilence, 96*time.Millisecond)
	o.Up = cmp.Or(o.Up, 0.5)
	o.Down = cmp.Or(o.Down, 0.35)
	return o
}

// State is what a Detector makes of the audio so far.
type State struct {
	Speech      bool       // someone speaks, and has done so for MinSpeech
	From        media.Tick // where the current or latest speech truly began
	To          media.Tick // where the last window of speech ended
	Probability float32    // of speech in the newest window
	Cadence     Cadence    // how the latest speech ended, once it has; NoCadence where Energy listens
}

// Detector follows one call. Both implementations pass the same tests.
type Detector interface {
	// Write takes the next 20 ms frame. A jump in At is silence; a frame that lies
	// before what was already taken is ignored.
	Write(media.Frame) (State, error)
	// Silence says that there is no audio up to a tick.
	Silence(at media.Tick) (State, error)
	// Close frees the detector.
	Close() error
}

// Factory makes a Detector for frames of rate Hz, 8000 or 16000: it is
// Model.NewDetector where there are models, else NewEnergy.
type Factory func(rate int, o Options) (Detector, error)

// known reports whether a detector can be had for a rate.
func known(rate int) bool { return rate == 8000 || rate == 16000 }
