package remote

import "sidetone/transcribe"

// Message is one WebSocket message to an engine. An empty one is not sent.
type Message struct {
	Binary bool
	Data   []byte
}

// Text makes a message of JSON text.
func Text(json string) Message { return Message{Data: []byte(json)} }

// Dialect is one vendor's protocol on one connection. It is used by one
// goroutine, and the data of a Message may be used again by the next call.
// Seconds are those of the audio that was sent on the connection.
type Dialect interface {
	// Hello is sent first.
	Hello() Message
	// Ready reports whether audio may be sent; until then the engine has to
	// answer Hello.
	Ready() bool
	// Audio codes PCM at the session's rate.
	Audio(pcm []int16) Message
	// Finalize asks for the words of all that was sent, which ends at a second.
	Finalize(at float64) []Message
	// KeepAlive keeps a connection open on which nothing else is sent; when it is
	// empty, silence does.
	KeepAlive() Message
	// Bye says that nothing more comes.
	Bye() Message
	// Read takes a message of the engine. An error that wraps ErrMalformed is
	// passed over, if there are not many; every other one ends the connection.
	Read(data []byte) (Report, error)
}

// Report is what a message of an engine says. Fields that it does not speak of
// are zero.
type Report struct {
	Passage *Passage
	// Heard is up to where the engine has listened, and Solid up to where nothing
	// will change; neither goes back.
	Heard, Solid float64
	Hint         transcribe.Hint
	Reply        Message // is sent in answer
}

// Passage is a stretch of what was recognised: it takes the place of what was
// said of the same key before, unless that was final. Keys ascend with time.
type Passage struct {
	Key        int64
	From, To   float64
	Text       string // when there are no words
	Words      []Word
	Confidence float64 // of Text
	Final      bool
}

// Word is one word as an engine heard it. Times of 0, 0 are none.
type Word struct {
	From, To   float64
	Text       string
	Confidence float64
}
