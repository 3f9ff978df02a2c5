package contract

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/media"
)

// broken is a voice that keeps the contract but for what is switched on.
type broken struct {
	name                                   string
	silent, deafToCancel, short, verbose   bool
	failsLong, failsSecond, talksOfNothing bool
	said                                   int
}

func (b *broken) Name() string { return b.name }
func (*broken) Local() bool    { return true }

// Speak says a tone of 200 ms a word.
func (b *broken) Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		b.said++
		words := len(strings.Fields(strings.Trim(text, ".?! ")))
		switch {
		case b.failsLong && len(text) > 300, b.failsSecond && b.said == 2:
			yield(nil, errors.New("it broke"))
			return
		case b.talksOfNothing:
			words = max(words, 1)
		case b.short:
			words = (words + 9) / 10
		case b.verbose:
			words *= 20
		}
		for range words {
			pcm := media.Tone(rate, 500, 200*time.Millisecond, -14)
			if b.silent {
				clear(pcm)
			}
			time.Sleep(10 * time.Millisecond)
			if ctx.Err() != nil && !b.deafToCancel {
				yield(nil, ctx.Err())
				return
			}
			if !yield(pcm, nil) {
				return
			}
		}
	}
}

// noting notes faults.
type noting struct {
	faults []string
}

type stopped struct{}

func (*noting) Helper()                     {}
func (n *noting) Error(args ...any)         { n.faults = append(n.faults, fmt.Sprint(args...)) }
func (n *noting) Errorf(f string, a ...any) { n.faults = append(n.faults, fmt.Sprintf(f, a...)) }
func (n *noting) Fatal(args ...any)         { n.Error(args...); panic(stopped{}) }
func (n *noting) Fatalf(f string, a ...any) { n.Errorf(f, a...); panic(stopped{}) }

// hold returns the names of the cases that a voice fails.
func hold(s Subject) (failed []string) {
	for _, c := range Cases {
		n := &noting{}
		func() {
			defer func() {
				if p := recover(); p != nil && p != any(stopped{}) {
					panic(p)
				}
			}()
			c.Hold(context.Background(), n, s)
		}()
		if len(n.faults) > 0 {
			failed = append(failed, c.Name)
		}
	}
	return failed
}

// TestCasesCanFail breaks each promise.
func TestCasesCanFail(t *testing.T) {
	everything := "says the words, as long as a notice, breaks off at once, several at once"
	understood := func(string, int, []int16) (int, int, error) { return 0, 5, nil }
	for name, c := range map[string]struct {
		voice broken
		hear  func(string, int, []int16) (int, int, error)
		want  string
	}{
		"keeps it":            {broken{name: "v"}, nil, ""},
		"and is understood":   {broken{name: "v"}, understood, ""},
		"no label":            {broken{name: "A Voice"}, nil, "name"},
		"silence":             {broken{name: "v", silent: true}, nil, everything},
		"too short":           {broken{name: "v", short: true}, nil, everything},
		"too long":            {broken{name: "v", verbose: true}, nil, everything},
		"does not leave off":  {broken{name: "v", deafToCancel: true}, nil, "breaks off at once"},
		"nothing is a word":   {broken{name: "v", talksOfNothing: true}, nil, "nothing to say"},
		"no long sentence":    {broken{name: "v", failsLong: true}, nil, "as long as a notice"},
		"only once":           {broken{name: "v", failsSecond: true}, nil, "says the words"},
		"nobody understands":  {broken{name: "v"}, func(string, int, []int16) (int, int, error) { return 2, 5, nil }, everything},
		"nobody is listening": {broken{name: "v"}, func(string, int, []int16) (int, int, error) { return 0, 0, errors.New("no") }, everything},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := strings.Join(hold(Subject{Speaker: &c.voice, Rate: 8000, Words: "please say these five words", Hear: c.hear, Leave: 20 * time.Millisecond}), ", ")
				if got != c.want {
					t.Errorf("it fails %q, want %q", got, c.want)
				}
			})
		})
	}
}
