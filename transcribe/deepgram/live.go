package deepgram

import (
	"encoding/json"
	"math"
	"slices"

	"sidetone/transcribe"
	"sidetone/transcribe/remote"
)

// live is the protocol of /v1/listen on one connection. Finals lie end to end
// over all that was sent, silence too; Finalize asks for the one up to now, and
// mostly gets it.
type live struct {
	coding
	buf     []byte
	end     float64    // finals reach here without a gap
	beyond  []tile     // finals after a gap
	asked   []float64  // Finalizes that are not answered
	flushed []promised // answers that wait for a gap to close
	solid   float64
}

// tile is a stretch of which there is a final.
type tile struct{ from, to float64 }

// promised is an answer to a Finalize: once finals reach from, all up to pos is
// solid.
type promised struct{ from, pos float64 }

// The tolerances, in seconds: between a final's end and the next one's begin, and
// between what was sent and what an answer to Finalize covers.
const (
	seam  = 0.05
	short = 0.25
)

// longestStream bounds the times that are believed, in seconds.
const longestStream = 1e6

// message is any message of the server; what is not of its type is zero.
type message struct {
	Type         string  `json:"type"`
	Start        float64 `json:"start"`
	Duration     float64 `json:"duration"`
	IsFinal      bool    `json:"is_final"`
	SpeechFinal  bool    `json:"speech_final"`
	FromFinalize bool    `json:"from_finalize"`
	Variant      string  `json:"variant"` // of an Error
}

// results is the part of Results that other types give another shape.
type results struct {
	Channel struct {
		Alternatives []struct {
			Transcript string  `json:"transcript"`
			Confidence float64 `json:"confidence"`
			Words      []word  `json:"words"`
		} `json:"alternatives"`
	} `json:"channel"`
}

type word struct {
	Word       string  `json:"word"`
	Punctuated string  `json:"punctuated_word"`
	Start      float64 `json:"start"`
	End        float64 `json:"end"`
	Confidence float64 `json:"confidence"`
}

// Hello implements remote.Dialect.
func (*live) Hello() remote.Message { return remote.Message{} }

// Ready implements remote.Dialect.
func (*live) Ready() bool { return true }

// Audio implements remote.Dialect.
func (l *live) Audio(pcm []int16) remote.Message {
	l.buf = l.appendTo(l.buf[:0], pcm)
	return remote.Message{Binary: true, Data: l.buf}
}

// Finalize implements remote.Dialect.
func (l *live) Finalize(at float64) []remote.Message {
	l.asked = append(l.asked, at)
	return []remote.Message{remote.Text(`{"type":"Finalize"}`)}
}

// KeepAlive implements remote.Dialect.
func (*live) KeepAlive() remote.Message { return remote.Text(`{"type":"KeepAlive"}`) }

// Bye implements remote.Dialect.
func (*live) Bye() remote.Message { return remote.Text(`{"type":"CloseStream"}`) }

// Read implements remote.Dialect.
func (l *live) Read(data []byte) (remote.Report, error) {
	var m message
	if json.Unmarshal(data, &m) != nil || m.Type == "" {
		return remote.Report{}, remote.ErrMalformed
	}
	switch m.Type {
	case "Results":
		return l.results(m, data)
	case "UtteranceEnd":
		return remote.Report{Hint: transcribe.Ended}, nil
	case "Error":
		return remote.Report{}, &transcribe.Failure{Op: "read", Class: transcribe.Busy, Code: m.Variant}
	}
	return remote.Report{}, nil // Metadata, SpeechStarted, and what may come
}

// results takes a stretch of what was recognised.
func (l *live) results(m message, data []byte) (remote.Report, error) {
	var r results
	if json.Unmarshal(data, &r) != nil || m.Start < 0 || m.Duration < 0 || m.Start+m.Duration > longestStream {
		return remote.Report{}, remote.ErrMalformed
	}
	p := &remote.Passage{Key: int64(math.Round(m.Start * 1000)), From: m.Start, To: m.Start + m.Duration, Final: m.IsFinal}
	if len(r.Channel.Alternatives) > 0 {
		best := r.Channel.Alternatives[0]
		p.Text, p.Confidence, p.Words = best.Transcript, best.Confidence, wordsOf(best.Words)
	}
	report := remote.Report{Heard: p.To}
	if m.IsFinal {
		l.lay(tile{p.From, p.To})
	}
	if m.FromFinalize {
		l.answered(p.To)
	}
	report.Solid = l.settled()
	if m.Duration > 0 {
		report.Passage = p
	}
	if m.SpeechFinal && p.Text != "" {
		report.Hint = transcribe.Ended
	}
	return report, nil
}

func wordsOf(words []word) []remote.Word {
	out := make([]remote.Word, 0, len(words))
	for _, w := range words {
		text := w.Punctuated
		if text == "" {
			text = w.Word
		}
		if text != "" {
			out = append(out, remote.Word{From: w.Start, To: w.End, Text: text, Confidence: w.Confidence})
		}
	}
	return out
}

// lay lays a final beside those that were there.
func (l *live) lay(t tile) {
	if t.from > l.end+seam {
		if len(l.beyond) < 64 {
			l.beyond = append(l.beyond, t)
		}
		return
	}
	l.end = max(l.end, t.to)
	for grown := true; grown; {
		grown = false
		l.beyond = slices.DeleteFunc(l.beyond, func(b tile) bool {
			if b.from > l.end+seam {
				return false
			}
			l.end, grown = max(l.end, b.to), true
			return true
		})
	}
}

// answered takes an answer to Finalize whose final ends at a second. It answers
// all that were sent by then: Deepgram may leave some without an answer.
func (l *live) answered(to float64) {
	for len(l.asked) > 0 && l.asked[0] <= to+short {
		l.flushed = append(l.flushed, promised{to, l.asked[0]})
		l.asked = l.asked[1:]
	}
}

// settled returns up to where nothing will change.
func (l *live) settled() float64 {
	l.solid = max(l.solid, l.end)
	l.flushed = slices.DeleteFunc(l.flushed, func(p promised) bool {
		if l.end+seam < p.from {
			return false
		}
		l.solid = max(l.solid, p.pos)
		return true
	})
	return l.solid
}
