package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"sidetone/configs"
	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/dialog/tts/flite"
	"sidetone/dialog/tts/piper"
	"sidetone/internal/models"
	"sidetone/media"
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
	a.voices = map[string]builtin{}
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

// builtin is a built-in voice and its name.
type builtin struct {
	name string
	dialog.Speaker
}

// fallback speaks where the neural voice cannot be had.
const fallback = "rms"

// defaultVoice is the name of the voice of agents that name no other.
func (a *App) defaultVoice() string {
	switch s := a.config.Speech; {
	case s.Voice != "":
		return s.Voice
	case s.TTS == configs.TTSPiper:
		return piper.Joe
	}
	return fallback
}

// openVoice opens a voice of the built-in engines, once. What it returns is the
// fallback where the neural voice has not been installed.
func (a *App) openVoice(ctx context.Context, name string) (builtin, error) {
	if voice, ok := a.voices[name]; ok {
		return voice, nil
	}
	voice, err := a.newVoice(ctx, name)
	if name == piper.Joe && errors.Is(err, piper.ErrUnavailable) && !errors.Is(err, models.ErrTampered) {
		a.log.Warn("the neural voice is left out", "voice", name, "instead", fallback, "err", err)
		spare, err := a.openVoice(ctx, fallback)
		if err == nil {
			a.voices[name] = spare
		}
		return spare, err
	}
	if err != nil {
		return builtin{}, err
	}
	a.onStop("voice", func(context.Context) error { return voice.Close() })
	a.voices[name] = builtin{name, a.ttsMetrics.Measure(tts.NewCache(voice, tts.CacheOptions{Metrics: a.ttsMetrics}))}
	return a.voices[name], nil
}

// newVoice loads a voice of the built-in engines.
func (a *App) newVoice(ctx context.Context, name string) (interface {
	dialog.Speaker
	io.Closer
}, error) {
	dir := a.config.Speech.ModelsDir
	if name == piper.Joe {
		return piper.New(piper.Options{ModelsDir: dir})
	}
	return flite.New(ctx, flite.Options{ModelsDir: dir, Voice: name, CacheDir: filepath.Join(a.config.DataDir, "cache")})
}

// voiceOf returns an agent's voice and its name.
func (a *App) voiceOf(ctx context.Context, file *dialog.Agent) (string, dialog.Speaker, error) {
	if a.speech.Voice == nil {
		return "", nil, fmt.Errorf("%w: there is no voice; run `make models`", errCannotAnswer)
	}
	if a.ttsMetrics == nil { // the voice is not one of ours
		return a.defaultVoice(), a.speech.Voice, nil
	}
	voice, err := a.openVoice(ctx, cmp.Or(file.Voice.Name, a.defaultVoice()))
	if err != nil {
		return "", nil, fmt.Errorf("voice.name: %w", err)
	}
	return voice.name, voice.Speaker, nil
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
