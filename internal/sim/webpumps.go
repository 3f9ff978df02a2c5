package sim

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// iceState takes a state of the connection.
func (c *WebCall) iceState(s webrtc.ICEConnectionState) {
	c.mu.Lock()
	before := c.ice
	c.ice = s
	close(c.iceChanged)
	c.iceChanged = make(chan struct{})
	c.mu.Unlock()
	switch {
	case s == webrtc.ICEConnectionStateDisconnected:
		c.network("lost")
	case s == webrtc.ICEConnectionStateConnected && before == webrtc.ICEConnectionStateDisconnected:
		c.network("back")
	}
}

// network logs what happened to it.
func (c *WebCall) network(detail string) {
	if at, err := c.Now(); err == nil {
		c.log.add(at, EventNetwork, detail)
	}
}

// readAudio takes the agent's packets.
func (c *WebCall) readAudio(t *webrtc.TrackRemote) {
	buf := make([]byte, relayPacket)
	for {
		n, _, err := t.Read(buf)
		if err != nil {
			return
		}
		at := time.Now()
		var p rtp.Packet
		if p.Unmarshal(append([]byte(nil), buf[:n]...)) != nil {
			continue
		}
		select {
		case c.line.inbox <- webArrival{at, p.Header, p.Payload}:
		case <-c.line.done:
			return
		}
	}
}

// lossWeight is what one report counts, of those that come each second: Chromium
// remembers losses for about 10 s (packet_loss_fraction_smoother.h).
const lossWeight = 0.1

// readReports tells the encoder what the gateway reports of our packets.
func (c *WebCall) readReports(sender *webrtc.RTPSender) {
	loss := -1.0
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			var reports []rtcp.ReceptionReport
			switch r := p.(type) {
			case *rtcp.ReceiverReport:
				reports = r.Reports
			case *rtcp.SenderReport: // of a gateway that speaks
				reports = r.Reports
			}
			if len(reports) == 0 || c.line.enc == nil {
				continue
			}
			newest := float64(reports[0].FractionLost) / 256
			if loss < 0 {
				loss = newest
			}
			loss += (newest - loss) * lossWeight
			expected := loss
			if c.line.do(func() {
				if err := c.line.enc.expect(expected); err != nil {
					c.line.fault(err.Error())
				}
			}) != nil {
				return
			}
		}
	}
}

// drain reads until there is nothing to read any more.
func drain[A, B any](read func() (A, B, error)) {
	for {
		if _, _, err := read(); err != nil {
			return
		}
	}
}

// readMessage takes a message of the data channel.
func (c *WebCall) readMessage(m webrtc.DataChannelMessage) {
	hushed := pageHushed{Type: "hushed"}
	obeyed := false
	_ = c.line.do(func() {
		if !m.IsString {
			c.line.fault("a binary message")
			return
		}
		event := c.line.message(m.Data)
		if _, isOver := event.(PageOver); isOver {
			c.overOnce.Do(func() { close(c.over) })
		}
		if hush, is := event.(PageHush); is && c.line.ear != nil && !c.opts.PlaysOut {
			hushed.Before, obeyed = *hush.Before, c.line.ear.hush(*hush.Before)
		}
		if tell := c.opts.OnMessage; tell != nil && event != nil {
			tell(c.line.page.messages[len(c.line.page.messages)-1])
		}
	})
	if obeyed {
		_ = c.post(hushed) // without it the gateway takes more for heard than was
	}
}

// reportDelays sends the page's statistics.
func (c *WebCall) reportDelays() {
	for {
		select {
		case d := <-c.delays:
			s := pageStats{Type: "stats", JitterBuffer: milliseconds(d)}
			if pair, ok := c.peer.SCTP().Transport().ICETransport().GetSelectedCandidatePairStats(); ok {
				s.RTT = pair.CurrentRoundTripTime * 1000
			}
			select {
			case <-c.open:
				_ = c.post(s) // a report that can not be sent is not missed
			default:
			}
		case <-c.line.done:
			return
		}
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
