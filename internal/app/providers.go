package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"sidetone/configs"
	"sidetone/dialog"
	"sidetone/dialog/tts/flite"
	"sidetone/media"
	"sidetone/transcribe"
	"sidetone/transcribe/contract"
	"sidetone/transcribe/remote"
)

// ProviderCheck is what came out of holding an engine against the contract that those
// of its kind keep to.
type ProviderCheck struct {
	Part   string         `json:"part"` // recognition, voice or language model
	Engine string         `json:"engine"`
	Model  string         `json:"model,omitempty"` // or voice; empty for recognition
	Host   string         `json:"host"`
	Agents []string       `json:"agents"` // whose calls it may come to serve
	Cases  []ProviderCase `json:"cases"`
}

// ProviderCase is one part of the contract.
type ProviderCase struct {
	Part    string   `json:"part"`
	Engine  string   `json:"engine"`
	Rate    int      `json:"rate,omitempty"` // Hz: 8000 as from phones, 16000 as from web pages
	Name    string   `json:"name"`
	Seconds float64  `json:"seconds"`
	Faults  []string `json:"faults,omitempty"` // none: it is kept
}

// Failed reports whether something is wrong.
func (p ProviderCheck) Failed() bool {
	for _, c := range p.Cases {
		if len(c.Faults) > 0 {
			return true
		}
	}
	return false
}

// ProviderSpeech is what is said to a provider: a WAV file and its words, or
// nothing for a sentence of the built-in voice.
type ProviderSpeech struct {
	File  string
	Words string
	Fast  bool // as fast as it can be sent, and not as people speak
}

// errBuiltIn says that there is no provider.
var errBuiltIn = errors.New("app: recognition and voices are built in, and there is no language model: there is nothing to check")

// checkedWords is what the built-in voice says to a provider.
const checkedWords = "please go forward ten meters and then turn to the left"

// wrongKey is no key of anybody's.
const wrongKey = "sidetone-providers-check-wrong-key"

// CheckProviders holds all recognition engines and voices of a vendor, and all language
// models, that any agent's calls may come to have against the contracts that the tests
// hold their fakes against: those that are asked first, those that take over, and those
// that agents name. Speech is held at both rates; each case is told as it ends. It costs
// what some minutes of speech cost there.
func CheckProviders(ctx context.Context, c *configs.Config, speech ProviderSpeech, told func(ProviderCase)) (all []ProviderCheck, err error) {
	files, err := dialog.LoadAgents(c.Agents.Dir)
	if err != nil {
		return nil, err
	}
	var said saidTo
	for _, name := range c.Speech.Recognition() {
		if addressOf(c, name) == "" {
			continue
		}
		if said.words == "" {
			if said, err = speech.open(ctx, c); err != nil {
				return nil, err
			}
		}
		p, err := checkRecognition(ctx, c, name, said, !speech.Fast, told)
		if err != nil {
			return nil, err
		}
		p.Agents = servedBy(files, func(file *dialog.Agent) bool { return slices.Contains(recognisers(c, file), name) })
		all = append(all, p)
	}
	all = append(all, checkVoices(ctx, c, files, told)...)
	models, err := checkModels(ctx, c, files, told)
	if err != nil {
		return nil, err
	}
	if all = append(all, models...); len(all) == 0 {
		return nil, errBuiltIn
	}
	return all, ctx.Err()
}

// servedBy are the names of the agents of whom something holds, sorted.
func servedBy(files map[string]*dialog.Agent, holds func(*dialog.Agent) bool) []string {
	names := []string{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if holds(files[name]) {
			names = append(names, name)
		}
	}
	return names
}

// checkRecognition checks one recognition engine.
func checkRecognition(ctx context.Context, c *configs.Config, name configs.STT, said saidTo, paced bool, told func(ProviderCase)) (ProviderCheck, error) {
	engine, err := openVendor(c, name, "", remote.Options{})
	if err != nil {
		return ProviderCheck{}, err
	}
	p := ProviderCheck{Part: "recognition", Engine: engine.Name(), Host: hostOf(addressOf(c, name))}
	if !p.reached(ctx, addressOf(c, name), told) {
		return p, nil
	}
	add := func(rate int, name string, hold func(contract.T)) {
		p.hold(ctx, rate, name, told, func(n *holding) { hold(n) })
	}
	add(0, wrongKeyCase, func(t contract.T) { refusesKey(ctx, t, c, name, said) })
	for _, rate := range []int{8000, 16000} {
		pcm, err := media.Resample(said.pcm, said.rate, rate)
		if err != nil {
			return p, err
		}
		s := contract.Subject{Engine: engine, Words: said.words, Rate: rate, PCM: pcm, WordErrors: len(strings.Fields(said.words)) / 4, Paced: paced}
		for _, held := range contract.Cases {
			add(rate, held.Name, func(t contract.T) { held.Hold(t, s) })
		}
	}
	return p, ctx.Err()
}

// wrongKeyCase is the case of a key that is nobody's.
const wrongKeyCase = "a wrong key is refused as such"

// reachedWithin is how long a connection to a provider may take.
const reachedWithin = 5 * time.Second

// reached holds that there is anybody at the provider's address. Nothing else is asked
// of one that is not there.
func (p *ProviderCheck) reached(ctx context.Context, address string, told func(ProviderCase)) (ok bool) {
	p.hold(ctx, 0, "can be reached", told, func(n *holding) {
		u, err := url.Parse(address)
		if err != nil {
			n.Fatal("its address can not be read") // it may hold a secret in the wrong place
		}
		port := cmp.Or(u.Port(), map[string]string{"http": "80", "ws": "80"}[u.Scheme], "443")
		conn, err := (&net.Dialer{Timeout: reachedWithin}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
		if err != nil {
			n.Fatalf("%s can not be reached: %v", p.Engine, err)
		}
		conn.Close()
		ok = true
	})
	return ok
}

// hold runs a case, and tells of it.
func (p *ProviderCheck) hold(ctx context.Context, rate int, name string, told func(ProviderCase), hold func(*holding)) {
	if ctx.Err() != nil {
		return
	}
	done := ProviderCase{Part: p.Part, Engine: p.Engine, Rate: rate, Name: name}
	began := time.Now()
	done.Faults = faultsOf(hold)
	done.Seconds = time.Since(began).Seconds()
	told(done)
	p.Cases = append(p.Cases, done)
}

// saidTo is speech for a provider.
type saidTo struct {
	words string
	rate  int
	pcm   []int16
}

// open reads the speech, or has the built-in voice say it.
func (s ProviderSpeech) open(ctx context.Context, c *configs.Config) (saidTo, error) {
	if s.File == "" {
		voice, err := flite.New(ctx, flite.Options{ModelsDir: c.Speech.ModelsDir, Voice: "rms"})
		if err != nil {
			return saidTo{}, fmt.Errorf("app: the built-in voice, in place of a file: %w", err)
		}
		defer voice.Close()
		audio, err := render(voice)(ctx, checkedWords)
		return saidTo{checkedWords, audio.Rate, audio.PCM}, err
	}
	data, err := os.ReadFile(s.File)
	if err != nil {
		return saidTo{}, err
	}
	audio, err := media.DecodeWAV(data)
	if err != nil {
		return saidTo{}, fmt.Errorf("%s: %w", s.File, err)
	}
	return saidTo{strings.ToLower(s.Words), audio.Rate, audio.PCM}, nil
}

// refusesKey holds that a wrong key is told from other faults. A server on this
// machine may want none.
func refusesKey(ctx context.Context, t contract.T, c *configs.Config, name configs.STT, said saidTo) {
	if remote.OnThisMachine(addressOf(c, name)) {
		return
	}
	engine, err := openVendor(c, name, wrongKey, remote.Options{})
	if err != nil {
		t.Fatal(err)
	}
	session, err := engine.Open(transcribe.Options{Rate: 8000, Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	pcm, err := media.Resample(said.pcm, said.rate, 8000)
	if err != nil {
		t.Fatal(err)
	}
	d := contract.Drive(t, session, 8000, 0)
	d.Say(pcm) // what makes no connection before the end of a turn is asked by it
	d.Session.Finalize(d.At)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	err = session.Run(ctx)
	var f *transcribe.Failure
	if !errors.As(err, &f) || f.Class != transcribe.Denied {
		t.Errorf("a wrong key ended with %v, want a failure of class %s", err, transcribe.Denied)
	}
}

// holding takes note of the faults of one case.
type holding struct {
	faults []string
	after  []func()
}

// stopped is panicked with by Fatal.
type stopped struct{}

// faultsOf runs a case and returns its faults.
func faultsOf(hold func(*holding)) []string {
	n := &holding{}
	func() {
		defer func() {
			if p := recover(); p != nil && p != any(stopped{}) {
				panic(p)
			}
		}()
		hold(n)
	}()
	for i := len(n.after) - 1; i >= 0; i-- {
		n.after[i]()
	}
	return n.faults
}

func (*holding) Helper()                     {}
func (n *holding) Error(args ...any)         { n.faults = append(n.faults, fmt.Sprint(args...)) }
func (n *holding) Errorf(f string, a ...any) { n.faults = append(n.faults, fmt.Sprintf(f, a...)) }
func (n *holding) Fatal(args ...any)         { n.Error(args...); panic(stopped{}) }
func (n *holding) Fatalf(f string, a ...any) { n.Errorf(f, a...); panic(stopped{}) }
func (n *holding) Cleanup(f func())          { n.after = append(n.after, f) }
