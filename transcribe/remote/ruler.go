package remote

import (
	"sort"

	"sidetone/media"
)

// ruler maps what an engine counts, seconds of the audio that it was sent on one
// connection, to the call's clock. The two part where the call's audio has a gap
// that is not filled, and where silence is sent that is not the call's.
type ruler struct {
	rate  int
	sent  int64 // samples
	marks []mark
}

// mark says on which tick a sample lies; what follows it lies in step.
type mark struct {
	sample int64
	at     media.Tick
}

// maxMarks bounds the marks: results are of the newest audio.
const maxMarks = 256

// put takes that n samples of audio from a tick on were sent.
func (r *ruler) put(at media.Tick, n int) {
	if next, ok := r.next(); !ok || at-next > slack || next-at > slack {
		r.marks = append(r.marks, mark{r.sent, at})
		if len(r.marks) > maxMarks {
			r.marks = r.marks[:copy(r.marks, r.marks[len(r.marks)-maxMarks/2:])]
		}
	}
	r.sent += int64(n)
}

// next is the tick that the next sample lies on if the audio goes on.
func (r *ruler) next() (media.Tick, bool) {
	if len(r.marks) == 0 {
		return 0, false
	}
	m := r.marks[len(r.marks)-1]
	return m.at + media.TickOfSample(r.sent-m.sample, r.rate), true
}

// seconds is how much was sent.
func (r *ruler) seconds() float64 { return float64(r.sent) / float64(r.rate) }

// tick returns where a second of what was sent lies. What lies before the first
// mark or beyond the end, which no engine should say, is put there.
func (r *ruler) tick(seconds float64) media.Tick {
	if len(r.marks) == 0 {
		return 0
	}
	sample := int64(max(0, min(seconds, r.seconds())) * float64(r.rate))
	i := sort.Search(len(r.marks), func(i int) bool { return r.marks[i].sample > sample })
	m := r.marks[max(0, i-1)]
	return m.at + media.TickOfSample(max(0, sample-m.sample), r.rate)
}
