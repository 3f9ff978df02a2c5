package media

import (
	"fmt"
	"math"
	"slices"
	"sync"
)

// The filter: 24 taps each side, counted at the lower rate, which makes 3 ms of
// delay at 8 kHz; flat to 0.425 of the lower rate (3.4 kHz of a phone line), and
// 70 dB down from 0.53 on.
const (
	resampleTaps   = 24
	resampleCutoff = 0.47 // of the lower rate; half is Nyquist
	resampleBeta   = 7.0  // of the Kaiser window
)

// resampleBlock is how many input samples are filtered at a time.
const resampleBlock = 1024

// resampleRates is a closed set, which bounds the shared filters.
var resampleRates = []int{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 96000}

// Resampler converts a stream of mono PCM from one rate to another by a
// polyphase filter. Output sample n lies exactly at input time n/to: the filter's
// delay shows only in that Process holds back the last 24 samples of the lower
// rate until it sees what follows them. A Resampler belongs to one goroutine.
type Resampler struct {
	f   *filter
	buf []float32 // the input from sample first on
	pos int       // buf index at which the next output's taps begin
	ph  int       // its phase
}

// filter is the table of one ratio, shared by all resamplers.
type filter struct {
	up, down int // the ratio in lowest terms: down input samples make up output samples
	half     int // taps each side of the centre, in input samples
	taps     []float32
}

var filters struct {
	sync.Mutex
	byRatio map[[2]int]*filter
}

// NewResampler returns a resampler between two of the rates 8000, 11025, 12000,
// 16000, 22050, 24000, 32000, 44100, 48000 and 96000 Hz.
func NewResampler(from, to int) (*Resampler, error) {
	for _, rate := range []int{from, to} {
		if !slices.Contains(resampleRates, rate) {
			return nil, fmt.Errorf("media: resample %d to %d Hz: %w", from, to, ErrUnsupported)
		}
	}
	r := &Resampler{f: filterFor(from, to)}
	if r.f.up != r.f.down {
		r.buf = make([]float32, 0, 2*r.f.half+resampleBlock)
		r.reset()
	}
	return r, nil
}

// Resample converts a whole clip: the result has ceil(len(src)*to/from) samples
// and no delay.
func Resample(src []int16, from, to int) ([]int16, error) {
	r, err := NewResampler(from, to)
	if err != nil {
		return nil, err
	}
	n := (len(src)*r.f.up + r.f.down - 1) / r.f.down
	return r.Flush(r.Process(make([]int16, 0, n), src)), nil
}

// Process appends to dst what src completes. With room in dst it allocates
// nothing. In a steady stream whole frames come out as whole frames.
func (r *Resampler) Process(dst, src []int16) []int16 {
	if r.f.up == r.f.down {
		return append(dst, src...)
	}
	for len(src) > 0 {
		n := min(len(src), cap(r.buf)-len(r.buf))
		for _, s := range src[:n] {
			r.buf = append(r.buf, float32(s))
		}
		src = src[n:]
		dst = r.filter(dst)
	}
	return dst
}

// Flush appends the rest of the stream, as if silence followed, and makes the
// resampler ready for another. All in all a stream of n samples has become
// ceil(n*to/from).
func (r *Resampler) Flush(dst []int16) []int16 {
	if r.f.up == r.f.down {
		return dst
	}
	for range r.f.half {
		if len(r.buf) == cap(r.buf) {
			dst = r.filter(dst)
		}
		r.buf = append(r.buf, 0)
	}
	dst = r.filter(dst)
	r.reset()
	return dst
}

// reset puts the first output's centre on the first input sample: half-1 taps
// lie before it.
func (r *Resampler) reset() {
	r.buf = r.buf[:r.f.half-1]
	clear(r.buf)
	r.pos, r.ph = 0, 0
}

// filter appends all outputs whose taps lie in the buffer, and forgets the input
// that no later one needs.
func (r *Resampler) filter(dst []int16) []int16 {
	f, width := r.f, 2*r.f.half
	for r.pos+width <= len(r.buf) {
		taps := f.taps[r.ph*width : (r.ph+1)*width]
		dst = append(dst, dot(r.buf[r.pos:r.pos+width], taps))
		r.ph += f.down
		r.pos += r.ph / f.up
		r.ph %= f.up
	}
	gone := min(r.pos, len(r.buf))
	r.buf = r.buf[:copy(r.buf, r.buf[gone:])]
	r.pos -= gone
	return dst
}

// dot is the inner product, rounded and clipped. Eight sums keep the processor's
// pipeline full.
func dot(x, taps []float32) int16 {
	var a, b, c, d, e, f, g, h float32
	for len(taps) >= 8 && len(x) >= 8 {
		a += x[0] * taps[0]
		b += x[1] * taps[1]
		c += x[2] * taps[2]
		d += x[3] * taps[3]
		e += x[4] * taps[4]
		f += x[5] * taps[5]
		g += x[6] * taps[6]
		h += x[7] * taps[7]
		x, taps = x[8:], taps[8:]
	}
	for i, t := range taps {
		a += x[i] * t
	}
	sum := (a + b) + (c + d) + (e + f) + (g + h)
	return int16(max(math.MinInt16, min(math.MaxInt16, math.Round(float64(sum)))))
}

// filterFor returns the shared filter of a ratio.
func filterFor(from, to int) *filter {
	g := gcd(from, to)
	up, down := to/g, from/g
	filters.Lock()
	defer filters.Unlock()
	f := filters.byRatio[[2]int{up, down}]
	if f == nil {
		f = newFilter(up, down)
		if filters.byRatio == nil {
			filters.byRatio = make(map[[2]int]*filter)
		}
		filters.byRatio[[2]int{up, down}] = f
	}
	return f
}

// newFilter samples a windowed sinc at each of the phases that an output can
// have between two input samples. Each phase has a gain of one at 0 Hz.
func newFilter(up, down int) *filter {
	stretch := max(1, float64(down)/float64(up)) // input samples in one of the lower rate
	half := int(math.Ceil(resampleTaps * stretch))
	f := &filter{up: up, down: down, half: half, taps: make([]float32, 0, 2*half*up)}
	phase := make([]float64, 2*half)
	for p := range up {
		sum := 0.0
		for i := range phase {
			// The distance of tap i from the output, in samples of the lower rate.
			x := (float64(i-half+1) - float64(p)/float64(up)) / stretch
			phase[i] = sinc(2*resampleCutoff*x) * kaiser(x/resampleTaps)
			sum += phase[i]
		}
		for _, v := range phase {
			f.taps = append(f.taps, float32(v/sum))
		}
	}
	return f
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the Kaiser window over -1..1.
func kaiser(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return bessel(resampleBeta*math.Sqrt(1-x*x)) / bessel(resampleBeta)
}

// bessel is the modified Bessel function of the first kind and order 0, by its
// power series.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-12*sum; k++ {
		term *= x / (2 * k) * x / (2 * k)
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
