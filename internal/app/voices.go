package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"sidetone/configs"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/dialog/tts/deepgram"
	"sidetone/dialog/tts/elevenlabs"
	"sidetone/dialog/tts/flite"
	"sidetone/dialog/tts/openai"
	"sidetone/dialog/tts/piper"
	"sidetone/dialog/tts/remote"
	"sidetone/internal/models"
	"sidetone/media"
)

// voice is one that is open, and the name of how it sounds.
type voice struct {
	name string
	dialog.Speaker
}

// closing is a voice that has to be closed.
type closing interface {
	dialog.Speaker
	io.Closer
}

// fallback speaks where the neural voice cannot be had.
const fallback = "rms"

// defaultVoice is the name of the voice of agents that name no other.
func (a *App) defaultVoice() string { return cmp.Or(a.config.Speech.Voice, voiceOfEngine(a.config)) }

// voiceOfEngine is the voice of the configured engine where none is named.
func voiceOfEngine(c *configs.Config) string {
	switch s := c.Speech; s.TTS {
	case configs.TTSFlite:
		return fallback
	case configs.TTSOpenAI:
		return s.OpenAI.TTS.Voice
	case configs.TTSElevenLabs:
		return s.ElevenLabs.Voice
	case configs.TTSDeepgram:
		return s.Deepgram.Voice
	default:
		return piper.Joe
	}
}

// builtIn reports whether a voice is one of the built-in engines, whichever is
// configured.
func builtIn(name string) bool { return name == piper.Joe || slices.Contains(flite.Voices(), name) }

// elsewhereTTS reports whether the configured engine is not built in.
func elsewhereTTS(c *configs.Config) bool {
	return c.Speech.TTS != configs.TTSPiper && c.Speech.TTS != configs.TTSFlite
}

// voiceURL is where the voice of that name is asked for; empty for the built-in
// ones.
func voiceURL(c *configs.Config, name string) string {
	name = cmp.Or(name, c.Speech.Voice, voiceOfEngine(c))
	if !elsewhereTTS(c) || builtIn(name) {
		return ""
	}
	switch s := c.Speech; s.TTS {
	case configs.TTSOpenAI:
		address, _ := s.OpenAI.Voice()
		return address
	case configs.TTSElevenLabs:
		return s.ElevenLabs.URL
	default:
		return s.Deepgram.URL
	}
}

// openVoice opens a voice, once. What it returns is the fallback where the neural
// voice has not been installed.
func (a *App) openVoice(ctx context.Context, name string) (voice, error) {
	if v, ok := a.voices[name]; ok {
		return v, nil
	}
	v, err := a.newVoice(ctx, name)
	if name == piper.Joe && errors.Is(err, piper.ErrUnavailable) && !errors.Is(err, models.ErrTampered) {
		a.log.Warn("the neural voice is left out", "voice", name, "instead", fallback, "err", err)
		spare, err := a.openVoice(ctx, fallback)
		if err == nil {
			a.voices[name] = spare
		}
		return spare, err
	}
	if err != nil {
		return voice{}, err
	}
	a.onStop("voice", func(context.Context) error { return v.Close() })
	sounds := name
	if voiceURL(a.config, name) != "" {
		sounds = soundOf(a.config, name)
	}
	a.voices[name] = voice{sounds, a.ttsMetrics.Measure(tts.NewCache(v, tts.CacheOptions{Metrics: a.ttsMetrics}))}
	return a.voices[name], nil
}

// newVoice opens a voice of the engine that has it.
func (a *App) newVoice(ctx context.Context, name string) (closing, error) {
	dir := a.config.Speech.ModelsDir
	switch {
	case voiceURL(a.config, name) != "":
		return openVendorVoice(a.config, name, "", remote.Options{First: time.Duration(a.config.Speech.FirstAudio)}), nil
	case name == piper.Joe:
		return piper.New(piper.Options{ModelsDir: dir})
	}
	return flite.New(ctx, flite.Options{ModelsDir: dir, Voice: name, CacheDir: filepath.Join(a.config.DataDir, "cache")})
}

// openVendorVoice opens a voice of the configured engine, which is not built in,
// with another key than the configured one if key is not empty. It does not connect.
func openVendorVoice(c *configs.Config, name, key string, o remote.Options) closing {
	s := c.Speech
	switch s.TTS {
	case configs.TTSOpenAI:
		address, secret := s.OpenAI.Voice()
		return openai.New(openai.Options{URL: address, Key: cmp.Or(key, secret.Reveal()), Model: s.OpenAI.TTS.Model, Voice: name,
			Instructions: s.OpenAI.TTS.Instructions, Format: string(s.OpenAI.TTS.Format), StreamFormat: string(s.OpenAI.TTS.Stream),
			FirstPiece: s.OpenAI.TTS.FirstPiece, Remote: o})
	case configs.TTSElevenLabs:
		return elevenlabs.New(elevenlabs.Options{API: elevenlabs.API(s.ElevenLabs.API), URL: s.ElevenLabs.URL, Key: cmp.Or(key, s.ElevenLabs.APIKey.Reveal()),
			Model: s.ElevenLabs.Model, Voice: name, ZeroRetention: s.ElevenLabs.ZeroRetention, Remote: o})
	default:
		return deepgram.New(deepgram.Options{URL: s.Deepgram.URL, Key: cmp.Or(key, s.Deepgram.APIKey.Reveal()), Voice: name, Train: s.Deepgram.Train, Remote: o})
	}
}

// soundOf names how a vendor's voice sounds, for messages that are kept: whatever
// changes the sound changes the name.
func soundOf(c *configs.Config, name string) string {
	switch s := c.Speech; s.TTS {
	case configs.TTSOpenAI:
		return fmt.Sprintf("openai/%s/%s/%s", s.OpenAI.TTS.Model, name, s.OpenAI.TTS.Instructions)
	case configs.TTSElevenLabs:
		return fmt.Sprintf("elevenlabs/%s/%s", s.ElevenLabs.Model, name)
	default:
		return "deepgram/" + name
	}
}

// voiceOf returns an agent's voice and the name of how it sounds.
func (a *App) voiceOf(ctx context.Context, file *dialog.Agent) (string, dialog.Speaker, error) {
	if a.speech.Voice == nil {
		return "", nil, fmt.Errorf("%w: there is no voice; run `make models`", errCannotAnswer)
	}
	reading := readingOf(a.config, file)
	if a.ttsMetrics == nil { // the voice is not one of ours
		return reading.Named(a.defaultVoice()), reading.By(a.speech.Voice), nil
	}
	v, err := a.openVoice(ctx, cmp.Or(file.Voice.Name, a.defaultVoice()))
	if err != nil {
		return "", nil, fmt.Errorf("voice.name: %w", err)
	}
	return reading.Named(v.name), reading.By(v.Speaker), nil
}

// readingOf is how an agent's words are read out. The built-in voices put numbers in
// words themselves. Vendors' do so each in its own way, the quickest models badly or
// not at all, so that it is done for them in the agent's language.
func readingOf(c *configs.Config, file *dialog.Agent) tts.Reading {
	r := tts.Reading{Pronounce: file.Voice.Pronounce}
	if voiceURL(c, file.Voice.Name) == "" {
		return r
	}
	r.WriteOut = tts.WriteOut(file.Language)
	return r
}

// spokenBy prepares messages with a voice; with a built-in one where the voice is
// elsewhere and fails, so that a gateway starts without its vendor. The vendor is
// then asked no more until the next start.
func (a *App) spokenBy(ctx context.Context, file *dialog.Agent, name string, speaker dialog.Speaker, prepare func(consent.Renderer) error) error {
	err := prepare(consent.Renderer{Voice: name, Speak: a.renders(speaker)})
	var failed *tts.Failure
	if !errors.As(err, &failed) {
		return err
	}
	spare, missing := a.openVoice(ctx, piper.Joe)
	if missing != nil {
		return fmt.Errorf("%w: its voice, %w, and there is no built-in one: %w", errCannotAnswer, failed, missing)
	}
	reading := tts.Reading{Pronounce: file.Voice.Pronounce}
	return prepare(consent.Renderer{Voice: reading.Named(spare.name), Speak: render(reading.By(spare))})
}

// renders is render, for as long as the vendors of voices work.
func (a *App) renders(speaker dialog.Speaker) func(context.Context, string) (media.Audio, error) {
	speak := render(speaker)
	return func(ctx context.Context, text string) (media.Audio, error) {
		if a.mute != nil {
			return media.Audio{}, a.mute
		}
		audio, err := speak(ctx, text)
		if failed := (*tts.Failure)(nil); errors.As(err, &failed) {
			a.mute = failed
			a.log.Warn("the messages to callers are spoken by a built-in voice, until the next start", "err", failed)
		}
		return audio, err
	}
}

// rendered is the rate at which messages are rendered.
const rendered = 16000

// render returns how a voice speaks a text for a message.
func render(voice dialog.Speaker) func(context.Context, string) (media.Audio, error) {
	return func(ctx context.Context, text string) (media.Audio, error) {
		audio := media.Audio{Rate: rendered}
		for pcm, err := range voice.Speak(ctx, text, rendered) {
			if err != nil {
				return media.Audio{}, err
			}
			audio.PCM = append(audio.PCM, pcm...)
		}
		return audio, nil
	}
}
