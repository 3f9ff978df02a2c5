package moonshine

import (
	"time"

	"sidetone/media"
)

// segment is one stretch of speech, decoded as a whole. Its fields are guarded
// by the session's mutex; those of a result are set once per version.
type segment struct {
	onset, end media.Tick // of the speech
	from, to   media.Tick // of the audio: with some of what lies around the speech
	speaking   bool       // the speech goes on: end and to are not known
	tried      media.Tick // audio up to here has had its chance of a partial
	version    int        // counts changes of what the audio holds

	pcm    []int16 // the audio, once the tape needs not keep it
	done   bool    // the result is known
	result piece
}

// piece is what was recognised in a segment.
type piece struct {
	from, to media.Tick
	text     string
	tokens   int // weight of the confidence
	sure     float64
	wordless float64 // probability that there are no words
}

// The lengths, on the media clock.
var (
	preRoll      = media.TicksIn(300 * time.Millisecond)   // kept before the onset of speech
	postRoll     = media.TicksIn(200 * time.Millisecond)   // and after its end, if there by then
	history      = media.TicksIn(time.Second)              // kept while nobody speaks, as onsets are known late
	mergeGap     = media.TicksIn(time.Second)              // a longer pause ends a segment
	longest      = media.TicksIn(11500 * time.Millisecond) // of a segment; decoding gets slow beyond
	cutWindow    = media.TicksIn(3500 * time.Millisecond)  // where a longer one is cut
	partialEvery = media.TicksIn(700 * time.Millisecond)   // of audio
	leastSpeech  = media.TicksIn(90 * time.Millisecond)    // what is shorter after a cut holds no word
	longestGap   = media.TicksIn(10 * time.Second)         // a longer one is not filled
	backlog      = media.TicksIn(30 * time.Second)         // of a call's undecoded speech
)
