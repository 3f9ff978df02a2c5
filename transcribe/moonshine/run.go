package moonshine

import (
	"context"
	"errors"
	"strings"
	"time"

	"sidetone/media"
	"sidetone/transcribe"
)

// task is what Run does next.
type task uint8

const (
	settle task = iota + 1 // a closed segment: its words belong to the turn
	finish                 // the end of a turn: answer with its words
	ahead                  // speech has just ended: decode it before anyone asks
	guess                  // speech goes on: decode it so far
)

// job is a task and what it works on, taken from the session in one moment.
type job struct {
	task    task
	item    item
	segment *segment
	version int
	pcm     []int16
	piece   piece // its span
}

// Run implements transcribe.Session. It returns nil when ctx ends.
func (s *session) Run(ctx context.Context) error {
	defer close(s.events)
	for ctx.Err() == nil {
		own, cancel := context.WithCancel(ctx)
		j, ok := s.next(cancel)
		if !ok {
			cancel()
			select {
			case <-s.wake:
			case <-ctx.Done():
			}
			continue
		}
		err := s.do(own, j)
		s.idle()
		lost := err != nil && own.Err() == nil
		cancel()
		if lost {
			return err
		}
	}
	return nil
}

// next takes the most urgent job. A change of what it works on will cancel it,
// unless that is closed for good.
func (s *session) next(cancel context.CancelFunc) (job, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) > 0 {
		it := s.queue[0]
		s.queue = s.queue[1:]
		if it.segment == nil {
			return job{task: finish, item: it}, true
		}
		seg := it.segment
		return job{task: settle, segment: seg, pcm: seg.pcm, piece: s.span(seg, seg.end)}, true
	}
	seg := s.open
	if seg == nil {
		return job{}, false
	}
	end := s.tape.end()
	switch {
	case !seg.speaking && !seg.done:
		s.stale = cancel
		return job{ahead, item{}, seg, seg.version, s.tape.cut(seg.from, seg.to), s.span(seg, seg.end)}, true
	case seg.speaking && end-seg.tried >= partialEvery:
		s.stale = cancel
		seg.tried = end
		return job{guess, item{}, seg, seg.version, s.tape.cut(seg.from, end), s.span(seg, end)}, true
	}
	return job{}, false
}

// span is an empty piece from the onset of a segment, or where its audio
// begins if the onset was before, to a tick.
func (s *session) span(seg *segment, to media.Tick) piece {
	return piece{from: max(seg.onset, seg.from), to: to}
}

// idle says that no decode of the open segment runs.
func (s *session) idle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = nil
}

func (s *session) do(ctx context.Context, j job) error {
	switch j.task {
	case settle:
		return s.settle(ctx, j)
	case finish:
		return s.finish(ctx, j.item)
	case ahead:
		return s.ahead(ctx, j)
	default:
		return s.guess(ctx, j)
	}
}

// settle adds a closed segment to the turn.
func (s *session) settle(ctx context.Context, j job) error {
	if j.segment.done {
		s.turn = append(s.turn, j.segment.result)
		return nil
	}
	p, err := s.decode(ctx, j)
	s.turn = append(s.turn, p)
	return err
}

// ahead decodes a segment whose speech has ended, so that its words are known
// when the turn ends.
func (s *session) ahead(ctx context.Context, j job) error {
	p, err := s.decode(ctx, j)
	if err != nil {
		return err
	}
	s.mu.Lock()
	current := j.segment.version == j.version
	if current {
		j.segment.done, j.segment.result, j.segment.pcm = true, p, nil
	}
	s.mu.Unlock()
	if current {
		s.partial(p)
	}
	return nil
}

// guess decodes the open segment so far, if a workspace is free.
func (s *session) guess(ctx context.Context, j job) error {
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	w, ok := s.engine.scheduler.try(cancel)
	if !ok {
		s.engine.options.Metrics.partialsDropped.Inc()
		return nil
	}
	p, err := s.recognise(own, w, j, kindPartial)
	s.engine.scheduler.release(w)
	if errors.Is(err, context.Canceled) {
		s.engine.options.Metrics.partialsDropped.Inc()
		return nil
	}
	if err != nil {
		return err
	}
	s.partial(p)
	return nil
}

// decode decodes finished speech in its turn.
func (s *session) decode(ctx context.Context, j job) (piece, error) {
	if j.piece.to-j.piece.from < leastSpeech {
		return j.piece, nil
	}
	asked := time.Now()
	w, err := s.engine.scheduler.acquire(ctx)
	if err != nil {
		return j.piece, err
	}
	defer s.engine.scheduler.release(w)
	s.engine.options.Metrics.wait.Observe(time.Since(asked).Seconds())
	return s.recognise(ctx, w, j, kindFinal)
}

// recognise turns a job's audio into words. Finished speech is known to hold
// some; of speech that goes on, the model may see too little yet.
func (s *session) recognise(ctx context.Context, w *workspace, j job, kind string) (piece, error) {
	began := time.Now()
	audio, err := samples(j.pcm, s.tape.rate)
	if err != nil {
		return j.piece, err
	}
	d, err := w.run(ctx, audio, kind == kindFinal, tokensIn(len(audio)))
	if err != nil {
		return j.piece, err
	}
	s.engine.options.Metrics.decode.WithLabelValues(kind).Observe(time.Since(began).Seconds())
	p := j.piece
	p.text = s.engine.model.text(s.engine.model.unloop(d))
	p.tokens, p.sure, p.wordless = len(d.tokens), d.confidence, d.wordless
	return p, nil
}

// samples converts PCM to what the model takes.
func samples(pcm []int16, rate int) ([]float32, error) {
	pcm, err := media.Resample(pcm, rate, sampleRate)
	if err != nil {
		return nil, err
	}
	audio := make([]float32, max(len(pcm), shortest))
	for i, x := range pcm {
		audio[i] = float32(x) / 32768
	}
	return audio, nil
}

// partial sends the turn so far, if p adds words to it and someone listens.
func (s *session) partial(p piece) {
	if p.text == "" {
		return
	}
	e := sum(append(s.turn[:len(s.turn):len(s.turn)], p))
	e.Kind = transcribe.Partial
	select {
	case s.events <- e:
	default:
		s.engine.options.Metrics.partialsDropped.Inc()
	}
}

// finish answers a Finalize.
func (s *session) finish(ctx context.Context, end item) error {
	e := sum(s.turn)
	s.turn = s.turn[:0]
	e.Kind = transcribe.Final
	if e.Text == "" {
		e.From, e.To = end.at, end.at
	}
	e.Took = time.Since(end.ordered)
	select {
	case s.events <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sum joins pieces to one event.
func sum(pieces []piece) transcribe.Event {
	var e transcribe.Event
	var texts []string
	tokens := 0
	for _, p := range pieces {
		if p.text == "" {
			continue
		}
		if len(texts) == 0 {
			e.From, e.Wordless = p.from, p.wordless
		}
		e.Wordless = min(e.Wordless, p.wordless)
		e.To = p.to
		texts = append(texts, p.text)
		tokens += p.tokens
		e.Confidence += float64(p.tokens) * p.sure
	}
	if tokens > 0 {
		e.Confidence /= float64(tokens)
	}
	e.Text = strings.Join(texts, " ")
	return e
}
