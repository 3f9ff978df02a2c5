package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"sidetone/dialog/tts/flite"
	"sidetone/media"
)

// voices are the callers' voices, and what they have said before.
type voices struct {
	dir string

	mu   sync.Mutex
	open map[string]*flite.Voice
	said map[saying][]int16
}

// saying is a text in a voice, at a rate.
type saying struct {
	voice, text string
	rate        int
}

func newVoices(dir string) *voices {
	return &voices{dir: dir, open: map[string]*flite.Voice{}, said: map[saying][]int16{}}
}

func (v *voices) close() (err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, voice := range v.open {
		err = errors.Join(err, voice.Close())
	}
	return err
}

// say says a text.
func (v *voices) say(ctx context.Context, s saying) ([]int16, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if pcm, ok := v.said[s]; ok {
		return pcm, nil
	}
	if v.open[s.voice] == nil {
		voice, err := flite.New(ctx, flite.Options{ModelsDir: v.dir, Voice: s.voice, Parallel: 1})
		if err != nil {
			return nil, err
		}
		v.open[s.voice] = voice
	}
	var said []int16
	for pcm, err := range v.open[s.voice].Speak(ctx, s.text, s.rate) {
		if err != nil {
			return nil, err
		}
		said = append(said, pcm...)
	}
	v.said[s] = said
	return said, nil
}

// file reads a WAV or MP3 file at a rate. Its path is from the scenario's file.
func (s *Scenario) file(path string, rate int) ([]int16, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(s.File), path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	clip, err := media.DecodeAudio(path, data)
	if err == nil {
		clip, err = clip.At(rate)
	}
	if err != nil {
		return nil, fmt.Errorf("scenario: %s: %w", path, err)
	}
	return clip.PCM, nil
}
