package app

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"sidetone/configs"
	"sidetone/dialog/tts"
	"sidetone/dialog/tts/contract"
	"sidetone/dialog/tts/remote"
	"sidetone/internal/sim"
	"sidetone/transcribe/moonshine"
)

// voiceLeave is how soon a voice elsewhere must leave off: its part is in memory.
const voiceLeave = 250 * time.Millisecond

// heardClip is the longest audio that is judged by its words, in seconds: what the
// built-in recognition takes at once.
const heardClip = 14

// heardPause is the silence around a clip in which it is recognised well, in
// milliseconds: voices leave it out.
const heardPause = 300

// checkVoice holds the configured voice against the contract. The built-in
// recognition hears what it says, where it is installed; elsewhere its length and
// its level are judged.
func checkVoice(ctx context.Context, c *configs.Config, told func(ProviderCase)) ProviderCheck {
	name := cmp.Or(c.Speech.Voice, voiceOfEngine(c))
	options := remote.Options{First: time.Duration(c.Speech.FirstAudio)}
	voice := openVendorVoice(c, name, "", options)
	defer voice.Close()
	recognition := moonshine.New(moonshine.Options{Dir: c.Speech.ModelsDir, Metrics: moonshine.NewMetrics(nil)})
	defer recognition.Close()

	s := contract.Subject{Speaker: voice, Words: checkedWords, Leave: voiceLeave}
	if recognition.Load() == nil {
		s.Hear = func(words string, rate int, pcm []int16) (wrong, said int, err error) {
			if len(pcm) > heardClip*rate {
				return 0, 0, nil
			}
			quiet := make([]int16, heardPause*rate/1000)
			text, _, err := recognition.Recognise(ctx, slices.Concat(quiet, pcm, quiet), rate)
			wrong, said = sim.WordErrors(words, text)
			return wrong, said, err
		}
	}
	p := ProviderCheck{Part: "voice", Engine: voice.Name(), Host: hostOf(voiceURL(c, ""))}
	p.hold(ctx, 0, "a wrong key is refused as such", told, func(n *holding) {
		if remote.OnThisMachine(voiceURL(c, "")) {
			return // a server on this machine may want none
		}
		wrong := openVendorVoice(c, name, wrongKey, options)
		defer wrong.Close()
		var failed *tts.Failure
		for _, err := range wrong.Speak(ctx, checkedWords, 8000) {
			errors.As(err, &failed)
		}
		if failed == nil || failed.Class != tts.Denied {
			n.Errorf("a wrong key ended with %v, want a failure of class %s", failed, tts.Denied)
		}
	})
	for _, rate := range []int{8000, 16000} {
		s.Rate = rate
		for _, held := range contract.Cases {
			p.hold(ctx, rate, held.Name, told, func(n *holding) { held.Hold(ctx, n, s) })
		}
	}
	return p
}
