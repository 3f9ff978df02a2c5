package chain

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"sidetone/internal/breaker"
	"sidetone/transcribe"
)

// How long an engine that failed is left alone by the same call.
const (
	shortestWait = time.Second
	longestWait  = 30 * time.Second
)

// beatEvery is how often a turn that waits is looked at.
const beatEvery = 100 * time.Millisecond

// try is what a call knows of an engine.
type try struct {
	out      bool // it can not do what the call needs
	failures int  // since it answered last
	again    time.Time
	slow     bool // it did not answer the oldest turn in time
	err      error
}

// Run implements transcribe.Session. It returns an error only when no engine can
// do what the call needs; nil at the end of ctx.
func (s *session) Run(ctx context.Context) error {
	defer close(s.events)
	defer s.old.Wait()
	defer s.unplug()
	for ctx.Err() == nil {
		i, pass, ok := s.choose()
		if ok {
			s.hear(ctx, i, pass)
			continue
		}
		wait, ok := s.wait()
		if !ok {
			return s.lost()
		}
		s.idle(ctx, wait)
	}
	return nil
}

// choose asks for the first engine that may be tried.
func (s *session) choose() (int, breaker.Pass, bool) {
	now := time.Now()
	for i, t := range s.tries {
		if t.out || t.slow || now.Before(t.again) {
			continue
		}
		if pass, ok := s.links[i].Breaker.Enter(); ok {
			return i, pass, true
		}
	}
	for i := range s.tries { // each has had its chance of the oldest turn
		s.tries[i].slow = false
	}
	return 0, breaker.Pass{}, false
}

// other reports whether there is another engine than the one with number i that is
// more likely to answer. One that the call has lost is not.
func (s *session) other(i int) bool {
	for j, t := range s.tries {
		if j != i && !t.out && !t.slow && t.failures == 0 && s.links[j].Breaker.Ready() {
			return true
		}
	}
	return false
}

// wait returns how long it takes until an engine may be tried; ok is false when none
// ever will be.
func (s *session) wait() (shortest time.Duration, ok bool) {
	for i, t := range s.tries {
		if t.out {
			continue
		}
		wait := max(time.Until(t.again), s.links[i].Breaker.Wait())
		if !ok || wait < shortest {
			shortest, ok = wait, true
		}
	}
	return shortest, ok
}

// lost says why no engine can hear the call.
func (s *session) lost() error {
	var why []error
	for _, t := range s.tries {
		why = append(why, t.err)
	}
	return errors.Join(why...)
}

// idle waits for an engine. Turns for which none comes in time are answered without
// words: somebody waits for that.
func (s *session) idle(ctx context.Context, wait time.Duration) {
	back := time.NewTimer(max(wait, time.Millisecond))
	defer back.Stop()
	until := time.Now().Add(wait)
	for {
		if e, ok := s.waiting(); ok {
			due := e.ordered.Add(s.o.Answer)
			if until.After(due) || !time.Now().Before(due) {
				s.unanswered(ctx)
				continue
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-back.C:
			return
		case <-s.wake:
		}
	}
}

// unanswered answers the oldest Finalize in the place of an engine.
func (s *session) unanswered(ctx context.Context) {
	from := s.oldest()
	e, ok := s.answered()
	if !ok {
		return
	}
	s.o.Metrics.unheard.Add(max(0, e.at-from).Seconds())
	s.send(ctx, transcribe.Event{Kind: transcribe.Final, From: e.at, To: e.at, Took: time.Since(e.ordered), Lost: true})
}

func (s *session) send(ctx context.Context, e transcribe.Event) {
	select {
	case s.events <- e:
	case <-ctx.Done():
	}
}

// hear lets one engine hear the call until it fails, is too slow or ctx ends.
func (s *session) hear(ctx context.Context, i int, pass breaker.Pass) {
	link, t := s.links[i], &s.tries[i]
	next, err := link.Engine.Open(s.options)
	if err != nil {
		t.out, t.err = true, err
		pass.Leave(breaker.Neutral, 0, nil)
		return
	}
	if s.before >= 0 && s.before != i {
		link.Breaker.TookOver(s.inTurn())
	}
	s.before = i
	run, stop := context.WithCancel(ctx)
	ended, crash := s.start(run, next)
	s.replay(next)
	err = s.follow(ctx, i, pass, next, crash)
	s.unplug()
	stop()
	if errors.Is(err, errEnded) {
		err = <-ended
	} else {
		s.old.Go(func() { drain(next.Events(), ended) })
	}
	if crashed := (*crashed)(nil); errors.As(err, &crashed) {
		panic(crashed)
	}
	if ctx.Err() != nil {
		pass.Leave(breaker.Neutral, 0, nil)
		return
	}
	s.failed(i, pass, err)
}

// start runs an engine's session. crash is closed when it panics.
func (s *session) start(ctx context.Context, next transcribe.Session) (ended chan error, crash chan struct{}) {
	ended, crash = make(chan error, 1), make(chan struct{})
	s.old.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				ended <- &crashed{p, debug.Stack()}
				close(crash)
			}
		}()
		ended <- next.Run(ctx)
	})
	return ended, crash
}

// drain waits for the end of a session that was left: what it may yet say is said by
// the next one.
func drain(events <-chan transcribe.Event, ended <-chan error) {
	for {
		select {
		case _, ok := <-events:
			if !ok {
				events = nil
			}
		case <-ended:
			return
		}
	}
}

// crashed is a panic of an engine, on its way to the goroutine of Run.
type crashed struct {
	value any
	stack []byte
}

func (c *crashed) Error() string { return fmt.Sprintf("%v\n%s", c.value, c.stack) }

var (
	errEnded = errors.New("chain: the engine's session has ended")
	errGone  = errors.New("chain: the engine gave up without a reason")
)

// follow passes on what an engine hears. It returns errEnded when its session has
// ended, a failure when a turn waits for too long, and nil at the end of ctx.
func (s *session) follow(ctx context.Context, i int, pass breaker.Pass, next transcribe.Session, crash <-chan struct{}) error {
	began := time.Now()
	news := began // when it last said anything
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-crash:
			return errEnded
		case e, ok := <-next.Events():
			if !ok {
				return errEnded
			}
			news = time.Now()
			s.pass(ctx, i, pass, e)
		case <-beat.C:
			e, ok := s.waiting()
			if !ok {
				continue
			}
			asked := min(time.Since(e.ordered), time.Since(began))
			if late := asked >= 2*s.o.Answer || min(asked, time.Since(news)) >= s.o.Answer; late && s.other(i) {
				s.tries[i].slow = true
				return &transcribe.Failure{Engine: s.links[i].Engine.Name(), Op: "finalize", Class: transcribe.TimedOut}
			}
		}
	}
}

// pass passes on what an engine has heard.
func (s *session) pass(ctx context.Context, i int, pass breaker.Pass, e transcribe.Event) {
	e.Engine = s.links[i].Engine.Name()
	if e.Kind != transcribe.Final {
		select {
		case s.events <- e:
		default: // nobody has time for it
		}
		return
	}
	end, ok := s.answered()
	if !ok {
		return // nobody asked
	}
	for j := range s.tries {
		s.tries[j].slow = false
	}
	s.tries[i].failures = 0
	pass.Leave(breaker.Good, 0, nil)
	e.Took = time.Since(end.ordered)
	s.send(ctx, e)
}

// failed takes note of how an engine was lost.
func (s *session) failed(i int, pass breaker.Pass, err error) {
	t := &s.tries[i]
	if err == nil {
		err = errGone
	}
	t.err = err
	verdict, wait := breaker.Bad, time.Duration(0)
	var f *transcribe.Failure
	if errors.As(err, &f) {
		switch wait = f.RetryAfter; {
		case f.Class == transcribe.Denied, f.Class == transcribe.Limited && wait > 0:
			verdict = breaker.Hopeless
		case f.Class == transcribe.Rejected:
			t.out, verdict = true, breaker.Neutral // what this call needs it can not do
		}
	}
	t.again = time.Now().Add(min(shortestWait<<min(t.failures, 10), longestWait))
	t.failures++
	pass.Leave(verdict, wait, err)
	s.o.Log.Warn("recognition engine lost in a call", "engine", s.links[i].Engine.Name(), "err", err)
}
