package media

import "math"

// The windows of Echo: what was heard is compared with everything sent within
// the last echoReach, at half the sample rate or less (about 4 kHz: speech has its energy
// below 2 kHz, and it quarters the work).
const (
	echoReach  = 1400 // ms of sent audio kept
	echoWindow = 160  // ms of heard audio compared
	echoRate   = 4000 // Hz
)

// Echo tells whether what a leg hears is its own voice coming back: by the
// greatest normalised cross-correlation between the newest audio heard and the
// audio sent before it, at any delay. It keeps 1.4 s of what was sent and 160 ms
// of what was heard, in memory only. It belongs to one goroutine.
type Echo struct {
	step  int // samples of the leg a kept sample
	sent  ring
	heard ring
}

// NewEcho returns a detector for a leg of rate Hz (a multiple of 4000).
func NewEcho(rate int) *Echo {
	return &Echo{
		step:  rate / echoRate,
		sent:  newRing(echoReach * echoRate / 1000),
		heard: newRing(echoWindow * echoRate / 1000),
	}
}

// Sent takes the next 20 ms sent to the far end; nil is silence.
func (e *Echo) Sent(pcm []int16) { e.keep(&e.sent, pcm) }

// Heard takes the next 20 ms heard from the far end; nil is silence.
func (e *Echo) Heard(pcm []int16) { e.keep(&e.heard, pcm) }

// keep averages step samples into one, the simplest low-pass there is.
func (e *Echo) keep(r *ring, pcm []int16) {
	if pcm == nil {
		for range echoRate / 50 {
			r.push(0)
		}
		return
	}
	for ; len(pcm) >= e.step; pcm = pcm[e.step:] {
		var sum float32
		for _, s := range pcm[:e.step] {
			sum += float32(s)
		}
		r.push(sum / float32(e.step))
	}
}

// Compare returns how much what was heard is like what was sent, and by how many
// dB it is below the loudest of that. The likeness is the greatest correlation
// found, 0 to 1: speech of another person stays below 0.7, an echo through mu-law
// at -20 dB above 0.8. It costs about three million multiplications: call it at
// speech onsets, not at each frame.
func (e *Echo) Compare() (alike, below float64) {
	heard, sent := e.heard.ordered(), e.sent.ordered()
	power := energy(heard)
	n := len(heard)
	window := energy(sent[:n])
	loudest := window
	for lag := 0; ; lag++ {
		if window > 0 && power > 0 {
			var dot float32
			s := sent[lag : lag+n]
			for i, h := range heard {
				dot += h * s[i]
			}
			alike = max(alike, math.Abs(float64(dot))/math.Sqrt(power*window))
		}
		if lag+n == len(sent) {
			return alike, 10 * math.Log10(max(loudest, 1)/max(power, 1))
		}
		out, in := float64(sent[lag]), float64(sent[lag+n])
		window = max(0, window+in*in-out*out)
		loudest = max(loudest, window)
	}
}

func energy(s []float32) (sum float64) {
	for _, v := range s {
		sum += float64(v) * float64(v)
	}
	return sum
}

// ring keeps the newest samples twice over, so that they always lie in order
// in one slice.
type ring struct {
	buf  []float32
	next int
}

func newRing(n int) ring { return ring{buf: make([]float32, 2*n)} }

func (r *ring) push(v float32) {
	n := len(r.buf) / 2
	r.buf[r.next], r.buf[r.next+n] = v, v
	r.next = (r.next + 1) % n
}

// ordered returns the kept samples, oldest first.
func (r *ring) ordered() []float32 { return r.buf[r.next : r.next+len(r.buf)/2] }
