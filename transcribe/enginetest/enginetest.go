// Package enginetest is what every transcribe.Engine must pass, and the human
// speech to test it with: recordings of Debian's pocketsphinx-testdata.
//
// It refuses to be merciful: a missing recording fails the test. Its goroutines
// are those of a session's Run, and end with the test.
package enginetest

import (
	"testing"
	"testing/synctest"

	"sidetone/media"
	"sidetone/transcribe"
	"sidetone/transcribe/contract"
)

// Driver plays a call's part towards one session.
type Driver = contract.Driver

// Drive returns a Driver whose first frame will be at a tick. The session does
// not run yet.
func Drive(t testing.TB, s transcribe.Session, rate int, at media.Tick) *Driver {
	return contract.Drive(t, s, rate, at)
}

// Frames cuts audio into frames from a tick on; the last one is filled up with
// silence.
func Frames(pcm []int16, rate int, at media.Tick) []media.Frame {
	return contract.Frames(pcm, rate, at)
}

// Subject is an engine under test.
type Subject struct {
	Engine transcribe.Engine
	// Bubble makes the engine within a bubble of virtual time, one for each test; nil
	// for engines that work in real time, which are given as Engine.
	Bubble func(t *testing.T) transcribe.Engine
	// Said is speech that the engine knows how to hear; its rate is that of the
	// sessions.
	Said Clip
	// WordErrors is how many words of Said the engine may get wrong.
	WordErrors int
}

// Run holds an engine against the contract of transcribe.Session. What a test
// waits for must come within the test binary's own time limit.
func Run(t *testing.T, s Subject) {
	for _, c := range contract.Cases {
		t.Run(c.Name, func(t *testing.T) {
			held := contract.Subject{Engine: s.Engine, Words: s.Said.Words, Rate: s.Said.Rate, PCM: s.Said.PCM, WordErrors: s.WordErrors}
			if s.Bubble == nil {
				c.Hold(t, held)
				return
			}
			synctest.Test(t, func(t *testing.T) {
				held.Engine = s.Bubble(t)
				c.Hold(t, held)
			})
		})
	}
}
