package app

import (
	"context"
	"net/http"
	"time"
)

// Limits of sending audio.
const (
	stuckFor   = 30 * time.Second // who takes nothing for so long is cut off; players come again
	aheadBurst = 4 * time.Second  // of audio that a player gets at once,
	aheadPace  = 4                // and then, how many times faster than it plays
)

// sending is the body of an answer with audio. It gives up on clients that take
// nothing, and gives players no more than they may need: what they have read ahead
// when somebody jumps was fetched and decrypted for nothing.
type sending struct {
	http.ResponseWriter
	control *http.ResponseController
	ctx     context.Context
	burst   float64 // bytes
	pace    float64 // bytes a second; 0: as fast as they are taken
	began   time.Time
	sent    float64
}

// send begins an answer with audio of so many bytes a second.
func send(w http.ResponseWriter, r *http.Request, perSecond float64) *sending {
	s := &sending{ResponseWriter: w, control: http.NewResponseController(w), ctx: r.Context(), began: time.Now()}
	switch r.Header.Get("Sec-Fetch-Dest") { // what a browser wants it for (W3C Fetch Metadata)
	case "audio", "video":
		s.burst, s.pace = perSecond*aheadBurst.Seconds(), perSecond*aheadPace
	}
	return s
}

// Write implements io.Writer.
func (s *sending) Write(p []byte) (int, error) {
	if s.pace > 0 {
		due := s.began.Add(time.Duration((s.sent - s.burst) / s.pace * float64(time.Second)))
		select {
		case <-time.After(time.Until(due)):
		case <-s.ctx.Done():
			return 0, s.ctx.Err()
		}
	}
	s.control.SetWriteDeadline(time.Now().Add(stuckFor))
	n, err := s.ResponseWriter.Write(p)
	s.sent += float64(n)
	return n, err
}

// end leaves the connection to its next request.
func (s *sending) end() { s.control.SetWriteDeadline(time.Time{}) }
