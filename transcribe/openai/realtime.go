package openai

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"sidetone/media"
	"sidetone/transcribe"
	"sidetone/transcribe/remote"
)

// The shortest audio that may be committed, and the rate of PCM.
const (
	leastCommit = 0.1 // seconds
	pcmRate     = 24000
)

// realtime is the protocol of a Realtime transcription session on one connection.
// Turns are committed by us, so an item is a turn; items may complete in any
// order.
type realtime struct {
	rate      int
	prompt    prompt
	beta      bool
	ready     bool
	resampler *media.Resampler // nil for mu-law
	pcm       []int16
	raw, buf  []byte
	sent      float64 // seconds
	committed []float64
	items     map[string]*item
	order     []*item // by turn
	done      int     // so many turns are complete
}

// item is one turn.
type item struct {
	turn int
	text string
	done bool
}

func newRealtime(rate int, p prompt, beta bool) *realtime {
	r := &realtime{rate: rate, prompt: p, beta: beta, items: map[string]*item{}}
	if rate != 8000 {
		var err error
		if r.resampler, err = media.NewResampler(rate, pcmRate); err != nil {
			panic("openai: internal error: " + err.Error()) // Open knows the rates
		}
	}
	return r
}

// Hello implements remote.Dialect: it says what comes, by today's names or those
// of the beta.
func (r *realtime) Hello() remote.Message {
	type object = map[string]any
	var update object
	if r.beta {
		format := "g711_ulaw"
		if r.resampler != nil {
			format = "pcm16"
		}
		update = object{"type": "transcription_session.update", "session": object{
			"input_audio_format": format, "input_audio_transcription": r.prompt, "turn_detection": nil,
		}}
	} else {
		format := object{"type": "audio/pcmu"}
		if r.resampler != nil {
			format = object{"type": "audio/pcm", "rate": pcmRate}
		}
		update = object{"type": "session.update", "session": object{"type": "transcription", "audio": object{"input": object{
			"format": format, "transcription": r.prompt, "turn_detection": nil,
		}}}}
	}
	data, err := json.Marshal(update)
	if err != nil {
		panic("openai: internal error: " + err.Error()) // it is made of texts
	}
	return remote.Message{Data: data}
}

// Ready implements remote.Dialect.
func (r *realtime) Ready() bool { return r.ready }

// Audio implements remote.Dialect.
func (r *realtime) Audio(pcm []int16) remote.Message {
	r.sent += float64(len(pcm)) / float64(r.rate)
	if r.resampler == nil {
		r.raw = media.AppendULaw(r.raw[:0], pcm)
		return r.append()
	}
	r.pcm = r.resampler.Process(r.pcm[:0], pcm)
	return r.wide()
}

// wide appends what is in pcm.
func (r *realtime) wide() remote.Message {
	if len(r.pcm) == 0 {
		return remote.Message{}
	}
	r.raw = r.raw[:0]
	for _, x := range r.pcm {
		r.raw = binary.LittleEndian.AppendUint16(r.raw, uint16(x))
	}
	return r.append()
}

// append makes the message of what is in raw.
func (r *realtime) append() remote.Message {
	r.buf = append(r.buf[:0], `{"type":"input_audio_buffer.append","audio":"`...)
	r.buf = base64.StdEncoding.AppendEncode(r.buf, r.raw)
	r.buf = append(r.buf, `"}`...)
	return remote.Message{Data: r.buf}
}

// Finalize implements remote.Dialect: it commits the turn, with silence at its
// end where it is too short.
func (r *realtime) Finalize(at float64) []remote.Message {
	turn := len(r.committed)
	commit := remote.Text(fmt.Sprintf(`{"type":"input_audio_buffer.commit","event_id":"turn_%d"}`, turn))
	from := 0.0
	if turn > 0 {
		from = r.committed[turn-1]
	}
	r.committed = append(r.committed, at)
	var messages []remote.Message
	silence := make([]int16, max(0, int((leastCommit-(at-from))*float64(r.rate)+1)))
	if r.resampler != nil {
		r.pcm = r.resampler.Flush(r.resampler.Process(r.pcm[:0], silence))
		messages = append(messages, clone(r.wide()))
	} else if len(silence) > 0 {
		r.raw = media.AppendULaw(r.raw[:0], silence)
		messages = append(messages, clone(r.append()))
	}
	return append(messages, commit)
}

// clone lets a message outlive the next.
func clone(m remote.Message) remote.Message {
	return remote.Message{Binary: m.Binary, Data: append([]byte(nil), m.Data...)}
}

// KeepAlive implements remote.Dialect: a session lives for an hour.
func (*realtime) KeepAlive() remote.Message { return remote.Message{} }

// Bye implements remote.Dialect.
func (*realtime) Bye() remote.Message { return remote.Message{} }

// event is a message of the server.
type event struct {
	Type       string `json:"type"`
	Item       string `json:"item_id"`
	Delta      string `json:"delta"`
	Transcript string `json:"transcript"`
	Error      struct {
		Type  string `json:"type"`
		Code  string `json:"code"`
		Event string `json:"event_id"`
	} `json:"error"`
}

// Read implements remote.Dialect. It understands the names of today and those of
// the beta.
func (r *realtime) Read(data []byte) (remote.Report, error) {
	var kind struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(data, &kind) != nil || kind.Type == "" {
		return remote.Report{}, remote.ErrMalformed
	}
	const transcription = "conversation.item.input_audio_transcription."
	var e event
	switch kind.Type {
	case "session.updated", "transcription_session.updated":
		r.ready = true
		return remote.Report{}, nil
	case "input_audio_buffer.committed", transcription + "delta", transcription + "completed", transcription + "failed", "error":
		if json.Unmarshal(data, &e) != nil {
			return remote.Report{}, remote.ErrMalformed
		}
	default:
		return remote.Report{}, nil
	}
	switch e.Type {
	case "error":
		return r.refused(e)
	case "input_audio_buffer.committed":
		r.item(e.Item)
		return remote.Report{}, nil
	case transcription + "failed":
		return remote.Report{}, &transcribe.Failure{Op: "transcribe", Class: transcribe.Busy, Code: e.Error.Code}
	}
	it := r.item(e.Item)
	switch {
	case it == nil || it.done:
		return remote.Report{}, nil // said twice
	case e.Type == transcription+"completed":
		it.text, it.done = e.Transcript, true
	case len(it.text)+len(e.Delta) > maxText:
		return remote.Report{}, remote.ErrMalformed
	default:
		it.text += e.Delta
	}
	return r.report(it), nil
}

// maxText bounds the words of one turn, in bytes; a turn has at most 30 s.
const maxText = 16 << 10

// item returns a turn by its id. The first sight of ids is in the order of
// turns; nil for one that there can not be.
func (r *realtime) item(id string) *item {
	if it, ok := r.items[id]; ok {
		return it
	}
	if id == "" || len(r.order) > len(r.committed) {
		return nil
	}
	it := &item{turn: len(r.order)}
	r.items[id] = it
	r.order = append(r.order, it)
	return it
}

// report says how a turn stands.
func (r *realtime) report(it *item) remote.Report {
	for r.done < len(r.order) && r.order[r.done].done {
		r.done++
	}
	p := &remote.Passage{Key: int64(it.turn), To: r.sent, Text: it.text, Final: it.done}
	if it.turn > 0 {
		p.From = r.committed[it.turn-1]
	}
	if it.turn < len(r.committed) {
		p.To = r.committed[it.turn]
	}
	report := remote.Report{Passage: p}
	if n := min(r.done, len(r.committed)); n > 0 {
		report.Solid = r.committed[n-1]
	}
	return report
}

// refused takes an error. Most let the session go on.
func (r *realtime) refused(e event) (remote.Report, error) {
	f := &transcribe.Failure{Op: "transcribe", Class: transcribe.Busy, Code: e.Error.Code}
	var turn int
	_, ours := fmt.Sscanf(e.Error.Event, "turn_%d", &turn)
	switch {
	case e.Error.Code == "invalid_api_key" || e.Error.Type == "authentication_error" || e.Error.Code == "insufficient_quota":
		f.Class = transcribe.Denied
	case e.Error.Type == "rate_limit_error" || e.Error.Code == "rate_limit_exceeded":
		f.Class = transcribe.Limited
	case e.Error.Type == "server_error":
	case !r.ready:
		f.Op, f.Class = "begin", transcribe.Rejected
	case ours == nil && turn >= 0 && turn < len(r.committed) && e.Error.Code == "input_audio_buffer_commit_empty":
		if it := r.item(e.Error.Event); it != nil { // there is no item for it: it has no words
			it.done = true
			return r.report(it), nil
		}
		return remote.Report{}, nil
	case ours == nil:
	default:
		return remote.Report{}, nil
	}
	return remote.Report{}, f
}
