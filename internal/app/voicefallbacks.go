package app

import (
	"context"
	"fmt"
	"time"

	"sidetone/configs"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/dialog/tts/remote"
	"sidetone/internal/breaker"
	"sidetone/media"
)

// spokenWith is the configuration in which another engine has the voices.
func spokenWith(c *configs.Config, engine configs.TTS) *configs.Config {
	other := *c
	other.Speech.TTS, other.Speech.Voice = engine, ""
	return &other
}

// voiceURLs are where an agent's words may be spoken, by the engines that may take
// over too; empty for the built-in ones.
func voiceURLs(c *configs.Config, file *dialog.Agent) (urls []string) {
	urls = append(urls, voiceURL(c, file.Voice.Name))
	for _, engine := range c.Speech.TTSFallbacks {
		urls = append(urls, voiceURL(spokenWith(c, engine), ""))
	}
	return urls
}

// voicesOf returns the voices that speak in an agent's calls, of which first is its
// own; nil where that is none of ours.
func (a *App) voicesOf(ctx context.Context, file *dialog.Agent, first dialog.Speaker) (*tts.Voices, error) {
	if a.ttsMetrics == nil {
		return nil, nil
	}
	var others []tts.Voice
	for _, engine := range a.config.Speech.TTSFallbacks {
		spare, err := a.openSpare(ctx, engine)
		if err := a.missing("tts", err); err != nil {
			return nil, fmt.Errorf("speech.tts_fallbacks: %w", err)
		}
		if spare == nil || spare.Name() == first.Name() {
			continue
		}
		c := spokenWith(a.config, engine)
		own := *file
		own.Voice.Name = ""
		others = append(others, a.voiceWith(readingOf(c, &own).By(spare)))
	}
	takeover, all := time.Duration(a.config.Speech.TTSTakeover), time.Duration(a.config.Speech.FirstAudio)
	return tts.NewVoices(tts.VoicesOptions{First: takeover, Idle: takeover, All: all, Covered: file.Filler != "", Log: a.log}, a.voiceWith(first), others...), nil
}

// openSpare opens the voice of an engine that takes over, once; nil where a built-in
// one cannot be had.
func (a *App) openSpare(ctx context.Context, engine configs.TTS) (dialog.Speaker, error) {
	c := spokenWith(a.config, engine)
	name := voiceOfEngine(c)
	if !elsewhereTTS(c) {
		v, err := a.openVoice(ctx, name)
		if err != nil {
			return nil, err
		}
		return v.Speaker, nil
	}
	at := string(engine) + "/" + name
	if v, ok := a.voices[at]; ok {
		return v.Speaker, nil
	}
	v := openVendorVoice(c, name, "", remote.Options{First: time.Duration(c.Speech.FirstAudio)})
	a.onStop("voice", func(context.Context) error { return v.Close() })
	a.voices[at] = voice{soundOf(c, name), a.ttsMetrics.Measure(tts.NewCache(v, tts.CacheOptions{Metrics: a.ttsMetrics}))}
	return a.voices[at].Speaker, nil
}

// voiceWith is a voice with the breaker of its engine.
func (a *App) voiceWith(speaker dialog.Speaker) tts.Voice {
	b := a.voiceBreakers[speaker.Name()]
	if b == nil {
		b = breaker.New(breaker.Options{Kind: breaker.TTS, Engine: speaker.Name(), Metrics: a.breakers, Log: a.log})
		if a.voiceBreakers == nil {
			a.voiceBreakers = map[string]*breaker.Breaker{}
		}
		a.voiceBreakers[speaker.Name()] = b
	}
	return tts.Voice{Speaker: speaker, Breaker: b}
}

// prepareOwn renders what the agent says of its own accord: while something takes its
// time, when it fails, and to who asks whether it is a machine.
func prepareOwn(ctx context.Context, library *consent.Library, file *dialog.Agent, r consent.Renderer) (map[string]media.Audio, error) {
	var sources []consent.PartSource
	for _, text := range []string{file.Filler, file.Apology, file.Farewell, file.Truth, file.Silence.Goodbye} {
		if text != "" {
			sources = append(sources, consent.PartSource{Kind: consent.PartChoice, Text: text})
		}
	}
	m, err := library.Prepare(ctx, file.Language, sources, nil, r)
	if err != nil {
		return nil, err
	}
	own := map[string]media.Audio{}
	for _, part := range m.Parts {
		own[part.Text] = part.Audio
	}
	return own, nil
}

// speaker returns who speaks in one call.
func (a *agent) speaker() dialog.Speaker {
	if a.voices == nil {
		return a.voice
	}
	return a.voices.ForCall(a.own)
}

// speakers are all who may.
func (a *agent) speakers() []dialog.Speaker {
	if a.voices == nil {
		return []dialog.Speaker{a.voice}
	}
	return a.voices.Speakers()
}
