package webrtc

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/media/opus"
)

// sent is a packet and when it left, or arrives.
type sent struct {
	at time.Time
	b  []byte
}

// network loses, delays and so reorders packets.
type network struct {
	loss, reorder float64       // shares of packets
	jitter        time.Duration // at most; kept in order
	behind        time.Duration // by which a reordered packet is late, at most
}

// cross returns what arrives of packets, in order of arrival. The first gets
// through at once.
func (n network) cross(r *rand.Rand, packets []sent) (all []sent) {
	floor := time.Time{}
	for i, p := range packets {
		if i > 0 && r.Float64() < n.loss {
			continue
		}
		if i > 0 {
			p.at = p.at.Add(time.Duration(r.Int64N(int64(n.jitter) + 1)))
		}
		if p.at.Before(floor) {
			p.at = floor
		}
		if i > 0 && r.Float64() < n.reorder { // those behind overtake it
			p.at = p.at.Add(time.Duration(r.Int64N(int64(n.behind) + 1)))
		} else {
			floor = p.at
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b sent) int { return a.at.Compare(b.at) })
	return all
}

// deliver does to an inbound what a leg's reader does, to the end of the stream.
func (k *catch) deliver(packets []sent) {
	for _, p := range packets {
		for due := k.due(); !due.IsZero() && due.Before(p.at); due = k.due() {
			k.pass(due)
		}
		k.take(p.b, p.at)
	}
	k.flush()
}

// speak sends pcm in packets of 20 ms from noon on.
func (m *mic) speak(pcm []int16) (all []sent) {
	for at := noon; len(pcm) >= 320; pcm = pcm[320:] {
		at = at.Add(media.FrameDuration)
		all = append(all, sent{at, m.say(pcm[:320], 1)})
	}
	return all
}

// librivox is the speech of Debian's test recordings, one after the other.
func librivox(tb testing.TB) (pcm []int16) {
	tb.Helper()
	all, err := sim.LibriVox()
	if err != nil {
		tb.Fatal(err)
	}
	for _, u := range all {
		pcm = append(pcm, u.Wide...)
	}
	return pcm[:len(pcm)/320*320]
}

// offset is by how many samples got lies later than want between two samples,
// up to 10 ms either way.
func offset(got, want []int16, from, to int) (best int) {
	most := math.Inf(-1)
	for lag := -webRate / 100; lag <= webRate/100; lag++ {
		sum := 0.0
		for i := max(from, -lag); i < min(to, len(got)-lag); i++ {
			sum += float64(want[i]) * float64(got[i+lag])
		}
		if sum > most {
			most, best = sum, lag
		}
	}
	return best
}

// Whatever the network does to it, speech keeps its place to the sample, and its
// length.
func TestInboundOverBadNetworks(t *testing.T) {
	speech := librivox(t)
	packets := newMic(t, overOpus).speak(speech)
	clean := newCatch(t, overOpus)
	clean.deliver(packets)
	clean.wantFrames([2]media.Tick{0, media.Tick(len(packets)) * 960})
	want := clean.pcm()
	for _, n := range []network{
		{jitter: 60 * time.Millisecond, reorder: 0.05, behind: 60 * time.Millisecond},
		{loss: 0.01, jitter: 60 * time.Millisecond, reorder: 0.05, behind: 60 * time.Millisecond},
		{loss: 0.05, jitter: 60 * time.Millisecond, reorder: 0.05, behind: 60 * time.Millisecond},
		{loss: 0.20, jitter: 60 * time.Millisecond, reorder: 0.05, behind: 60 * time.Millisecond},
		{loss: 0.05, jitter: 5 * time.Millisecond},
	} {
		t.Run(fmt.Sprint(100*n.loss, " %, ", n.jitter), func(t *testing.T) {
			k := newCatch(t, overOpus)
			k.deliver(n.cross(rand.New(rand.NewPCG(3, 9)), packets))
			got := k.pcm()
			const tolerance = webRate * 40 / 1000 // samples a minute; the speech is shorter
			if missing := len(want) - len(got); missing < 0 || missing > tolerance {
				t.Errorf("%d samples are missing of %d", missing, len(want))
			}
			for i := 0; i+5*webRate <= len(want); i += 5 * webRate {
				if lag := offset(got, want, i, i+5*webRate); lag < -1 || lag > 1 {
					t.Errorf("after %d s speech lies %d samples late", i/webRate, lag)
				}
			}
			k.wantCovered(n, len(packets))
		})
	}
}

// wantCovered checks how much of n packets is sound.
func (k *catch) wantCovered(n network, packets int) {
	k.Helper()
	m := k.metrics
	late, lost := testutil.ToFloat64(m.results[packetLate]), testutil.ToFloat64(m.inboundMetrics.lost)
	copied, made := testutil.ToFloat64(m.copied), testutil.ToFloat64(m.made)
	k.Logf("%d packets, %.0f lost of which %.0f came late; %.2f s copied, %.2f s made up; %d frames", packets, lost, late, copied, made, len(k.frames))
	if late > 0.01*float64(packets) {
		k.Errorf("%.0f of %d packets came too late", late, packets)
	}
	if want := lost / 50; copied+made < 0.9*want-0.001 || copied+made > want+0.001 {
		k.Errorf("%.2f s filled in, %.2f s lost", copied+made, want)
	}
	if n.loss > 0 && copied < made {
		k.Errorf("%.2f s copied, %.2f s made up", copied, made)
	}
	if missing := packets - len(k.frames); float64(missing) > 0.03*float64(packets) {
		k.Errorf("%d of %d frames are missing", missing, packets)
	}
}

// Each second has a tone of its own, for 200 ms. Wherever packets were lost, it
// lies at its tick.
func TestInboundTonesAtTheirTicks(t *testing.T) {
	const seconds = 60
	pitch := func(s int) float64 { return 400 + 100*float64(s%10) }
	pcm := make([]int16, seconds*webRate)
	for s := range seconds {
		copy(pcm[s*webRate+webRate/2:], media.Tone(webRate, pitch(s), 200*time.Millisecond, -12))
	}
	packets := newMic(t, overOpus).speak(pcm)
	for _, loss := range []float64{0, 0.01, 0.05, 0.2} {
		k := newCatch(t, overOpus)
		n := network{loss: loss, jitter: 60 * time.Millisecond, reorder: 0.05, behind: 60 * time.Millisecond}
		k.deliver(n.cross(rand.New(rand.NewPCG(5, 5)), packets))
		got := k.pcm()
		if missing := len(pcm) - len(got); missing < 0 || missing > webRate*40/1000 {
			t.Errorf("loss %v: %d samples are missing", loss, missing)
		}
		got = append(got, make([]int16, webRate)...)
		for s := range seconds {
			at := s*webRate + webRate/2
			within := media.ToneLevel(got[at+320:at+9*320], webRate, pitch(s))
			before := media.RMS(got[at-3*320 : at-320])
			after := media.RMS(got[at+12*320 : at+14*320])
			if within < -20 || loss < 0.1 && (before > within-20 || after > within-15) {
				t.Errorf("loss %v: tone %d is at %.1f dBFS, %.1f before, %.1f after", loss, s, within, before, after)
			}
		}
	}
}

// A browser's clock that is off is the clock: frames follow it to the tick, for
// ten minutes and over the wraps of sequence numbers.
func TestInboundFollowsTheSendersClock(t *testing.T) {
	second := newMic(t, overOpus).speak(media.Tone(webRate, 440, time.Second, -12))
	for _, ppm := range []float64{-500, 0, 500} {
		k, r := newCatch(t, overOpus), rand.New(rand.NewPCG(1, 1))
		m := newMic(t, overOpus)
		for i := range 10 * 60 * 50 {
			sentAt := float64(i) * 20e6 / (1 + ppm/1e6)
			k.take(m.pack(m.c.Payload, second[i%50].b[12:]), noon.Add(time.Duration(sentAt)+time.Duration(r.IntN(15))*time.Millisecond))
			m.skip(960)
		}
		k.wantFrames([2]media.Tick{0, 10 * 60 * media.TickRate})
		k.wantCount("restarts", k.metrics.restarts, 0)
		k.wantCount("jumps", k.metrics.jumps[jumpPause], 0)
	}
}

// The leak forgives what clocks differ by, for longer than a call lasts.
func TestTimelineForgivesDrift(t *testing.T) {
	for _, ppm := range []float64{-500, 500} {
		l := timeline{unit: 1}
		for i := range 24 * 60 * 60 {
			read := noon.Add(time.Duration(float64(i) * 1e9 / (1 + ppm/1e6)))
			at, how := l.place(uint32(i*48000), 960, read)
			if want := media.Tick(i * 48000); at != want || how != placed {
				t.Fatalf("second %d lies at %d (%d), want %d", i, at, how, want)
			}
			l.end = at + 960
		}
	}
}

// One gap is filled in for at most 60 ms: the copy at its end, the rest from its
// start, and nothing between.
func TestInboundGaps(t *testing.T) {
	packets := newMic(t, overOpus).speak(librivox(t)[:500*320])
	for _, test := range []struct {
		lost         int
		made, copied time.Duration
		jump         [2]int // frames from the gap's start that are left out
	}{
		{lost: 1, copied: 20 * time.Millisecond},
		{lost: 2, made: 20 * time.Millisecond, copied: 20 * time.Millisecond},
		{lost: 3, made: 40 * time.Millisecond, copied: 20 * time.Millisecond},
		{lost: 4, made: 40 * time.Millisecond, copied: 20 * time.Millisecond, jump: [2]int{2, 3}},
		{lost: 30, made: 40 * time.Millisecond, copied: 20 * time.Millisecond, jump: [2]int{2, 29}},
		{lost: 200, made: 40 * time.Millisecond, copied: 20 * time.Millisecond, jump: [2]int{2, 199}}, // more than the buffer holds
	} {
		t.Run(fmt.Sprint(test.lost), func(t *testing.T) {
			k := newCatch(t, overOpus)
			from := withCopy(t, packets, test.lost)
			k.deliver(slices.Concat(packets[:from], packets[from+test.lost:]))
			if start := media.Tick(from); test.jump[1] > 0 {
				left, right := start+media.Tick(test.jump[0]), start+media.Tick(test.jump[1])
				k.wantFrames([2]media.Tick{0, left * 960}, [2]media.Tick{right * 960, 500 * 960})
				k.wantCount("jumps", k.metrics.jumps[jumpLoss], 1)
			} else {
				k.wantFrames([2]media.Tick{0, 500 * 960})
			}
			k.wantFilled(packets, from, test.lost)
			k.wantCount("made up", k.metrics.made, test.made.Seconds())
			k.wantCount("copied", k.metrics.copied, test.copied.Seconds())
			k.wantCount("lost", k.metrics.inboundMetrics.lost, float64(test.lost))
		})
	}
}

// wantFilled checks what fills the gap from a packet on, against the decoder.
func (k *catch) wantFilled(packets []sent, from, lost int) {
	k.Helper()
	d, err := opus.NewDecoder(webRate)
	if err != nil {
		k.Fatal(err)
	}
	pcm := make([]int16, d.Samples(opus.MaxDuration))
	for _, p := range packets[:from] {
		if _, err := d.Decode(p.b[12:], pcm); err != nil {
			k.Fatal(err)
		}
	}
	made, next := min(lost, 3)-1, packets[from+lost].b[12:]
	want := pcm[:320*(made+1)]
	if lost > 3 {
		err = errors.Join(d.Conceal(want[:320*made]), d.Recover(next, want[320*made:]))
	} else {
		err = d.Recover(next, want)
	}
	if err != nil {
		k.Fatal(err)
	}
	got := k.pcm()
	if !slices.Equal(got[320*from:320*(from+made)], want[:320*made]) {
		k.Error("what begins the gap is not what the decoder makes up")
	}
	if !slices.Equal(got[320*(from+lost-1):320*(from+lost)], want[320*made:]) {
		k.Error("what ends the gap is not the copy")
	}
}

// withCopy returns the first packet in speech after which n can be lost and the
// next holds a copy.
func withCopy(tb testing.TB, packets []sent, n int) int {
	tb.Helper()
	for i := 50; i+n < len(packets); i++ {
		if h, err := opus.Parse(packets[i+n].b[12:]); err == nil && h.Redundant {
			return i
		}
	}
	tb.Fatal("no packet holds a copy")
	return 0
}

// Where the sender was silent nothing is made up, though packets were lost too;
// the copy is no invention.
func TestInboundLossWithinPause(t *testing.T) {
	k, m := newCatch(t, overOpus), newMic(t, overOpus)
	packets := m.speak(librivox(t)[:100*320])
	m.skip(media.TickRate)
	for i, p := range m.speak(librivox(t)[100*320 : 200*320])[1:] {
		packets = append(packets, sent{noon.Add(3*time.Second + time.Duration(i+2)*media.FrameDuration), p.b})
	}
	k.deliver(packets)
	k.wantFrames([2]media.Tick{0, 100 * 960}, [2]media.Tick{150 * 960, 250 * 960})
	k.wantCount("made up", k.metrics.made, 0)
	k.wantCount("copied", k.metrics.copied, 0.02)
}

// G.711 knows no concealment: what is lost is a gap of its length.
func TestInboundPCMULoss(t *testing.T) {
	k := newCatch(t, overPCMU)
	packets := newMic(t, overPCMU).speak(media.Tone(webRate, 440, time.Second, -12))
	k.deliver(slices.Concat(packets[:10], packets[12:]))
	k.wantFrames([2]media.Tick{0, 10 * 960}, [2]media.Tick{12 * 960, 50 * 960})
	k.wantCount("jumps", k.metrics.jumps[jumpLoss], 1)
	k.wantCount("made up", k.metrics.made, 0)
}

// A blackout of 5 s keeps its length, to the tick.
func TestInboundBlackout(t *testing.T) {
	k := newCatch(t, overOpus)
	packets := newMic(t, overOpus).speak(librivox(t)[:400*320])
	k.deliver(slices.Concat(packets[:50], packets[300:]))
	k.wantFrames([2]media.Tick{0, 52 * 960}, [2]media.Tick{299 * 960, 400 * 960})
	k.wantResult(packetSound, 150)
	k.wantResult(packetStray, 0)
}

// Who is silent at first, without a packet, begins where time has come to; a far
// browser's first packet, which travels for a while, still is the beginning.
func TestFirstSoundAfterSilence(t *testing.T) {
	for _, test := range []struct{ late, want time.Duration }{
		{20 * time.Millisecond, 0}, {400 * time.Millisecond, 0}, {8 * time.Second, 7980 * time.Millisecond},
	} {
		l := timeline{unit: 1, start: noon}
		at, _ := l.place(4711, 960, noon.Add(test.late))
		if got := at.Duration(); got != test.want {
			t.Errorf("the first sound comes after %v and lies at %v, want %v", test.late, got, test.want)
		}
		if next, _ := l.place(4711+960, 960, noon.Add(test.late+media.FrameDuration)); next != at+960 {
			t.Errorf("the second frame lies at %d, the first at %d", next, at)
		}
	}
}
