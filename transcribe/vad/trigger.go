package vad

import "sidetone/media"

// trigger turns the probabilities of successive windows into speech and
// silence, with hysteresis in level and in time.
type trigger struct {
	up, down              float32
	minSpeech, minSilence media.Tick
	state                 State
	onset                 media.Tick // start of the run of windows that may become speech
	rising                bool       // there is such a run
}

func newTrigger(o Options) trigger {
	o = o.withDefaults()
	return trigger{
		up:         o.Up,
		down:       o.Down,
		minSpeech:  media.TicksIn(o.MinSpeech),
		minSilence: media.TicksIn(o.MinSilence),
	}
}

// window takes the probability of speech in [from, to).
func (t *trigger) window(from, to media.Tick, p float32) State {
	t.state.Probability = p
	if t.state.Speech {
		t.sustain(to, p)
	} else {
		t.rise(from, to, p)
	}
	return t.state
}

func (t *trigger) sustain(to media.Tick, p float32) {
	if p >= t.down {
		t.state.To = to
		return
	}
	if to-t.state.To >= t.minSilence {
		t.state.Speech = false
	}
}

func (t *trigger) rise(from, to media.Tick, p float32) {
	if p < t.down || (!t.rising && p < t.up) {
		t.rising = false
		return
	}
	if !t.rising {
		t.rising, t.onset = true, from
	}
	if to-t.onset >= t.minSpeech {
		t.state.Speech, t.state.From, t.state.To = true, t.onset, to
		t.rising = false
	}
}
