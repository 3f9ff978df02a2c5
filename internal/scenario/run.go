package scenario

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/media"
)

// How often the caller looks up, and how long what is said of a call's end may take.
const (
	glance     = 40 * time.Millisecond
	breath     = 400 * time.Millisecond // between calls that begin
	settleTime = 8 * time.Second
	lookAgain  = 500 * time.Millisecond  // at a sentence that the agent has not ended
	opening    = 1500 * time.Millisecond // more patience, with a notice that nothing follows
)

// line is a caller's end of a call, on either leg.
type line interface {
	sim.Party
	Heard() ([]int16, error)
	Spans() ([]sim.Span, error)
}

// act is what a step has come to: from its first to its last sound.
type act struct {
	step     int // index
	from, to media.Tick
	onset    media.Tick // of the agent's speech that it was laid into; -1
}

// player plays one scenario once.
type player struct {
	*Scenario
	g    *Gateway
	leg  Leg
	line line
	id   string // the carrier's of the call
	hear hearing
	say  map[int][]int16 // what is said, by step

	acts   []act
	missed *Failure // the step that could not be done

	// When the call has ended:
	heard    []int16
	spans    []sim.Span
	length   media.Tick
	transfer string
	told     string // who answered there
	shown    string // by the page, of consent
	events   []app.Event
	row      callRow
	fault    error // of the far end
}

// callRow is what the call's row says.
type callRow struct{ id, outcome, reason, consent, recording string }

// Run plays a scenario on a leg. The error is of the machinery: a call that can not be
// placed, an engine that is missing. What was not as expected is in the report.
func (g *Gateway) Run(ctx context.Context, s *Scenario, leg Leg) (*Report, error) {
	p, err := g.prepare(ctx, s, leg)
	if err != nil {
		return nil, err
	}
	return p.run(ctx)
}

// prepare makes all that is needed before the call.
func (g *Gateway) prepare(ctx context.Context, s *Scenario, leg Leg) (*player, error) {
	p := &player{Scenario: s, g: g, leg: leg, say: map[int][]int16{}}
	p.hear = hearing{ears: g.ears, rate: 8000}
	if leg == Web {
		p.hear.rate = 16000
	}
	if err := p.rehearse(ctx); err != nil {
		return nil, p.wrap(err)
	}
	return p, nil
}

// run places the call, plays the scenario and reports.
func (p *player) run(ctx context.Context) (*Report, error) {
	limited, cancel := context.WithTimeout(ctx, p.Limit)
	defer cancel()
	if err := p.call(limited); err != nil {
		return nil, p.wrap(err)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := p.settle(ctx); err != nil {
		return nil, p.wrap(err)
	}
	return p.report(), nil
}

// Play plays scenarios on legs of theirs, so many calls at once, and hands out the
// reports one by one, in order. It ends at the first error.
func (g *Gateway) Play(ctx context.Context, parallel int, legs func(*Scenario) []Leg, all []*Scenario, each func(*Report) error) error {
	var players []*player
	for _, s := range all {
		for _, leg := range legs(s) {
			p, err := g.prepare(ctx, s, leg)
			if err != nil {
				return err
			}
			players = append(players, p)
		}
	}
	ctx, stop := context.WithCancel(ctx)
	var calls sync.WaitGroup
	defer calls.Wait()
	defer stop()
	places := make(chan struct{}, parallel)
	done := make([]chan played, len(players))
	for i, p := range players {
		done[i] = make(chan played, 1)
		calls.Go(func() {
			wait(ctx, time.Duration(min(i, parallel))*breath) // those of one minute need not begin in one moment
			select {
			case places <- struct{}{}:
				report, err := p.run(ctx)
				done[i] <- played{report, err}
				<-places
			case <-ctx.Done():
				done[i] <- played{nil, ctx.Err()}
			}
		})
	}
	for _, one := range done {
		r := <-one
		if r.err != nil {
			return r.err
		}
		if err := each(r.report); err != nil {
			return err
		}
	}
	return nil
}

// played is what came of a call.
type played struct {
	report *Report
	err    error
}

// wait waits for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (p *player) wrap(err error) error { return fmt.Errorf("%s on %s: %w", p.Name, p.leg, err) }

// rehearse makes the sound of all steps.
func (p *player) rehearse(ctx context.Context) error {
	for i := range p.Steps {
		s := &p.Steps[i]
		if !s.on(p.leg) {
			continue
		}
		pcm, err := p.sound(ctx, s)
		if err != nil {
			return fmt.Errorf("line %d: %w", s.Line, err)
		}
		p.say[i] = pcm
	}
	return nil
}

// sound is what a step sounds like; nothing for most.
func (p *player) sound(ctx context.Context, s *Step) ([]int16, error) {
	speak := func(text string) ([]int16, error) {
		return p.g.voices.say(ctx, saying{p.Caller.Voice, text, p.hear.rate})
	}
	switch kind, _ := s.action(); kind {
	case "say":
		return speak(s.Say)
	case "interrupt":
		return speak(s.Interrupt)
	case "wav":
		return p.file(s.Wav, p.hear.rate)
	case "noise":
		u := usual[s.Noise]
		return s.Noise.make(p.hear.rate, cmp.Or(s.For, u.length), cmp.Or(s.Level, u.level)), nil
	case "hesitate":
		waits, err := pauses(s.Hesitate)
		if err != nil {
			return nil, err
		}
		var all []int16
		for i := 0; i < len(s.Hesitate); i += 2 {
			pcm, err := speak(s.Hesitate[i])
			if err != nil {
				return nil, err
			}
			all = append(all, trim(pcm)...)
			if i/2 < len(waits) {
				all = append(all, silence(p.hear.rate, waits[i/2])...)
			}
		}
		return all, nil
	}
	return nil, nil
}

// quietSample is below what is a sound.
const quietSample = 328

// trim cuts silence off both ends, so that pauses are as long as they should be.
func trim(pcm []int16) []int16 {
	loud := func(v int16) bool { return v >= quietSample || v <= -quietSample }
	for len(pcm) > 0 && !loud(pcm[0]) {
		pcm = pcm[1:]
	}
	for len(pcm) > 0 && !loud(pcm[len(pcm)-1]) {
		pcm = pcm[:len(pcm)-1]
	}
	return pcm
}

// call places the call and plays the steps, until it has ended.
func (p *player) call(ctx context.Context) error {
	end, err := p.dial(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, p.line.Hangup)
	defer stop()
	err = p.play(ctx)
	if err != nil {
		p.line.Hangup()
	}
	<-p.line.Done()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && p.missed == nil {
		p.missed = &Failure{Expect: "limit", Want: "the call ends within " + p.Limit.String(), Got: "it goes on"}
	}
	end()
	return err
}

// play does the steps, one after another.
func (p *player) play(ctx context.Context) error {
	for i := range p.Steps {
		s := &p.Steps[i]
		if !s.on(p.leg) {
			continue
		}
		err := p.do(ctx, i, s)
		switch {
		case err == nil:
			continue
		case errors.Is(err, sim.ErrEnded) && (s.Silent > 0 || s.Wait > 0):
		case errors.Is(err, sim.ErrEnded):
			p.missed = p.failure(i, "step", "it is done", "the call had ended")
		case ctx.Err() != nil:
			p.missed = p.failure(i, "limit", "it is done within "+p.Limit.String(), waitingFor(s)+" did not come")
		default:
			return fmt.Errorf("line %d: %w", s.Line, err)
		}
		return nil
	}
	return nil
}

// waitingFor says what a step was waiting for, in all likelihood.
func waitingFor(s *Step) string {
	switch {
	case s.WaitFor != "":
		return fmt.Sprintf("%q", s.WaitFor)
	case s.Choose != "":
		return "the choice"
	case s.After > 0 || s.Interrupt != "":
		return "the agent's speech"
	}
	return "the end of the agent's turn"
}

// do does one step, when its time has come.
func (p *player) do(ctx context.Context, i int, s *Step) error {
	kind, _ := s.action()
	onset := media.Tick(-1)
	var err error
	switch {
	case kind == "interrupt" || s.After > 0:
		onset, err = p.into(ctx, cmp.Or(s.After, time.Second))
	case kind == "wait", kind == "wait_for", kind == "noise", kind == "choose":
	default:
		err = p.finished(ctx)
	}
	if err != nil {
		return err
	}
	now, err := p.line.Now()
	if err != nil {
		return err
	}
	a := act{step: i, from: now, to: now, onset: onset}
	switch kind {
	case "say", "wav", "interrupt", "hesitate", "noise":
		return p.utter(ctx, a, p.say[i])
	case "press":
		p.acts = append(p.acts, a)
		return p.line.Press(s.Press)
	case "type":
		p.acts = append(p.acts, a)
		return sim.Type(s.Type)(ctx, p.line)
	case "choose":
		return p.choose(ctx, a, sim.Choice(s.Choose))
	case "silent":
		p.acts = append(p.acts, a)
		return p.line.WaitUntil(ctx, now+media.TicksIn(s.Silent))
	case "wait":
		return p.line.WaitUntil(ctx, now+media.TicksIn(s.Wait))
	case "wait_for":
		return p.waitFor(ctx, a, s.WaitFor)
	}
	p.acts = append(p.acts, a)
	p.line.Hangup()
	return nil
}

// utter says something and waits until it has been said.
func (p *player) utter(ctx context.Context, a act, pcm []int16) error {
	spoken := p.line.Say(pcm)
	lead := len(pcm) - len(trimStart(pcm))
	a.from = spoken.From + media.TickOfSample(int64(lead), p.hear.rate)
	a.to = a.from + media.TickOfSample(int64(len(trim(pcm))), p.hear.rate)
	p.acts = append(p.acts, a)
	return spoken.Wait(ctx)
}

// trimStart cuts silence off the beginning.
func trimStart(pcm []int16) []int16 {
	for len(pcm) > 0 && pcm[0] < quietSample && pcm[0] > -quietSample {
		pcm = pcm[1:]
	}
	return pcm
}

// choose presses a button of the page, once it is there.
func (p *player) choose(ctx context.Context, a act, choice sim.Choice) error {
	step := sim.Choose(choice)
	if choice == sim.Agree { // only as the answer to a question that was put again
		step = sim.Answer(choice)
	}
	if err := step(ctx, p.line); err != nil {
		return err
	}
	now, err := p.line.Now()
	a.from, a.to = now, now
	p.acts = append(p.acts, a)
	return err
}

// last is when the caller last did something.
func (p *player) last() media.Tick {
	if n := len(p.acts); n > 0 {
		return p.acts[n-1].to
	}
	return -1
}

// until waits until something holds of what was heard.
func (p *player) until(ctx context.Context, met func(now media.Tick, spans []sim.Span) (bool, error)) error {
	for {
		now, err := p.line.Now()
		if err != nil {
			return err
		}
		spans, err := p.line.Spans()
		if err != nil {
			return err
		}
		if ok, err := met(now, spans); ok || err != nil {
			return err
		}
		if err := p.line.WaitUntil(ctx, now+media.TicksIn(glance)); err != nil {
			return err
		}
	}
}

// finished waits until the agent has spoken since the caller last did something, and
// has been silent for as long as the caller is patient. At the beginning, that is
// after the question of consent has been settled, or when it seems to wait for an
// answer.
func (p *player) finished(ctx context.Context) error {
	since, first := p.last(), len(p.acts) == 0
	if n := len(p.acts); n > 0 && p.Steps[p.acts[n-1].step].WaitFor != "" {
		since = -1 // the agent was heard
	}
	settled := media.Tick(-1)
	return p.until(ctx, func(now media.Tick, spans []sim.Span) (bool, error) {
		if len(spans) == 0 {
			return false, nil
		}
		end := spans[len(spans)-1].To
		patience := media.TicksIn(p.Patience)
		if first && settled < 0 && p.settledConsent() {
			settled = now
		}
		if first && end <= settled || first && settled < 0 {
			patience += media.TicksIn(opening)
		}
		return end > since && now-end > patience, nil
	})
}

// settledConsent reports whether the question of consent has been settled.
func (p *player) settledConsent() bool {
	events, _ := p.g.eventsOf(p.id)
	for _, e := range events {
		if e.Kind == app.ConsentSettled {
			return true
		}
	}
	return false
}

// into waits until the agent has spoken for so long, since the caller last did
// something. It returns when that speech began.
func (p *player) into(ctx context.Context, after time.Duration) (onset media.Tick, err error) {
	since := p.last()
	err = p.until(ctx, func(now media.Tick, spans []sim.Span) (bool, error) {
		for _, s := range spans {
			if s.To > since {
				onset = max(s.From, since)
				return now-onset >= media.TicksIn(after), nil
			}
		}
		return false, nil
	})
	return onset, err
}

// waitFor waits until the agent has said words, since the caller last did something.
// The step is as long as that takes.
func (p *player) waitFor(ctx context.Context, a act, words string) error {
	from := max(0, p.last())
	a.from = from
	looked := media.Tick(0)
	err := p.until(ctx, func(now media.Tick, spans []sim.Span) (bool, error) {
		heard, err := p.line.Heard()
		if err != nil {
			return false, err
		}
		if err := p.hear.listen(ctx, heard, p.parted(spans), now); err != nil {
			return false, err
		}
		text := p.hear.text(since(from))
		if now-looked >= media.TicksIn(lookAgain) {
			looked = now
			unfinished, err := p.hear.unfinished(ctx, heard, p.parted(spans), now)
			if err != nil {
				return false, err
			}
			text += " " + unfinished
		}
		a.to = now
		return contains(text, words), nil
	})
	p.acts = append(p.acts, a)
	return err
}
