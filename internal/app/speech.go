package app

import (
	"context"
	"errors"
	"fmt"

	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/internal/models"
	"sidetone/transcribe"
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
