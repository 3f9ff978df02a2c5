package tts

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sidetone/dialog"
	"sidetone/internal/breaker"
	"sidetone/media"
)

// ErrUnavailable says that every voice was left out, since none has worked of late.
var ErrUnavailable = errors.New("tts: no voice is there to be asked")

// Why a voice was given up.
var (
	errSlow = errors.New("tts: no audio in time")
	errMute = errors.New("tts: no audio of words, and no error")
)

// VoicesOptions is what voices need beside themselves. Zero fields take the defaults.
type VoicesOptions struct {
	// First is the longest wait for a voice's first audio, and Idle for more once what
	// came can have been heard, while there is another voice to ask: 1.5 s. All is that
	// for the first audio of any, and for more of the last: 3 s, and never less than 3.5 s
	// where all of them are on this machine.
	First, Idle, All time.Duration
	// Covered says that callers hear a filler while a sentence is late: voices on this
	// machine have 5 s for their first audio then.
	Covered bool
	Log     *slog.Logger // nil for none
}

// Voices are speakers in the order in which they are asked: each takes over from those
// before it, also in the middle of a sentence. They are shared by all calls, and so
// is what is known of who works. They start no goroutine.
type Voices struct {
	list    []*voice
	o       VoicesOptions
	longest time.Duration // for the first audio of any
}

// Voice is a speaker of several, and what is known of it by all calls.
type Voice struct {
	Speaker dialog.Speaker
	Breaker *breaker.Breaker
}

// voice is a Voice and how fast it speaks.
type voice struct {
	Voice
	mu   sync.Mutex
	pace pace
}

// NewVoices returns voices; there must be one at least.
func NewVoices(o VoicesOptions, first Voice, others ...Voice) *Voices {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&o.First, 1500 * time.Millisecond}, {&o.Idle, 1500 * time.Millisecond}, {&o.All, 3 * time.Second}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	v := &Voices{o: o}
	for _, one := range append([]Voice{first}, others...) {
		v.list = append(v.list, &voice{Voice: one})
	}
	v.longest = v.o.All
	if v.Local() {
		v.o.All = max(v.o.All, crowded)
		if v.longest = v.o.All; o.Covered {
			v.longest = max(v.longest, covered)
		}
	}
	return v
}

// Prepared are sentences that were rendered before the call.
type Prepared struct {
	Sentences map[string]media.Audio // by their texts; nil for none
	Borrowed  bool                   // by another voice than the first
}

// ForCall returns the voices for one call: one that took over keeps the floor, so that
// the agent does not change its voice with every sentence. Prepared sentences need no
// voice: they are said as they were rendered while the voice that rendered them speaks,
// when none works, and by Recite.
func (v *Voices) ForCall(prepared Prepared) dialog.Reciter {
	return &speaking{Voices: v, prepared: prepared}
}

// speaking is the voices of one call. Its sentences are asked for one after another.
type speaking struct {
	*Voices
	prepared Prepared
	at       atomic.Int32 // who speaks
	mute     bool         // nobody could say the sentence before
}

// Name returns the name of the voice that speaks.
func (s *speaking) Name() string { return s.list[s.at.Load()].Speaker.Name() }

// Speakers returns the voices, in order.
func (v *Voices) Speakers() []dialog.Speaker {
	all := make([]dialog.Speaker, len(v.list))
	for i, one := range v.list {
		all[i] = one.Speaker
	}
	return all
}

// Local reports whether the words stay on this machine, whoever speaks.
func (v *Voices) Local() bool {
	for _, one := range v.list {
		if !one.Speaker.Local() {
			return false
		}
	}
	return true
}

// Speak implements dialog.Speaker. When the last voice fails in the middle of a
// sentence the error is a *dialog.CutError.
func (s *speaking) Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		if (s.mute || s.at.Load() == 0 && !s.prepared.Borrowed) && s.recite(text, rate, yield) {
			return
		}
		t := &telling{text: text, rest: text, rate: rate, began: time.Now(), yield: yield, err: ErrUnavailable}
		order := s.order()
		for n, i := range order {
			if s.tell(ctx, t, i, s.ready(order[n+1:])) {
				s.mute = s.mute && t.err != nil
				return
			}
		}
		if s.mute = true; !t.said && s.recite(text, rate, yield) {
			return
		}
		if t.said {
			t.err = &dialog.CutError{Said: before(text, t.rest), Err: t.err}
		}
		yield(nil, t.err)
	}
}

// order is the voices as they are asked: the one that speaks, those after it, and then
// those before it.
func (s *speaking) order() []int {
	order := make([]int, 0, len(s.list))
	for i := range s.list {
		order = append(order, (int(s.at.Load())+i)%len(s.list))
	}
	return order
}

// recite says a prepared sentence, and reports whether there is one.
func (s *speaking) recite(text string, rate int, yield func([]int16, error) bool) bool {
	pcm, ok := s.Recite(text, rate)
	if ok {
		yield(pcm, nil)
	}
	return ok
}

// Recite implements dialog.Reciter.
func (s *speaking) Recite(text string, rate int) ([]int16, bool) {
	audio, ok := s.prepared.Sentences[text]
	if !ok {
		return nil, false
	}
	audio, err := audio.At(rate)
	return audio.PCM, err == nil
}

// telling is a sentence on its way.
type telling struct {
	text, rest string // all of it, and what has yet to be said
	rate       int
	began      time.Time
	yield      func([]int16, error) bool
	said       bool  // something was
	err        error // of the newest voice
}

// tell has one voice say what is left, and reports whether that is all there is to do.
func (s *speaking) tell(ctx context.Context, t *telling, i int, another bool) (done bool) {
	v := s.list[i]
	pass, ok := v.Breaker.Enter()
	if !ok {
		return false
	}
	if took := s.at.Swap(int32(i)); int(took) != i {
		v.Breaker.TookOver(t.said)
	}
	got, gone, err := s.listen(ctx, t, v, another)
	if gone || ctx.Err() != nil {
		pass.Leave(breaker.Neutral, 0, nil)
		if !gone {
			t.yield(nil, ctx.Err())
		}
		return true
	}
	verdict, wait := judge(err)
	pass.Leave(verdict, wait, err)
	if err == nil {
		v.learn(t.rest, got)
		t.err = nil
		return true
	}
	s.o.Log.Warn("voice lost in a sentence", "engine", v.Speaker.Name(), "err", err)
	t.err = err
	if got > 0 {
		t.said, t.rest = true, v.unsaid(t.rest, got)
	}
	return false
}

// ready reports whether one of the voices would be asked.
func (s *speaking) ready(those []int) bool {
	return slices.ContainsFunc(those, func(i int) bool { return s.list[i].Breaker.Ready() })
}

// patience is how long the first audio and more may take; 0: as long as the voice
// itself allows. A sentence is lost sooner where the caller can be told.
func (s *speaking) patience(t *telling, another bool) (first, idle time.Duration) {
	left := max(shortest, s.longest-time.Since(t.began))
	switch {
	case another:
		return min(s.o.First, left), s.o.Idle
	case len(s.prepared.Sentences) > 0:
		return left, s.o.All
	}
	return 0, 0
}

const (
	// shortest is how long any voice has.
	shortest = 500 * time.Millisecond
	// crowded is how long those on this machine have: they are late for want of
	// processors, and no call is helped where all of them are given up for that.
	crowded = 3500 * time.Millisecond
	// covered is how long they have while the caller knows that it takes a moment.
	covered = 5 * time.Second
)

// listen passes on what a voice says of the rest. It returns how much that was, and
// whether nobody listens any more.
func (s *speaking) listen(ctx context.Context, t *telling, v *voice, another bool) (got time.Duration, gone bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	first, idle := s.patience(t, another)
	timer := time.AfterFunc(cmp.Or(first, time.Hour), func() { cancel(errSlow) })
	defer timer.Stop()
	if first == 0 {
		timer.Stop()
	}
	samples, began := 0, time.Time{}
	for pcm, failed := range v.Speaker.Speak(ctx, t.rest, t.rate) {
		timer.Stop() // the time that the call takes is not the voice's
		if err = failed; err != nil {
			break
		}
		if samples == 0 {
			began = time.Now()
		}
		samples += len(pcm)
		if !t.yield(pcm, nil) {
			return 0, true, nil
		}
		if idle > 0 { // what is there has to be heard first
			ahead := lasting(samples, t.rate) - time.Since(began)
			timer.Reset(idle + min(max(0, ahead), mostAhead))
		}
	}
	got = lasting(samples, t.rate)
	if cause := context.Cause(ctx); errors.Is(cause, errSlow) && err != nil {
		err = &Failure{Engine: v.Speaker.Name(), Op: "speak", Class: TimedOut}
	}
	if err == nil && samples == 0 && worded(t.rest) {
		err = errMute
	}
	return got, false, err
}

// worded reports whether there is anything in a text to say: of a mark alone voices
// make nothing.
func worded(text string) bool { return strings.ContainsFunc(Plain(text), spoken) }

// mostAhead bounds how much longer than idle a voice may pause that is ahead of what
// can have been heard.
const mostAhead = 5 * time.Second

func lasting(samples, rate int) time.Duration {
	return time.Duration(samples) * time.Second / time.Duration(rate)
}

// judge says what the end of a sentence says of its voice.
func judge(err error) (v breaker.Verdict, wait time.Duration) {
	var f *Failure
	switch {
	case err == nil:
		return breaker.Good, 0
	case errors.Is(err, ErrTooLong), errors.Is(err, errMute):
		return breaker.Neutral, 0 // the sentence is to blame: its length, or its script
	case !errors.As(err, &f):
		return breaker.Bad, 0
	case f.Class == Denied, f.Class == Limited && f.RetryAfter > 0:
		return breaker.Hopeless, f.RetryAfter
	}
	return breaker.Bad, f.RetryAfter
}
