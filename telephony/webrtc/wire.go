package webrtc

import (
	"time"

	"github.com/pion/rtp"
)

// webRate is the rate of a leg's sound, Hz.
const webRate = 16000

// wire is what a leg needs of its peer connection. *peer is one; the
// conformance suite has one over channels, so that it can run in virtual time.
//
// ReadRTP and SetReadDeadline belong to the leg's reader; WriteRTP to its
// writer; the channels are closed when the wire is.
type wire interface {
	// Codec tells how audio is coded, both ways, and the payload types that were
	// negotiated.
	Codec() codec
	// ReadRTP reads the next packet of the caller's audio into b. It returns
	// os.ErrDeadlineExceeded after the read deadline and io.EOF once the wire is
	// closed. Only packets of the authenticated pair come.
	ReadRTP(b []byte) (n int, err error)
	SetReadDeadline(time.Time) error
	// WriteRTP sends one packet; SSRC is filled in. It does not block.
	WriteRTP(h *rtp.Header, payload []byte) error
	// Messages carries what came over the data channel, each at most
	// maxMessage bytes; longer ones and binary ones are dropped and counted.
	Messages() <-chan []byte
	// WriteMessage sends text over the data channel. Before the channel is open,
	// and while it is choked, at most maxUnsent bytes wait; beyond that it returns
	// errUnsent. Any other error says that the channel is closed.
	WriteMessage(b []byte) error
	// States tells of the far end's going and coming.
	States() <-chan wireState
	// Reports carries what the far end's RTCP receiver reports say of our audio.
	Reports() <-chan report
	// Close closes the connection, after what has been written is on its way. It
	// is idempotent.
	Close() error
}

// codec is how audio is coded.
type codec struct {
	Opus    bool  // else PCMU
	Payload uint8 // payload type of the audio
	Keys48  uint8 // payload type of telephone-event/48000; 0 when there is none
	Keys8   uint8 // payload type of telephone-event/8000; 0 when there is none
}

// wireState is whether the far end can be reached.
type wireState uint8

const (
	wireLost   wireState = iota + 1 // nothing comes any more; it may come back
	wireBack                        // it is back after wireLost
	wireFailed                      // it will not come back
	wireClosed                      // the far end closed the connection
)

// report is one RTCP receiver report about our audio (RFC 3550, 6.4.1).
type report struct {
	Loss   float64       // fraction lost since the last report, 0 to 1
	Jitter time.Duration // interarrival jitter at the far end
	RTT    time.Duration // 0 when it can not be told yet
}

// Limits of the data channel.
const (
	maxMessage = 8 << 10   // bytes of one message, both ways
	maxUnsent  = 256 << 10 // bytes that may wait
)
