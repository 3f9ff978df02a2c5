package llm

import "context"

// certain reports whether the caller's turn is over. Of a guess it waits until that is
// known: the words are those that are final then. Such a wait is not the model's time.
func (t *turn) certain(ctx context.Context) bool {
	if !t.guess || t.gone {
		return !t.gone
	}
	if t.wait != nil {
		t.wait.pause()
		defer t.wait.resume()
	}
	select {
	case t.in.Said = <-t.in.Sure:
		t.guess = false
	case <-ctx.Done():
		t.gone = true
	}
	return !t.gone
}

// settle counts what became of a guess, and tells what it took.
func (r *Replier) settle(t *turn) {
	if t.in.Guess {
		r.o.Engines.metrics.guessed(!t.guess)
	}
	r.tell(t)
}

// tell tells what was taken for the answer, as far as it was not told yet.
func (r *Replier) tell(t *turn) {
	for _, s := range t.spent {
		s.Dropped = t.guess
		r.o.Engines.metrics.spent(s)
		if r.o.Spent != nil {
			r.o.Spent(s)
		}
	}
	t.spent = nil
}
