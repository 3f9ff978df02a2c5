package call

import (
	"context"
	"errors"
	"slices"
	"time"

	"sidetone/dialog"
	"sidetone/media"
)

// queueAhead is how much audio may wait in the playout before the next
// sentence is made.
const queueAhead = 8 * media.TickRate

// speaking is what the loop knows of the speaker.
type speaking struct {
	pending []dialog.Say // sentences not yet given to the speaker
	busy    bool         // the speaker is at work
	muted   bool         // and what it yields is not wanted
	turn    dialog.TurnID
	cancel  context.CancelFunc
	clip    media.ClipID                // of the playout, once there is audio
	made    media.Tick                  // of clip, so far
	length  map[media.ClipID]media.Tick // of the clips made and not played to their end
}

// append takes a sentence to be said; a filler is said first.
func (s *speaking) append(a dialog.Say) {
	if a.Filler {
		s.pending = slices.Insert(s.pending, 0, a)
		return
	}
	s.pending = append(s.pending, a)
}

// say is what the speaker goroutine is asked.
type say struct {
	ctx     context.Context
	speaker dialog.Speaker
	clip    media.ClipID // the agent's number
	text    string
}

// speech is audio of a sentence, or its end.
type speech struct {
	clip media.ClipID // the agent's number
	pcm  []int16
	took time.Duration // from the request to this audio
	end  bool
	err  error
}

// feed gives the speaker its next sentence when there is room for it.
func (c *Call) feed() {
	c.cover()
	s := &c.spoken
	if s.busy || len(s.pending) == 0 || c.playout.Queued() >= queueAhead {
		return
	}
	next := s.pending[0]
	s.pending = s.pending[1:]
	ctx, cancel := context.WithCancel(c.run)
	s.busy, s.muted, s.turn, s.cancel, s.made = true, false, next.Turn, cancel, 0
	c.says <- say{ctx: ctx, speaker: c.Speaker, clip: next.Clip, text: next.Text}
}

// cover says a filler while the speaker is at work on a sentence of its turn: from what
// was rendered before, and only where nothing of that sentence is there to be played.
func (c *Call) cover() {
	s := &c.spoken
	if len(s.pending) == 0 || !s.pending[0].Filler || s.busy && s.muted {
		return
	}
	filler := s.pending[0]
	sounding := c.sounding(filler.Turn)
	if !s.busy && !sounding {
		return // the speaker says it
	}
	s.pending = s.pending[1:]
	if r, ok := c.Speaker.(dialog.Reciter); ok && !sounding {
		if pcm, ok := r.Recite(filler.Text, c.info.Rate); ok {
			clip := c.number(source{clip: filler.Clip, turn: filler.Turn})
			c.playout.Append(clip, pcm)
			c.complete(clip, media.TickOfSample(int64(len(pcm)), c.info.Rate))
			return
		}
	}
	c.turnTo(dialog.SpeakFailed{At: c.clock.Tick(time.Now()), Clip: filler.Clip})
}

// sounding reports whether audio of a turn is in the playout.
func (c *Call) sounding(turn dialog.TurnID) bool {
	for _, of := range c.sources {
		if of.clip != 0 && of.turn == turn {
			return true
		}
	}
	return false
}

// complete takes that a clip is as long as it will be.
func (c *Call) complete(clip media.ClipID, length media.Tick) {
	if c.spoken.length == nil {
		c.spoken.length = map[media.ClipID]media.Tick{}
	}
	c.spoken.length[clip] = length
	c.playout.Finish(clip)
}

// speak is the speaker's goroutine: one sentence at a time.
func (c *Call) speak(ctx context.Context) error {
	for {
		var s say
		select {
		case s = <-c.says:
		case <-ctx.Done():
			return ctx.Err()
		}
		began := time.Now()
		end := speech{clip: s.clip, end: true}
		for pcm, err := range s.speaker.Speak(s.ctx, s.text, c.info.Rate) {
			if err != nil {
				end.err = err
				break
			}
			if !put(ctx, c.speech, speech{clip: s.clip, pcm: pcm, took: time.Since(began)}) {
				return ctx.Err()
			}
		}
		if !put(ctx, c.speech, end) {
			return ctx.Err()
		}
	}
}

// sound takes audio of a sentence into the playout.
func (c *Call) sound(s speech) {
	sp := &c.spoken
	if s.end {
		sp.cancel()
		sp.busy = false
	}
	now := time.Now()
	switch {
	case sp.muted:
	case !s.end && len(s.pcm) > 0:
		if sp.made == 0 {
			sp.clip = c.number(source{clip: s.clip, turn: sp.turn})
			c.turn.synthesised(s.took)
			c.stage(stageTTS, s.took)
		}
		sp.made += media.TickOfSample(int64(len(s.pcm)), c.info.Rate)
		c.playout.Append(sp.clip, s.pcm)
	case s.end && sp.made > 0:
		c.shorten(s, now)
		c.complete(sp.clip, sp.made)
	case s.end:
		c.unsaid(s, now)
	}
}

// shorten takes that a sentence ends before its last word.
func (c *Call) shorten(s speech, now time.Time) {
	cut := (*dialog.CutError)(nil)
	if !errors.As(s.err, &cut) {
		return
	}
	c.Log.Warn("call: sentence cut", "call", c.info.ID, "engine", c.Speaker.Name(), "err", s.err)
	if c.ending == nil {
		c.turnTo(dialog.Shortened{At: c.clock.Tick(now), Clip: s.clip, Text: cut.Said})
	}
}

// unsaid takes a sentence of which no audio could be made.
func (c *Call) unsaid(s speech, now time.Time) {
	if s.err != nil {
		c.Log.Warn("call: sentence lost", "call", c.info.ID, "engine", c.Speaker.Name(), "err", s.err)
	}
	if c.ending != nil {
		c.ending.said(c, s.clip)
		return
	}
	c.turnTo(dialog.SpeakFailed{At: c.clock.Tick(now), Clip: s.clip, Err: s.err})
}

// played takes what the far end has played: into the recording, and to the
// machine whose words they were.
func (c *Call) played(spans []media.Span) {
	at := c.clock.Tick(time.Now())
	for _, s := range spans {
		length := media.TickOfSample(int64(len(s.PCM)), c.info.Rate)
		of := c.sources[s.Clip]
		if of.part != nil {
			c.playedNotice(s, of, at)
			continue
		}
		c.keepOwn(s)
		if s.Clip >= toneClips {
			continue
		}
		if c.ending != nil {
			if s.Done {
				c.ending.said(c, of.clip)
			}
			continue
		}
		c.timing.played = s.At
		c.turnTo(dialog.Played{
			At: at, Clip: of.clip, From: s.At, Offset: s.From + length,
			Length: c.spoken.length[s.Clip], Done: s.Done,
		})
		c.showProgress(of.clip)
		if s.Done {
			delete(c.spoken.length, s.Clip)
			delete(c.sources, s.Clip)
		}
	}
}
