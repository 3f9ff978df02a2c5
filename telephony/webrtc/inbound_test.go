package webrtc

import (
	"fmt"
	"slices"
	"testing"
	"time"

	libopus "github.com/hraban/opus"
	"github.com/pion/rtp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sidetone/media"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// catch is an inbound with what it handed on.
type catch struct {
	testing.TB
	*inbound
	frames  []media.Frame
	digits  string
	metrics *Metrics
}

type catchSink struct{ *catch }

func (s catchSink) frame(f media.Frame) { s.frames = append(s.frames, f) }
func (s catchSink) key(digit byte)      { s.digits += string(digit) }

func newCatch(tb testing.TB, c codec) *catch {
	tb.Helper()
	k := &catch{TB: tb, metrics: NewMetrics(prometheus.NewRegistry())}
	var err error
	if k.inbound, err = newInbound(c, catchSink{k}, k.metrics); err != nil {
		tb.Fatal(err)
	}
	return k
}

// wantFrames checks that frames lie at ticks: from the first on, one after the
// other, up to each end; a further start after it.
func (k *catch) wantFrames(runs ...[2]media.Tick) {
	k.Helper()
	var want, got []media.Tick
	for _, r := range runs {
		for at := r[0]; at < r[1]; at += media.FrameTicks {
			want = append(want, at)
		}
	}
	for _, f := range k.frames {
		got = append(got, f.At)
		if len(f.PCM) != webRate/50 {
			k.Fatalf("a frame of %d samples", len(f.PCM))
		}
	}
	if !slices.Equal(got, want) {
		k.Errorf("frames in %v, want %v", runsOf(got), runsOf(want))
	}
	if len(got) > 0 && k.newest() != got[len(got)-1]+media.FrameTicks {
		k.Errorf("newest is %d", k.newest())
	}
}

// runsOf folds ticks of frames to runs without a gap.
func runsOf(ticks []media.Tick) (runs [][2]media.Tick) {
	for _, at := range ticks {
		if n := len(runs); n > 0 && runs[n-1][1] == at {
			runs[n-1][1] += media.FrameTicks
		} else {
			runs = append(runs, [2]media.Tick{at, at + media.FrameTicks})
		}
	}
	return runs
}

func (k *catch) wantCount(name string, c prometheus.Counter, want float64) {
	k.Helper()
	if got := testutil.ToFloat64(c); got != want {
		k.Errorf("%s: %v, want %v", name, got, want)
	}
}

func (k *catch) wantResult(r packetResult, want int) {
	k.Helper()
	k.wantCount(r.String(), k.metrics.results[r], float64(want))
}

// pcm is the caller's sound as the recorder lays it: gaps are silence.
func (k *catch) pcm() (all []int16) {
	for _, f := range k.frames {
		n := int(f.At.Sample(webRate))
		if n < len(all) {
			k.Fatalf("a frame at %d after the end of another", f.At)
		}
		all = append(all, make([]int16, n-len(all))...)
		all = append(all, f.PCM...)
	}
	return all
}

// mic is a browser's sender, whose packets the test delivers.
type mic struct {
	testing.TB
	c     codec
	enc   *libopus.Encoder
	head  rtp.Header
	extra func(*rtp.Header)
}

func newMic(tb testing.TB, c codec) *mic {
	tb.Helper()
	m := &mic{TB: tb, c: c, head: rtp.Header{Version: 2, PayloadType: c.Payload, SequenceNumber: 65500, Timestamp: 1<<32 - 40*960, SSRC: 1}}
	m.stereo(false)
	return m
}

func (m *mic) stereo(on bool) {
	m.Helper()
	channels := 1
	if on {
		channels = 2
	}
	enc, err := libopus.NewEncoder(webRate, channels, libopus.AppVoIP)
	if err == nil {
		err = enc.SetInBandFEC(true)
	}
	if err == nil {
		err = enc.SetPacketLossPerc(20)
	}
	if err == nil {
		err = enc.SetBitrate(24000 * channels)
	}
	if err == nil {
		err = enc.SetComplexity(2)
	}
	if err != nil {
		m.Fatal(err)
	}
	m.enc = enc
}

// pack makes the next packet, of any payload.
func (m *mic) pack(kind uint8, payload []byte) []byte {
	m.Helper()
	h := m.head
	h.PayloadType = kind
	if m.extra != nil {
		m.extra(&h)
	}
	b, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
	if err != nil {
		m.Fatal(err)
	}
	m.head.SequenceNumber++
	return b
}

// skip lets time pass in which nothing is sent.
func (m *mic) skip(t media.Tick) {
	unit := media.Tick(1)
	if !m.c.Opus {
		unit = media.TickRate / pcmuClock
	}
	m.head.Timestamp += uint32(t / unit)
}

// say codes pcm, which is as long as a packet may be (both channels of it, if
// stereo).
func (m *mic) say(pcm []int16, channels int) []byte {
	m.Helper()
	length := media.Tick(len(pcm)/channels) * ticksPerSample
	defer m.skip(length)
	if !m.c.Opus {
		narrow, err := media.Resample(pcm, webRate, pcmuClock)
		if err != nil {
			m.Fatal(err)
		}
		return m.pack(m.c.Payload, media.AppendULaw(nil, narrow))
	}
	b := make([]byte, media.JitterPayload)
	n, err := m.enc.Encode(pcm, b)
	if err != nil {
		m.Fatal(err)
	}
	return m.pack(m.c.Payload, b[:n])
}

// tone20 says 20 ms of a tone.
func (m *mic) tone20() []byte { return m.say(tone450, 1) }

var tone450 = media.Tone(webRate, 450, media.FrameDuration, -12) // whole periods: it may be repeated

func TestInboundInOrder(t *testing.T) {
	for name, c := range map[string]codec{"opus": overOpus, "pcmu": overPCMU} {
		t.Run(name, func(t *testing.T) {
			k, m := newCatch(t, c), newMic(t, c)
			tone := media.Tone(webRate, 440, 2*time.Second, -12)
			for i := range 100 { // past the wraps of sequence number and timestamp
				k.take(m.say(tone[i*320:(i+1)*320], 1), noon.Add(time.Duration(i)*media.FrameDuration))
				if due := k.due(); !due.IsZero() {
					t.Fatalf("due at %v", due)
				}
				if c.Opus && len(k.frames) != i+1 {
					t.Fatalf("%d frames of %d packets", len(k.frames), i+1)
				}
			}
			k.flush()
			k.wantFrames([2]media.Tick{0, 100 * 960})
			if got := media.ToneLevel(k.pcm()[webRate/2:], webRate, 440); got < -14 || got > -10 {
				t.Errorf("the tone is at %.1f dBFS", got)
			}
			k.wantResult(packetSound, 100)
		})
	}
}

// What G.711 makes of a sound lies where it lay: resampling moves nothing.
func TestInboundPCMUIsInPlace(t *testing.T) {
	k, m := newCatch(t, overPCMU), newMic(t, overPCMU)
	click := make([]int16, 3*320)
	for i := range click[:40] {
		click[400+i] = 20000
	}
	k.take(m.say(click, 1), noon)
	k.flush()
	pcm, mass, moment := k.pcm(), 0.0, 0.0
	for i, s := range pcm {
		mass, moment = mass+float64(s), moment+float64(s)*float64(i)
	}
	if at := moment / mass; at < 418.5 || at > 420.5 {
		t.Errorf("the click's centre is at sample %.1f, want 419.5", at)
	}
}

func TestInboundPacketsOfAllLengths(t *testing.T) {
	for _, length := range []time.Duration{2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond,
		40 * time.Millisecond, 60 * time.Millisecond} {
		for _, channels := range []int{1, 2} {
			t.Run(fmt.Sprint(length, " x", channels), func(t *testing.T) {
				k, m := newCatch(t, overOpus), newMic(t, overOpus)
				m.stereo(channels == 2)
				tone := media.Tone(webRate, 440, 1200*time.Millisecond, -12)
				pcm := make([]int16, 0, channels*len(tone))
				for _, s := range tone {
					pcm = append(pcm, s)
					if channels == 2 {
						pcm = append(pcm, s)
					}
				}
				n := int(media.TicksIn(length)/ticksPerSample) * channels
				for at := noon; len(pcm) > 0; pcm = pcm[n:] {
					k.take(m.say(pcm[:n], channels), at)
					at = at.Add(length)
				}
				k.wantFrames([2]media.Tick{0, 60 * 960})
				if got := media.ToneLevel(k.pcm()[webRate/2:], webRate, 440); got < -15 || got > -10 {
					t.Errorf("the tone is at %.1f dBFS", got)
				}
			})
		}
	}
}

// join makes one packet of several, of equal settings and 20 ms each.
func join(payloads ...[]byte) []byte {
	b := []byte{payloads[0][0] | 3, 0x80 | byte(len(payloads))}
	for _, p := range payloads[:len(payloads)-1] {
		if n := len(p) - 1; n < 252 {
			b = append(b, byte(n))
		} else {
			b = append(b, byte(252+n%4), byte((n-252)/4))
		}
	}
	for _, p := range payloads {
		b = append(b, p[1:]...)
	}
	return b
}

func TestInboundPacketsOf120ms(t *testing.T) {
	k, m := newCatch(t, overOpus), newMic(t, overOpus)
	for i := range 10 {
		var payloads [][]byte
		head := m.head
		for range 6 {
			payloads = append(payloads, m.tone20()[12:])
		}
		m.head = head
		k.take(m.pack(m.c.Payload, join(payloads...)), noon.Add(time.Duration(i)*120*time.Millisecond))
		m.skip(6 * 960)
	}
	k.wantFrames([2]media.Tick{0, 60 * 960})
	k.wantResult(packetSound, 10)
}

// A sender that is silent skips timestamps and no numbers: nothing was lost,
// nothing is made up, and the silence has its length.
func TestInboundPause(t *testing.T) {
	for name, c := range map[string]codec{"opus": overOpus, "pcmu": overPCMU} {
		t.Run(name, func(t *testing.T) {
			k, m := newCatch(t, c), newMic(t, c)
			for i := range 5 {
				k.take(m.tone20(), noon.Add(time.Duration(i)*media.FrameDuration))
			}
			m.skip(15*media.TickRate + 480) // longer than maxAstray, and no whole frame
			for i := range 5 {
				k.take(m.tone20(), noon.Add(15010*time.Millisecond+time.Duration(5+i)*media.FrameDuration))
			}
			k.flush()
			const at = 5*960 + 15*media.TickRate + 480
			k.wantFrames([2]media.Tick{0, 5 * 960}, [2]media.Tick{at, at + 5*960})
			k.wantCount("pauses", k.metrics.jumps[jumpPause], 1)
			k.wantCount("made up", k.metrics.made, 0)
			k.wantCount("copied", k.metrics.copied, 0)
			k.wantCount("lost", k.metrics.inboundMetrics.lost, 0)
		})
	}
}

// A jump drops a frame that is not whole: it would be invented otherwise.
func TestInboundJumpCutsPartialFrame(t *testing.T) {
	k, m := newCatch(t, overOpus), newMic(t, overOpus)
	ten := tone450[:160]
	k.take(m.say(ten, 1), noon)
	m.skip(960)
	k.take(m.say(ten, 1), noon.Add(30*time.Millisecond))
	k.take(m.say(ten, 1), noon.Add(40*time.Millisecond))
	k.wantFrames([2]media.Tick{1440, 2400})
	k.wantCount("partial", k.metrics.partial, 1)
}

// Timestamps that are off by less than the shortest packet are no pauses.
func TestInboundCarelessTimestamps(t *testing.T) {
	k, m := newCatch(t, overOpus), newMic(t, overOpus)
	start := m.head.Timestamp
	for i := range 50 {
		m.head.Timestamp = start + uint32(i*480) + uint32([]int{0, 100, 30, 119}[i%4])
		k.take(m.say(tone450[:160], 1), noon.Add(time.Duration(i)*10*time.Millisecond))
	}
	k.wantFrames([2]media.Tick{0, 25 * 960})
}

// A new source, or a timestamp that cannot be, goes on from real time.
func TestInboundGoesOnFromRealTime(t *testing.T) {
	const late = "arrives late, as it does"
	for name, test := range map[string]struct {
		change  func(*mic)
		passed  time.Duration // between the last packet before and the first after
		silence media.Tick
	}{
		"new source at once":     {func(m *mic) { m.head.SSRC, m.head.SequenceNumber, m.head.Timestamp = 2, 9, 9 }, 20 * time.Millisecond, 0},
		"new source later":       {func(m *mic) { m.head.SSRC, m.head.Timestamp = 2, 77 }, 3*time.Second + 22*time.Millisecond, 3 * media.TickRate},
		"new source, same clock": {func(m *mic) { m.head.SSRC = 2 }, 3*time.Second + 17*time.Millisecond, 3 * media.TickRate},
		"back":                   {func(m *mic) { m.head.Timestamp -= 5 * 960 }, 20 * time.Millisecond, 0},
		"back, later":            {func(m *mic) { m.head.Timestamp -= 960 }, 520 * time.Millisecond, media.TickRate / 2},
		"leap":                   {func(m *mic) { m.skip(11 * media.TickRate) }, 25 * time.Millisecond, 0},
		"leap the longest way":   {func(m *mic) { m.head.Timestamp += 1<<31 - 1 }, 20 * time.Millisecond, 0},
		"leap with the clock":    {func(m *mic) { m.skip(11 * media.TickRate) }, 11*time.Second + 20*time.Millisecond, 11 * media.TickRate},
		"stood still":            {func(*mic) {}, time.Minute + 20*time.Millisecond, 60 * media.TickRate},
		late:                     {func(*mic) {}, 5 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			k, m := newCatch(t, overOpus), newMic(t, overOpus)
			at := noon
			for range 5 {
				at = at.Add(media.FrameDuration)
				k.take(m.tone20(), at)
			}
			test.change(m)
			at = at.Add(test.passed)
			for range 5 {
				k.take(m.tone20(), at)
				at = at.Add(media.FrameDuration)
			}
			if start := 5*960 + test.silence; test.silence > 0 {
				k.wantFrames([2]media.Tick{0, 5 * 960}, [2]media.Tick{start, start + 5*960})
			} else {
				k.wantFrames([2]media.Tick{0, 10 * 960})
			}
			k.wantResult(packetSound, 10)
			k.wantCount("lost", k.metrics.inboundMetrics.lost, 0)
			if r := k.reception(); name != late && r.Jitter > 40*time.Millisecond {
				t.Errorf("jitter %v", r.Jitter)
			}
		})
	}
}

// A new source's packets are its own: neither its numbers nor its timestamps
// are compared with the former's.
func TestInboundNewSourceIsAnother(t *testing.T) {
	k, m := newCatch(t, overOpus), newMic(t, overOpus)
	k.take(m.tone20(), noon)
	k.take(m.keyPacket(110, 5, ends, 1000, 960, true), noon)
	m.head.SSRC, m.head.SequenceNumber = 2, 30000
	k.take(m.tone20(), noon.Add(40*time.Millisecond))
	k.take(m.keyPacket(110, 5, ends, 1000, 960, true), noon.Add(40*time.Millisecond))
	k.wantResult(packetSound, 2)
	if k.digits != "55" {
		t.Errorf("keys %q", k.digits)
	}
}

// The sequence numbers may begin anew, too, under the same source.
func TestInboundNumbersBeginAnew(t *testing.T) {
	k, m := newCatch(t, overOpus), newMic(t, overOpus)
	at := noon
	next := func() { k.take(m.tone20(), at); at = at.Add(media.FrameDuration) }
	for range 5 {
		next()
	}
	m.head.SequenceNumber, m.head.Timestamp = 20000, 1<<30
	for range 5 {
		next() // the first is taken for a stray
	}
	k.wantFrames([2]media.Tick{0, 5 * 960}, [2]media.Tick{6 * 960, 10 * 960})
	k.wantResult(packetStray, 1)
	k.wantCount("restarts", k.metrics.restarts, 1)
	k.wantCount("lost", k.metrics.inboundMetrics.lost, 0)
}

// The last packets of a source may come after the first of the next.
func TestInboundFormerSource(t *testing.T) {
	k, m := newCatch(t, overOpus), newMic(t, overOpus)
	k.take(m.tone20(), noon)
	old := m.tone20()
	m.head.SSRC, m.head.SequenceNumber = 2, 100
	for i := range 3 {
		at := noon.Add(time.Duration(2+i) * media.FrameDuration)
		k.take(m.tone20(), at)
		k.take(old, at.Add(time.Millisecond))
	}
	k.wantFrames([2]media.Tick{0, 960}, [2]media.Tick{1920, 1920 + 3*960})
	k.wantResult(packetStray, 3)
	k.wantCount("restarts", k.metrics.restarts, 1)
	m.head.SSRC = 1
	k.take(m.tone20(), noon.Add(time.Minute)) // but it may come back for good
	k.wantResult(packetSound, 5)
}

// A sender cannot make more sound than time passes, but for maxAstray.
func TestInboundRunsNotAheadOfTime(t *testing.T) {
	k, m := newCatch(t, overOpus), newMic(t, overOpus)
	p := m.tone20()
	for i := range 1500 { // 30 s in 1.5 s
		k.take(p, noon.Add(time.Duration(i)*time.Millisecond))
		h := rtp.Header{}
		if _, err := h.Unmarshal(p); err != nil {
			t.Fatal(err)
		}
		h.SequenceNumber, h.Timestamp = h.SequenceNumber+1, h.Timestamp+960
		if _, err := h.MarshalTo(p); err != nil {
			t.Fatal(err)
		}
	}
	if newest, most := k.newest(), maxAstray+media.TicksIn(1600*time.Millisecond); newest > most {
		t.Errorf("%v of sound in 1.5 s", newest.Duration())
	}
	if n := testutil.ToFloat64(k.metrics.results[packetEarly]); n < 800 {
		t.Errorf("%v packets were early", n)
	}
}

func TestInboundReception(t *testing.T) {
	k, m := newCatch(t, overOpus), newMic(t, overOpus)
	if r := k.reception(); r != (reception{Patience: 40 * time.Millisecond}) {
		t.Errorf("before anything: %+v", r)
	}
	for i := range 200 {
		p, late := m.tone20(), time.Duration(i%2)*10*time.Millisecond
		if i%10 != 5 {
			k.take(p, noon.Add(time.Duration(i)*media.FrameDuration+late))
		}
	}
	r := k.reception()
	if r.Loss != 0.1 || r.Jitter < 7*time.Millisecond || r.Jitter > 11*time.Millisecond || r.Patience > 40*time.Millisecond {
		t.Errorf("%+v", r)
	}
	if again := k.reception(); again.Loss != 0 || again.Jitter != r.Jitter {
		t.Errorf("again: %+v", again)
	}
}
