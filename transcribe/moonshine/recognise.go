package moonshine

import (
	"context"
	"fmt"
	"time"
)

// The bounds of a clip for Recognise.
const (
	longestClip = 15 * time.Second // decoding takes memory and time by its square
	clipTokens  = 8                // that a clip may have whatever its length: a word takes up to three
)

// Recognise turns one short clip of mono PCM, at 8000 or 16000 Hz, into words
// at once, outside any session, and keeps nothing. It waits for its turn like
// finished speech, and frees a processor by giving up a partial. Other than a
// session's finals, the model may find that the clip holds no words.
//
// The score is the probability, 0 to 1, that the model gives to exactly these
// words and no more, whatever the punctuation; of an empty text, that there are
// no words. It is 0 where the model did not come to an end. The error wraps
// ctx.Err() when ctx ends first, and transcribe.ErrUnavailable without models.
func (e *Engine) Recognise(ctx context.Context, pcm []int16, rate int) (text string, score float64, err error) {
	if err := checkRate(rate); err != nil {
		return "", 0, err
	}
	if length := time.Duration(len(pcm)) * time.Second / time.Duration(rate); length > longestClip {
		return "", 0, fmt.Errorf("moonshine: a clip of %v is longer than %v", length, longestClip)
	}
	if err := e.Load(); err != nil {
		return "", 0, err
	}
	audio, err := samples(pcm, rate)
	if err != nil {
		return "", 0, err
	}
	asked := time.Now()
	w, err := e.scheduler.acquire(ctx)
	if err != nil {
		return "", 0, fmt.Errorf("moonshine: recognise a clip: %w", err)
	}
	defer e.scheduler.release(w)
	began := time.Now()
	e.options.Metrics.wait.Observe(began.Sub(asked).Seconds())
	d, err := w.run(ctx, audio, false, clipTokens+tokensIn(len(audio)))
	if err != nil {
		return "", 0, fmt.Errorf("moonshine: recognise a clip: %w", err)
	}
	e.options.Metrics.decode.WithLabelValues(kindClip).Observe(time.Since(began).Seconds())
	text = e.model.text(d.tokens)
	if d.cut {
		return text, 0, nil
	}
	return text, d.exact, nil
}
