package sim

import (
	"context"

	"sidetone/dialog/tts/flite"
)

// SpeakAll turns texts into 8 kHz speech, in order, with a built-in voice out of
// the models folder.
func SpeakAll(ctx context.Context, modelsDir, voice string, texts []string) ([][]int16, error) {
	return speakAll(ctx, modelsDir, voice, sampleRate, texts)
}

// SpeakAllWide is SpeakAll at 16 kHz.
func SpeakAllWide(ctx context.Context, modelsDir, voice string, texts []string) ([][]int16, error) {
	return speakAll(ctx, modelsDir, voice, wideRate, texts)
}

func speakAll(ctx context.Context, modelsDir, voice string, rate int, texts []string) ([][]int16, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	v, err := flite.New(ctx, flite.Options{ModelsDir: modelsDir, Voice: voice, Parallel: 1})
	if err != nil {
		return nil, err
	}
	defer v.Close()
	spoken := make([][]int16, len(texts))
	for i, text := range texts {
		for pcm, err := range v.Speak(ctx, text, rate) {
			if err != nil {
				return nil, err
			}
			spoken[i] = append(spoken[i], pcm...)
		}
	}
	return spoken, nil
}
