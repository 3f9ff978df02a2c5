package app

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"sidetone/configs"
	"sidetone/dialog"
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

// checkVoices checks the voices that are elsewhere: those of each engine that may come
// to speak, and of the configured one those that agents name. An engine is held against
// all of the contract by its first voice; of the others it is to say the words.
func checkVoices(ctx context.Context, c *configs.Config, files map[string]*dialog.Agent, told func(ProviderCase)) (all []ProviderCheck) {
	names := []string{cmp.Or(c.Speech.Voice, voiceOfEngine(c))}
	for _, agent := range servedBy(files, func(file *dialog.Agent) bool { return file.Voice.Name != "" }) {
		if name := files[agent].Voice.Name; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	asked := false
	for _, name := range names {
		agents := servedBy(files, func(file *dialog.Agent) bool { return cmp.Or(file.Voice.Name, names[0]) == name })
		if voiceURL(c, name) == "" {
			continue
		}
		p := checkVoice(ctx, c, name, asked, told)
		p.Agents, asked = agents, true
		all = append(all, p)
	}
	for _, engine := range c.Speech.TTSFallbacks {
		spare := spokenWith(c, engine)
		if !elsewhereTTS(spare) {
			continue
		}
		p := checkVoice(ctx, spare, voiceOfEngine(spare), false, told)
		p.Agents = servedBy(files, func(*dialog.Agent) bool { return true })
		all = append(all, p)
	}
	return all
}

// checkVoice holds a voice of the configured engine against the contract, or has it
// only say the words where another voice has kept it. The built-in recognition hears
// what it says, where it is installed; elsewhere its length and its level are judged.
func checkVoice(ctx context.Context, c *configs.Config, name string, kept bool, told func(ProviderCase)) ProviderCheck {
	options := remote.Options{First: time.Duration(c.Speech.FirstAudio)}
	voice := openVendorVoice(c, name, "", options)
	defer voice.Close()
	p := ProviderCheck{Part: "voice", Engine: voice.Name(), Model: name, Host: hostOf(voiceURL(c, name))}
	if !p.reached(ctx, voiceURL(c, name), told) {
		return p
	}
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
	if kept {
		i := slices.IndexFunc(contract.Cases, func(held contract.Case) bool { return held.Name == contract.SaysTheWords })
		s.Rate = 8000
		p.hold(ctx, s.Rate, name+" "+contract.SaysTheWords, told, func(n *holding) { contract.Cases[i].Hold(ctx, n, s) })
		return p
	}
	p.hold(ctx, 0, wrongKeyCase, told, func(n *holding) {
		if remote.OnThisMachine(voiceURL(c, name)) {
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
