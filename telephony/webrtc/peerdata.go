package webrtc

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	pion "github.com/pion/webrtc/v4"
)

// channelLabel is the label of the data channel, with the version of what is said
// on it.
const channelLabel = "sidetone.v1"

var (
	errMessageTooLong = errors.New("webrtc: message is too long")
	errUnsent         = errors.New("webrtc: too much waits to be sent on the data channel")
)

// dataChannel is the browser's data channel, and what waits for it to open.
type dataChannel struct {
	mu      sync.Mutex
	taken   bool              // the channel is there
	open    *pion.DataChannel // nil until it is open
	waiting [][]byte
	bytes   int // of waiting
}

// onDataChannel takes the first data channel of our label, and closes all others.
func (p *peer) onDataChannel(d *pion.DataChannel) {
	c := &p.channel
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken || d.Label() != channelLabel {
		p.metrics.messages.WithLabelValues(messageChannel).Inc()
		p.flooded()
		d.OnOpen(func() { _ = d.Close() })
		return
	}
	c.taken = true
	d.OnMessage(p.onMessage)
	d.OnOpen(func() { p.opened(d) })
}

func (p *peer) opened(d *pion.DataChannel) {
	c := &p.channel
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = d
	for _, b := range c.waiting {
		_ = d.SendText(string(b)) // closed again already: the states tell
	}
	c.waiting, c.bytes = nil, 0
}

// onMessage is called by one goroutine of pion's. While it waits, SCTP lets the
// browser send no more.
func (p *peer) onMessage(m pion.DataChannelMessage) {
	switch {
	case !m.IsString:
		p.metrics.messages.WithLabelValues(messageBinary).Inc()
		return
	case len(m.Data) > maxMessage:
		p.metrics.messages.WithLabelValues(messageTooLong).Inc()
		return
	}
	p.entering.RLock()
	defer p.entering.RUnlock()
	select {
	case <-p.done:
		return
	default:
	}
	select {
	case p.messages <- m.Data:
	case <-p.done:
	}
}

// WriteMessage implements wire.
func (p *peer) WriteMessage(b []byte) error {
	if len(b) > maxMessage {
		return fmt.Errorf("%w: %d bytes, at most %d", errMessageTooLong, len(b), maxMessage)
	}
	select {
	case <-p.done:
		return io.ErrClosedPipe
	default:
	}
	c := &p.channel
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := c.bytes
	if c.open != nil {
		waiting = int(c.open.BufferedAmount())
	}
	switch {
	case waiting+len(b) > maxUnsent:
		return errUnsent
	case c.open == nil:
		c.waiting = append(c.waiting, append([]byte(nil), b...))
		c.bytes += len(b)
		return nil
	}
	if err := c.open.SendText(string(b)); err != nil {
		return fmt.Errorf("webrtc: write message: %w", err)
	}
	return nil
}

// flush waits, for a moment, until the browser has what was written.
func (p *peer) flush() {
	p.channel.mu.Lock()
	d := p.channel.open
	p.channel.mu.Unlock()
	if d == nil || d.BufferedAmount() == 0 {
		return
	}
	empty := make(chan struct{}, 1)
	d.SetBufferedAmountLowThreshold(0)
	d.OnBufferedAmountLow(func() {
		select {
		case empty <- struct{}{}:
		default:
		}
	})
	if d.BufferedAmount() == 0 {
		return
	}
	timeout := time.NewTimer(flushWait)
	defer timeout.Stop()
	select {
	case <-empty:
	case <-p.down:
	case <-timeout.C:
	}
}
