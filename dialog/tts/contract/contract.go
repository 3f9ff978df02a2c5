// Package contract is what every voice keeps to: the cases of dialog.Speaker. Tests
// hold engines against them, and `sidetone providers check` a vendor.
//
// It refuses to judge how a voice sounds: what is heard of it is its subject's to
// tell. Its goroutines end with the case.
package contract

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"sidetone/dialog"
	"sidetone/media"
)

// T is what takes note of a case's faults; *testing.T is one. Fatal and Fatalf do
// not return.
type T interface {
	Helper()
	Error(...any)
	Errorf(string, ...any)
	Fatal(...any)
	Fatalf(string, ...any)
}

// Subject is a voice, and what it is to say.
type Subject struct {
	Speaker dialog.Speaker
	Rate    int    // Hz
	Words   string // a sentence, without punctuation
	// Hear returns the words in audio, as far as they are wrong, and how many were
	// said; nil where nobody can tell.
	Hear func(words string, rate int, pcm []int16) (wrong, said int, err error)
	// Leave is how soon a voice must return whose call goes on to something else.
	Leave time.Duration
}

// Case is one part of the contract.
type Case struct {
	Name string
	Hold func(context.Context, T, Subject)
}

// SaysTheWords is the name of the case that has a voice say a sentence.
const SaysTheWords = "says the words"

// Cases are the contract.
var Cases = []Case{
	{"name", func(_ context.Context, t T, s Subject) { s.name(t) }},
	{SaysTheWords, func(ctx context.Context, t T, s Subject) { s.says(ctx, t) }},
	{"nothing to say", func(ctx context.Context, t T, s Subject) { s.nothing(ctx, t) }},
	{"as long as a notice", func(ctx context.Context, t T, s Subject) { s.long(ctx, t) }},
	{"breaks off at once", func(ctx context.Context, t T, s Subject) { s.leaves(ctx, t) }},
	{"several at once", func(ctx context.Context, t T, s Subject) { s.together(ctx, t) }},
}

func (s Subject) name(t T) {
	if n := s.Speaker.Name(); n == "" || strings.ToLower(n) != n || strings.ContainsAny(n, " \t\n") {
		t.Errorf("the name %q is no lower case label", n)
	}
}

// all has text said to its end.
func (s Subject) all(ctx context.Context, text string) (pcm []int16, err error) {
	for chunk, err := range s.Speaker.Speak(ctx, text, s.Rate) {
		if err != nil {
			return nil, err
		}
		pcm = append(pcm, chunk...)
	}
	return pcm, nil
}

// heard checks that audio holds the words.
func (s Subject) heard(t T, words string, pcm []int16) {
	t.Helper()
	if media.Peak(pcm) < -40 {
		t.Errorf("%.1f s of silence came for words", seconds(pcm, s.Rate))
		return
	}
	n := len(strings.Fields(words))
	if length := seconds(pcm, s.Rate); length < 0.1*float64(n) || length > 2*float64(n)+1 {
		t.Errorf("%d words take %.1f s", n, length)
	}
	if s.Hear == nil {
		return
	}
	wrong, said, err := s.Hear(words, s.Rate, pcm)
	if err != nil {
		t.Errorf("nobody can hear it: %v", err)
	} else if 4*wrong > said {
		t.Errorf("%d of %d words are not understood", wrong, said)
	}
}

func seconds(pcm []int16, rate int) float64 { return float64(len(pcm)) / float64(rate) }

func (s Subject) says(ctx context.Context, t T) {
	for range 2 { // on a new connection, and on a kept one
		pcm, err := s.all(ctx, s.Words+".")
		if err != nil {
			t.Fatal(err)
		}
		s.heard(t, s.Words, pcm)
	}
}

func (s Subject) nothing(ctx context.Context, t T) {
	for _, text := range []string{"", " ", "...", "?!"} {
		if pcm, err := s.all(ctx, text); err != nil || len(pcm) > 0 {
			t.Errorf("%q is %d samples and %v, want nothing", text, len(pcm), err)
		}
	}
}

// long says what no sentence is as long as.
func (s Subject) long(ctx context.Context, t T) {
	times := 600/len(s.Words) + 1
	pcm, err := s.all(ctx, strings.Repeat(s.Words+". ", times))
	if err != nil {
		t.Fatal(err)
	}
	s.heard(t, strings.TrimSpace(strings.Repeat(s.Words+" ", times)), pcm)
}

// leaves goes away in mid-word, by either of the ways there are, and before the
// first audio; the next sentence is as ever.
func (s Subject) leaves(ctx context.Context, t T) {
	for _, early := range []bool{true, false} {
		mine, cancel := context.WithCancel(ctx)
		began := time.Now()
		stop := time.AfterFunc(time.Millisecond, func() {
			if early {
				began = time.Now()
				cancel()
			}
		})
		var err error
		for _, err = range s.Speaker.Speak(mine, s.Words, s.Rate) {
			if err == nil && !early {
				began = time.Now()
				cancel()
			}
		}
		stop.Stop()
		if took := time.Since(began); took > s.Leave {
			t.Errorf("it goes on for %v after it was cancelled", took)
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled sentence ends with %v", err)
		}
		cancel()
	}
	for _, err := range s.Speaker.Speak(ctx, s.Words, s.Rate) {
		if err != nil {
			t.Fatal(err)
		}
		break // as a call does that has ended
	}
	pcm, err := s.all(ctx, s.Words)
	if err != nil {
		t.Fatal(err)
	}
	s.heard(t, s.Words, pcm)
}

// together has three calls speak.
func (s Subject) together(ctx context.Context, t T) {
	words := strings.Fields(s.Words)
	var group sync.WaitGroup
	spoken, errs := make([][]int16, 3), make([]error, 3)
	for i := range spoken {
		group.Go(func() { spoken[i], errs[i] = s.all(ctx, strings.Join(words[:len(words)-i], " ")) })
	}
	group.Wait()
	for i := range spoken {
		if errs[i] != nil {
			t.Error(errs[i])
			continue
		}
		s.heard(t, strings.Join(words[:len(words)-i], " "), spoken[i])
	}
}
