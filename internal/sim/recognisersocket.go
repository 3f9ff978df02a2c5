package sim

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"sidetone/media"
)

// hugeReply is the size of the answer of RecogniserFaults.Huge, in bytes.
const hugeReply = 100 << 20

// recogniserSocket is one WebSocket of a fake: results go out late by the
// latency, and with the faults that are switched on.
type recogniserSocket struct {
	*Recogniser
	faults RecogniserFaults
	n      int // the request's number
	conn   *websocket.Conn
	ear    *toneEar
	mulaw  bool
	out    chan lateMessage
	mute   atomic.Bool
	huge   bool
	done   chan struct{}
}

// lateMessage is a message that goes out when it is due.
type lateMessage struct {
	due   time.Time
	data  []byte
	close int // a close frame instead, with data as its text
}

// recogniserProtocol is what a vendor makes of what it is sent.
type recogniserProtocol interface {
	audio()                           // more was heard
	control(kind string, text []byte) // a message of JSON
	partial() any                     // for an endless stream of them; nil for none
}

// accept upgrades a request that is not refused.
func (r *Recogniser) accept(w http.ResponseWriter, req *http.Request, scheme string) *recogniserSocket {
	n, f := r.arrived(req)
	if r.refuse(w, req, f, scheme) {
		r.gone()
		return nil
	}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := upgrader.Upgrade(w, req, nil)
	if err != nil {
		r.gone()
		return nil
	}
	s := &recogniserSocket{Recogniser: r, faults: f, n: n, conn: conn, huge: f.Huge, out: make(chan lateMessage, 4096), done: make(chan struct{})}
	s.mute.Store(f.Deaf)
	answer := conn.PingHandler()
	conn.SetPingHandler(func(text string) error {
		if s.mute.Load() {
			return nil
		}
		return answer(text)
	})
	return s
}

// serve takes what is sent until the connection ends.
func (s *recogniserSocket) serve(p recogniserProtocol) {
	defer s.gone()
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		s.write()
	}()
	if s.faults.Endless {
		go s.chatter(p)
	}
	for {
		kind, data, err := s.conn.ReadMessage()
		if err != nil {
			break
		}
		if kind == websocket.BinaryMessage {
			s.take(data, p)
			continue
		}
		var m struct {
			Type string `json:"type"`
		}
		json.Unmarshal(data, &m)
		s.note(s.n, func(q *RecogniserRequest) { q.Control = append(q.Control, m.Type) })
		p.control(m.Type, data)
	}
	close(s.done)
	s.conn.Close()
	<-wrote
}

// take hears binary audio.
func (s *recogniserSocket) take(data []byte, p recogniserProtocol) {
	pcm := make([]int16, len(data)/2)
	if s.mulaw {
		pcm = media.AppendPCM(nil, data)
	} else {
		for i := range pcm {
			pcm[i] = int16(binary.LittleEndian.Uint16(data[2*i:]))
		}
	}
	s.heard(pcm, p)
}

// heard takes audio, with the faults that come after some of it.
func (s *recogniserSocket) heard(pcm []int16, p recogniserProtocol) {
	const step = 160
	for len(pcm) > 0 {
		n := min(step, len(pcm))
		s.ear.hear(pcm[:n])
		pcm = pcm[n:]
		at := time.Duration(s.ear.seconds() * float64(time.Second))
		if f := s.faults; f.HalfOpen > 0 && at >= f.HalfOpen {
			s.mute.Store(true)
		} else if f.CutAfter > 0 && at >= f.CutAfter {
			s.cut(f)
			return
		}
		p.audio()
	}
	s.note(s.n, func(q *RecogniserRequest) {
		q.Seconds, q.Noise, q.Words = s.ear.seconds(), s.ear.noise, textOf(s.ear.between(0, s.ear.seconds()+1))
	})
}

func (s *recogniserSocket) cut(f RecogniserFaults) {
	if f.CloseAs == 0 {
		s.conn.NetConn().Close()
		return
	}
	s.mute.Store(true)
	s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(f.CloseAs, f.Reason), time.Now().Add(time.Second))
	s.conn.Close()
}

// say queues a result, with the garbage before it and what is not documented in
// it.
func (s *recogniserSocket) say(v map[string]any) {
	for range s.faults.Garbage {
		s.queue([]byte(`{"type":"Results","is_final":tr`))
	}
	if s.faults.Unknown {
		v["a_field_of_the_future"] = map[string]any{"type": []int{1, 2}}
		s.queue([]byte(`{"type":"AnEventOfTheFuture","channel":7,"session":[],"words":"none"}`))
	}
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // of maps of our own
	}
	s.queue(data)
}

func (s *recogniserSocket) queue(data []byte) {
	select {
	case s.out <- lateMessage{due: time.Now().Add(s.latency()), data: data}:
	default: // nobody reads: the vendor gives up as well
		s.conn.Close()
	}
}

// finish ends the connection after what is queued.
func (s *recogniserSocket) finish(code int, text string) {
	s.out <- lateMessage{due: time.Now().Add(s.latency()), close: code, data: []byte(text)}
}

// write writes what is due.
func (s *recogniserSocket) write() {
	for {
		var m lateMessage
		select {
		case m = <-s.out:
		case <-s.done:
			return
		}
		timer := time.NewTimer(time.Until(m.due))
		select {
		case <-timer.C:
		case <-s.done:
			timer.Stop()
			return
		}
		if s.mute.Load() {
			continue
		}
		s.conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
		if m.close != 0 {
			s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(m.close, string(m.data)), time.Now().Add(time.Second))
			s.conn.Close()
			continue
		}
		if s.huge {
			s.huge = false
			s.writeHuge()
		}
		s.conn.WriteMessage(websocket.TextMessage, m.data)
	}
}

func (s *recogniserSocket) writeHuge() {
	w, err := s.conn.NextWriter(websocket.TextMessage)
	if err != nil {
		return
	}
	defer w.Close()
	io.WriteString(w, `{"type":"Results","transcript":"`)
	block := strings.Repeat("x", 1<<16)
	for range hugeReply / len(block) {
		if _, err := io.WriteString(w, block); err != nil {
			return
		}
	}
}

// chatter sends partials without end, faster than anybody wants them.
func (s *recogniserSocket) chatter(p recogniserProtocol) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if v := p.partial(); v != nil {
				data, _ := json.Marshal(v)
				s.queue(data)
			}
		case <-s.done:
			return
		}
	}
}
