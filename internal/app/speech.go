package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"sidetone/configs"
	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/dialog/tts/flite"
	"sidetone/internal/models"
	"sidetone/media"
	"sidetone/transcribe"
	"sidetone/transcribe/moonshine"
	"sidetone/transcribe/vad"
)

// errNoVoice says that nothing here can speak.
var errNoVoice = errors.New("there is no voice: run `make models`, or give the notice as recorded files")

// Speech is the engines that all calls share. An engine that is missing is nil.
type Speech struct {
	Engine    transcribe.Engine
	Voice     dialog.Speaker
	Detectors vad.Factory

	why []error // engines are missing
}

// openSpeech opens the built-in engines. Models that have not been fetched
// leave their engine out; a model that was tampered with is an error.
func (a *App) openSpeech(ctx context.Context, o Options) error {
	if o.Speech != nil {
		a.speech = o.Speech
		return nil
	}
	a.speech = &Speech{Detectors: vad.NewEnergy}
	if err := a.openRecognition(); err != nil {
		return err
	}
	voice, err := flite.New(ctx, flite.Options{
		ModelsDir: a.config.Speech.ModelsDir, Voice: a.config.Speech.Voice, CacheDir: filepath.Join(a.config.DataDir, "cache"),
	})
	if err := a.missing("tts", err); err != nil {
		return err
	}
	if voice != nil {
		metrics := tts.NewMetrics(a.registry)
		a.speech.Voice = metrics.Measure(tts.NewCache(voice, tts.CacheOptions{Metrics: metrics}))
		a.onStop("voice", func(context.Context) error { return voice.Close() })
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
	if err := engine.Load(); err != nil {
		return a.missing("stt", err)
	}
	a.speech.Engine = engine
	a.onStop("stt", func(context.Context) error { return engine.Close() })
	return nil
}

// missing notes why an engine is left out, and returns what is no reason to go
// on without it.
func (a *App) missing(part string, err error) error {
	if err == nil {
		return nil
	}
	if !errors.Is(err, models.ErrTampered) && (errors.Is(err, models.ErrMissing) || errors.Is(err, transcribe.ErrUnavailable)) {
		err = fmt.Errorf("%s: %w", part, err)
		a.speech.why = append(a.speech.why, err)
		a.log.Error("built-in speech is left out", "part", part, "err", err)
		return nil
	}
	return fmt.Errorf("app: built-in speech: %s: %w", part, err)
}

// rendered is the rate at which messages are rendered.
const rendered = 16000

// render speaks a text once, for a message.
func (s *Speech) render(ctx context.Context, text string) (media.Audio, error) {
	audio := media.Audio{Rate: rendered}
	for pcm, err := range s.Voice.Speak(ctx, text, rendered) {
		if err != nil {
			return media.Audio{}, err
		}
		audio.PCM = append(audio.PCM, pcm...)
	}
	return audio, nil
}
