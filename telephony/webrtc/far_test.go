package webrtc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/prometheus/client_golang/prometheus"

	"sidetone/media"
	"sidetone/media/opus"
	"sidetone/telephony"
)

// The codings that a browser and the gateway may agree on.
var (
	overOpus = codec{Opus: true, Payload: 111, Keys48: 110, Keys8: 126}
	overPCMU = codec{Payload: 0, Keys8: 126}
)

var speech = Opus{Bitrate: 24000, Complexity: 0}

// far is a browser and the network to it, on a bubble's time: it speaks RTP with
// real payloads both ways, plays what comes after a fixed delay on a clock of its
// own, and writes on a data channel. It is the wire of the leg that it talks to.
type far struct {
	*testing.T
	c       codec
	travel  time.Duration // each way
	buffer  time.Duration // from a packet's arrival to its playing
	ppm     float64       // by which its clock is fast
	born    time.Time     // its tick 0
	metrics *prometheus.Registry

	// To the leg.
	up       chan flying // on their way
	rtp      chan []byte // arrived
	messages chan []byte
	states   chan wireState
	reports  chan report
	gone     chan struct{} // the wire is closed
	deadline time.Time     // of the leg's reader
	encoder  *opus.Encoder
	tail     *media.Resampler
	narrow   []int16
	seq      uint16
	next     media.Tick // where Say goes on without a jump

	// From the leg.
	down    chan flying
	talkers sync.WaitGroup // send until the wire is closed
	links   sync.WaitGroup
	mu      sync.Mutex
	closed  bool
	cut     bool // nothing gets through, either way
	frozen  []flying
	freeze  bool
	choked  bool // the data channel takes no more
	deaf    bool // the page has closed the data channel
	obeys   bool // the page hushes when it is told to
	hushed  uint32
	hushes  bool // packets before hushed are not heard
	packets []rtp.Header
	sent    []time.Time // of packets
	shown   []map[string]any
	heard   []int16   // all that came, without gaps
	played  []stretch // what came, where it was played
	decoder *opus.Decoder
	wide    *media.Resampler
	rest    []int16
	stamps  []uint32 // RTP timestamps of played
	spurt   float64  // tick at which the spurt began
	stamp   uint32   // RTP timestamp of that
	came    chan struct{}
}

// flying is a packet on its way.
type flying struct {
	at time.Time // of arrival
	b  []byte
}

// stretch is sound that the far end played from a tick of its clock on.
type stretch struct {
	tick float64
	pcm  []int16
}

func newFar(t *testing.T, c codec, change ...func(*far)) *far {
	f := &far{
		T: t, c: c, born: time.Now(), metrics: prometheus.NewRegistry(),
		up: make(chan flying, 1000), rtp: make(chan []byte, 1000), down: make(chan flying, 1000),
		messages: make(chan []byte, 1000), states: make(chan wireState, 10), reports: make(chan report, 10),
		gone: make(chan struct{}), came: make(chan struct{}, 1),
		next: -1, narrow: make([]int16, pcmuTail), rest: make([]int16, 2*pcmuTail),
	}
	for _, c := range change {
		c(f)
	}
	var errs [4]error
	f.encoder, errs[0] = opus.NewEncoder(opus.Options{Rate: webRate, Bitrate: 24000})
	f.decoder, errs[1] = opus.NewDecoder(webRate)
	f.tail, errs[2] = media.NewResampler(webRate, pcmuClock)
	f.wide, errs[3] = media.NewResampler(pcmuClock, webRate)
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	f.links.Go(func() {
		for p := range f.up {
			time.Sleep(time.Until(p.at))
			f.rtp <- p.b
		}
	})
	f.links.Go(func() {
		for p := range f.down {
			time.Sleep(time.Until(p.at))
			f.arrive(p)
		}
	})
	t.Cleanup(func() {
		f.Close()
		f.talkers.Wait()
		close(f.up)
		close(f.down)
		f.links.Wait()
	})
	return f
}

// call makes a leg that talks to f and has not been run.
func (f *far) call() *Leg {
	f.Helper()
	info := telephony.Info{ID: "call-1", CarrierID: "session-1", Kind: telephony.Web, Direction: telephony.Inbound, Rate: webRate}
	hello := Hello{Language: "en"}
	hello.Agent.Name = "Ada"
	l, err := newLeg(info, hello, f, speech, NewMetrics(f.metrics))
	if err != nil {
		f.Fatal(err)
	}
	return l
}

// tick is where the far end's clock is at a time, and when the other way round.
func (f *far) tick(t time.Time) float64 {
	return t.Sub(f.born).Seconds() * media.TickRate * (1 + f.ppm/1e6)
}

func (f *far) when(tick float64) time.Time {
	return f.born.Add(time.Duration(tick / media.TickRate / (1 + f.ppm/1e6) * float64(time.Second)))
}

// Codec and the methods after it implement wire.
func (f *far) Codec() codec { return f.c }

func (f *far) ReadRTP(b []byte) (int, error) {
	var late <-chan time.Time
	if !f.deadline.IsZero() {
		timer := time.NewTimer(time.Until(f.deadline))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case p := <-f.rtp:
		return copy(b, p), nil
	default:
	}
	select {
	case p := <-f.rtp:
		return copy(b, p), nil
	case <-late:
		return 0, os.ErrDeadlineExceeded
	case <-f.gone:
		return 0, io.EOF
	}
}

func (f *far) SetReadDeadline(t time.Time) error { f.deadline = t; return nil }

func (f *far) WriteRTP(h *rtp.Header, payload []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return io.ErrClosedPipe
	}
	f.packets, f.sent = append(f.packets, *h), append(f.sent, time.Now())
	b, err := (&rtp.Packet{Header: *h, Payload: payload}).Marshal()
	if err == nil && !f.cut {
		f.down <- flying{time.Now().Add(f.travel), b}
	}
	return err
}

func (f *far) Messages() <-chan []byte  { return f.messages }
func (f *far) States() <-chan wireState { return f.states }
func (f *far) Reports() <-chan report   { return f.reports }

func (f *far) WriteMessage(b []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.choked:
		return errUnsent
	case f.closed || f.deaf:
		return io.ErrClosedPipe
	}
	if len(b) > maxMessage {
		f.Errorf("a message of %d bytes was written", len(b))
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		f.Errorf("leg wrote %q: %v", b, err)
	}
	f.shown = append(f.shown, m)
	if before, is := m["before"].(float64); is && m["type"] == "hush" && f.obeys {
		time.AfterFunc(f.travel, func() { f.hush(uint32(before)) })
	}
	return nil
}

// hush silences what is yet to be played of what comes before an RTP timestamp,
// and says so, unless that has been played.
func (f *far) hush(before uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, late := f.tick(time.Now()), true
	for i, s := range f.played {
		if int32(f.stamps[i]-before) < 0 && s.tick+frameTicks > now {
			clear(s.pcm[int(max(0, now-s.tick)/ticksSample):])
			late = false
		}
	}
	if late {
		return
	}
	f.hushed, f.hushes = before, true
	time.AfterFunc(f.travel, func() { f.text(fmt.Sprintf(`{"type":"hushed","before":%d}`, before)) })
}

func (f *far) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.closed = true
		close(f.gone)
		close(f.messages)
		close(f.states)
		close(f.reports)
	}
	return nil
}

// tell gives something to the leg by one of its channels.
func tell[T any](f *far, ch chan<- T, v T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		ch <- v
	}
}

func (f *far) text(m string)     { tell(f, f.messages, []byte(m)) }
func (f *far) state(s wireState) { tell(f, f.states, s) }
func (f *far) report(r report)   { tell(f, f.reports, r) }

// arrive plays a packet.
func (f *far) arrive(p flying) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.freeze {
		f.frozen = append(f.frozen, p)
		return
	}
	var in rtp.Packet
	if err := in.Unmarshal(p.b); err != nil {
		f.Errorf("leg sent %x: %v", p.b, err)
		return
	}
	pcm := f.decode(in.Payload)
	if f.hushes && int32(in.Timestamp-f.hushed) < 0 {
		clear(pcm)
	}
	f.heard = append(f.heard, pcm...)
	if in.Marker {
		f.spurt, f.stamp = f.tick(time.Now().Add(f.buffer)), in.Timestamp
	}
	since := float64(in.Timestamp - f.stamp)
	if !f.c.Opus {
		since *= opusClock / pcmuClock
	}
	f.played, f.stamps = append(f.played, stretch{f.spurt + since, pcm}), append(f.stamps, in.Timestamp)
	select {
	case f.came <- struct{}{}:
	default:
	}
}

func (f *far) decode(payload []byte) []int16 {
	pcm := make([]int16, media.FrameSamples(webRate))
	if !f.c.Opus {
		f.rest = f.wide.Process(f.rest, media.AppendPCM(nil, payload))
		f.rest = f.rest[copy(pcm, f.rest):]
		return pcm
	}
	if n, err := f.decoder.Decode(payload, pcm); err != nil || n != len(pcm) {
		f.Errorf("leg sent a packet of %d samples: %v", n, err)
	}
	return pcm
}

// payload codes a frame of the caller's.
func (f *far) payload(pcm []int16) []byte {
	if !f.c.Opus {
		f.narrow = f.tail.Process(f.narrow, pcm)
		frame := media.AppendULaw(nil, f.narrow[:media.FrameSamples(pcmuClock)])
		f.narrow = f.narrow[len(frame):]
		return frame
	}
	b := make([]byte, opus.MaxPacket)
	n, err := f.encoder.Encode(pcm, b)
	if err != nil {
		f.Error(err)
	}
	return b[:n]
}

// send sends a packet whose first sample lies at a tick of the far end's clock,
// now.
func (f *far) send(kind uint8, at media.Tick, marker bool, payload []byte) {
	h := rtp.Header{Version: 2, PayloadType: kind, SequenceNumber: f.seq, Timestamp: 0xFFFF0000 + uint32(at), SSRC: 7, Marker: marker}
	if !f.c.Opus {
		h.Timestamp = 0xFFFFF000 + uint32(at)/6
	}
	f.seq++
	b, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
	if err != nil {
		f.Error(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.cut {
		f.up <- flying{time.Now().Add(f.travel), b}
	}
}

// Say and the methods after it implement legtest.Far. A frame leaves when it has
// been recorded to its end. The leg's resampler needs a few samples more than a
// frame of PCMU to complete it, which a browser sends with the next frame: here
// the first packet of a run holds that much more, and all others are that far
// ahead.
func (f *far) Say(at media.Tick, pcm []int16) {
	time.Sleep(time.Until(f.when(float64(at + media.FrameTicks))))
	if f.c.Opus {
		f.send(f.c.Payload, at, false, f.payload(pcm))
		return
	}
	const ahead = pcmuTail * media.TickRate / pcmuClock
	if at == f.next {
		f.send(f.c.Payload, at+ahead, false, f.payload(pcm))
	} else {
		f.narrow = f.tail.Flush(f.narrow[:0])
		f.narrow = make([]int16, pcmuTail)
		first := bytes.Repeat([]byte{media.ULawSilence}, pcmuTail)
		f.send(f.c.Payload, at, false, append(first, f.payload(pcm)...))
	}
	f.next = at + media.FrameTicks
}

// Press sends a key as RFC 4733 has it: the event while it lasts, its end three
// times.
func (f *far) Press(digit byte) {
	kind, clock := f.c.Keys48, media.Tick(opusClock)
	if !f.c.Opus {
		kind, clock = f.c.Keys8, pcmuClock
	}
	event := byte(0)
	for i, d := range []byte("0123456789*#ABCD") {
		if d == digit {
			event = byte(i)
		}
	}
	at := media.Tick(f.tick(time.Now())) / media.FrameTicks * media.FrameTicks
	for i := media.Tick(1); i <= 7; i++ {
		lasts := min(i, 5) * clock / 50
		end := byte(0)
		if i >= 5 {
			end = 0x80
		}
		f.send(kind, at, i == 1, []byte{event, end | 10, byte(lasts >> 8), byte(lasts)})
		if i < 5 {
			time.Sleep(media.FrameDuration)
		}
	}
	time.Sleep(2 * media.FrameDuration)
}

func (f *far) Heard(n int) []int16 {
	for {
		f.mu.Lock()
		heard := f.heard
		f.mu.Unlock()
		if len(heard) >= n {
			return heard
		}
		select {
		case <-f.came:
		case <-time.After(time.Second):
			return heard
		}
	}
}

func (f *far) Play() { time.Sleep(time.Second) }

func (f *far) Freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.freeze = true
}

func (f *far) Thaw() {
	f.mu.Lock()
	f.freeze = false
	frozen := f.frozen
	f.frozen = nil
	f.mu.Unlock()
	for _, p := range frozen {
		f.arrive(p)
	}
}

// HangUp hangs up when what was said has arrived.
func (f *far) HangUp() {
	time.Sleep(f.distance() + time.Millisecond)
	f.state(wireClosed)
}

// blackout lets nothing through, or does again.
func (f *far) blackout(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut = on
}

// move changes how long packets travel, and distance tells.
func (f *far) move(travel time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.travel = travel
}

func (f *far) distance() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.travel
}

// written is what the leg has written so far, of each kind.
type written struct {
	packets []rtp.Header
	times   []time.Time // of packets
	shown   []map[string]any
	closed  bool
}

// written returns what the leg has written.
func (f *far) written() written {
	f.mu.Lock()
	defer f.mu.Unlock()
	return written{f.packets, f.sent, f.shown, f.closed}
}

// choke makes the page take no more messages, and deafen makes it close the data
// channel.
func (f *far) choke() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.choked = true
}

func (f *far) deafen() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deaf = true
}

// count is the value of a counter with a label's value, or without labels.
func (f *far) count(name, label string) float64 {
	f.Helper()
	families, err := f.metrics.Gather()
	if err != nil {
		f.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "sidetone_webrtc_"+name {
			continue
		}
		for _, m := range family.GetMetric() {
			if label == "" || m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue()
			}
		}
	}
	f.Fatalf("no metric %s %s", name, label)
	return 0
}

// mean is the mean of a histogram, named with its label's value after a space;
// not a number if nothing was observed.
func (f *far) mean(name string) float64 {
	f.Helper()
	name, label, _ := strings.Cut(name, " ")
	families, err := f.metrics.Gather()
	if err != nil {
		f.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "sidetone_webrtc_"+name {
			continue
		}
		for _, m := range family.GetMetric() {
			if label == "" || m.GetLabel()[0].GetValue() == label {
				h := m.GetHistogram()
				return h.GetSampleSum() / float64(h.GetSampleCount())
			}
		}
	}
	f.Fatalf("no metric %s %s", name, label)
	return 0
}
