package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"sidetone/configs"
	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/internal/models"
	"sidetone/transcribe"
	"sidetone/transcribe/deepgram"
	"sidetone/transcribe/moonshine"
	"sidetone/transcribe/openai"
	"sidetone/transcribe/remote"
	"sidetone/transcribe/spoken"
	"sidetone/transcribe/vad"
)

// Speech is the engines that all calls share. An engine that is missing is nil.
type Speech struct {
	Engine    transcribe.Engine
	Answers   spoken.Recogniser // hears a yes or a no on this machine; nil: Engine, if it can
	Voice     dialog.Speaker    // of agents that name no other
	Detectors vad.Factory
}

// openSpeech opens the built-in engines. Models that have not been fetched
// leave their engine out; a model that was tampered with is an error.
func (a *App) openSpeech(ctx context.Context, o Options) error {
	a.voices = map[string]voice{}
	if o.Speech != nil {
		a.speech = o.Speech
		return nil
	}
	a.speech = &Speech{Detectors: vad.NewEnergy}
	a.ttsMetrics = tts.NewMetrics(a.registry)
	if err := a.openRecognition(); err != nil {
		return err
	}
	voice, err := a.openVoice(ctx, a.defaultVoice())
	if err := a.missing("tts", err); err != nil {
		return err
	}
	a.speech.Voice = voice.Speaker
	return nil
}

// understands returns why speech recognition can not do a language.
func (a *App) understands(language string) error {
	if a.speech.Engine == nil {
		return nil
	}
	if _, err := a.speech.Engine.Open(transcribe.Options{Rate: 8000, Language: language}); err != nil {
		return fmt.Errorf("language: %w", err)
	}
	return nil
}

// openRecognition opens voice activity detection and speech recognition.
func (a *App) openRecognition() error {
	dir := a.config.Speech.ModelsDir
	detector, err := vad.Load(dir)
	if err := a.missing("vad", err); err != nil {
		return err
	}
	if detector != nil {
		a.speech.Detectors = detector.NewDetector
		a.onStop("vad", func(context.Context) error { return detector.Close() })
	}
	if a.config.Speech.STT == configs.STTNone {
		return nil
	}
	engine := moonshine.New(moonshine.Options{Dir: dir, Metrics: moonshine.NewMetrics(a.registry)})
	a.onStop("stt", func(context.Context) error { return engine.Close() })
	if err := a.missing("stt", engine.Load()); err != nil {
		return err
	}
	if engine.Loaded() {
		a.speech.Answers = engine
	}
	if a.config.Speech.STT != configs.STTMoonshine {
		a.speech.Engine, err = openVendor(a.config, "", remote.Options{Metrics: remote.NewMetrics(a.registry)})
		return err
	}
	if engine.Loaded() {
		a.speech.Engine = engine
	}
	return nil
}

// openVendor opens the configured recognition engine that is not built in, with
// another key than the configured one if key is not empty. It does not connect.
func openVendor(c *configs.Config, key string, o remote.Options) (transcribe.Engine, error) {
	switch s := c.Speech; s.STT {
	case configs.STTDeepgram:
		return deepgram.New(deepgram.Options{URL: s.Deepgram.URL, Key: cmp.Or(key, s.Deepgram.APIKey.Reveal()), Model: s.Deepgram.Model,
			Language: s.Deepgram.Language, Train: s.Deepgram.Train, Remote: o})
	case configs.STTOpenAI:
		return openai.New(openai.Options{API: openai.API(s.OpenAI.API), URL: s.OpenAI.URL, Key: cmp.Or(key, s.OpenAI.APIKey.Reveal()), Model: s.OpenAI.Model,
			Language: s.OpenAI.Language, Remote: o})
	default:
		return nil, fmt.Errorf("app: speech.stt: %s is no engine elsewhere", s.STT)
	}
}

// missing logs that an engine is left out, and returns what is no reason to go
// on without it.
func (a *App) missing(part string, err error) error {
	if err == nil {
		return nil
	}
	if !errors.Is(err, models.ErrTampered) && (errors.Is(err, models.ErrMissing) || errors.Is(err, transcribe.ErrUnavailable)) {
		a.log.Error("built-in speech is left out", "part", part, "err", err)
		return nil
	}
	return fmt.Errorf("app: built-in speech: %s: %w", part, err)
}
