package webrtc

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/transport/v4/packetio"
	pion "github.com/pion/webrtc/v4"
)

const (
	// rtpBuffer bounds what waits for the leg's reader: some seconds of audio.
	rtpBuffer  = 64 << 10
	rtcpBuffer = 16 << 10

	streamName = "sidetone"
	trackName  = "agent"

	mimeKeys = "audio/telephone-event"
)

// parameters are the formats as pion has them.
func (c codec) parameters() []pion.RTPCodecParameters {
	format := func(payload uint8, mime string, rate uint32, channels uint16, fmtp string) pion.RTPCodecParameters {
		return pion.RTPCodecParameters{PayloadType: pion.PayloadType(payload), RTPCodecCapability: pion.RTPCodecCapability{
			MimeType: mime, ClockRate: rate, Channels: channels, SDPFmtpLine: fmtp,
		}}
	}
	out := []pion.RTPCodecParameters{format(c.Payload, pion.MimeTypePCMU, 8000, 0, "")}
	if c.Opus {
		out[0] = format(c.Payload, pion.MimeTypeOpus, 48000, 2, opusFormat)
	}
	if c.Keys48 != 0 {
		out = append(out, format(c.Keys48, mimeKeys, 48000, 0, keysFormat))
	}
	if c.Keys8 != 0 {
		out = append(out, format(c.Keys8, mimeKeys, 8000, 0, keysFormat))
	}
	return out
}

// rate is the clock rate of the audio, in Hz.
func (c codec) rate() uint32 {
	if c.Opus {
		return 48000
	}
	return 8000
}

// incoming is the caller's audio. All but the channels and stats belong to the
// leg's reader.
type incoming struct {
	tracks    chan *pion.TrackRemote
	receivers chan *pion.RTPReceiver
	track     *pion.TrackRemote // nil until it is there
	deadline  time.Time
	stats     arrivals
}

func (p *peer) onTrack(t *pion.TrackRemote, r *pion.RTPReceiver) {
	select {
	case p.in.tracks <- t:
	default: // one is enough, and is there
	}
	select {
	case p.in.receivers <- r:
	default:
	}
}

// SetReadDeadline implements wire.
func (p *peer) SetReadDeadline(t time.Time) error {
	p.in.deadline = t
	if p.in.track != nil {
		return p.in.track.SetReadDeadline(t)
	}
	return nil
}

// ReadRTP implements wire.
func (p *peer) ReadRTP(b []byte) (int, error) {
	for {
		if p.in.track == nil {
			if err := p.awaitTrack(); err != nil {
				return 0, err
			}
		}
		n, _, err := p.in.track.Read(b)
		switch {
		case err == nil && p.in.stats.count(b[:n], time.Now(), p.offer.codec):
			return n, nil
		case err == nil:
			p.metrics.packets.Inc()
		case isTimeout(err):
			return 0, os.ErrDeadlineExceeded
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe):
			p.in.track = nil
		default: // pion says so of payload types that it does not know
			p.metrics.packets.Inc()
		}
	}
}

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &netErr) && netErr.Timeout()
}

// awaitTrack waits for the caller's audio to begin, or to begin again.
func (p *peer) awaitTrack() error {
	var timeout <-chan time.Time
	if !p.in.deadline.IsZero() {
		timer := time.NewTimer(time.Until(p.in.deadline))
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case p.in.track = <-p.in.tracks:
		return p.in.track.SetReadDeadline(p.in.deadline)
	case <-timeout:
		return os.ErrDeadlineExceeded
	case <-p.done:
		return io.EOF
	}
}

// buffer is what pion keeps packets of one stream in until they are read. A
// browser has one stream of RTP; we do not let it make us keep many.
func (p *peer) buffer(kind packetio.BufferPacketType, _ uint32) io.ReadWriteCloser {
	b := packetio.NewBuffer()
	b.SetLimitSize(rtcpBuffer)
	if kind == packetio.RTPBufferPacket {
		b.SetLimitSize(rtpBuffer)
		if p.flooded() {
			_ = b.Close()
		}
	}
	return b
}

// outTrack is our audio, as pion's TrackLocal. It is written without a copy.
type outTrack struct {
	codec codec
	bound atomic.Pointer[binding]

	mu    sync.Mutex // guards stats
	stats emission
}

type binding struct {
	ssrc   uint32
	stream pion.TrackLocalWriter
}

// Bind implements pion.TrackLocal.
func (t *outTrack) Bind(c pion.TrackLocalContext) (pion.RTPCodecParameters, error) {
	t.bound.Store(&binding{uint32(c.SSRC()), c.WriteStream()})
	return t.codec.parameters()[0], nil
}

// Unbind implements pion.TrackLocal.
func (t *outTrack) Unbind(pion.TrackLocalContext) error {
	t.bound.Store(nil)
	return nil
}

// ID implements pion.TrackLocal.
func (t *outTrack) ID() string { return trackName }

// RID implements pion.TrackLocal.
func (t *outTrack) RID() string { return "" }

// StreamID implements pion.TrackLocal.
func (t *outTrack) StreamID() string { return streamName }

// Kind implements pion.TrackLocal.
func (t *outTrack) Kind() pion.RTPCodecType { return pion.RTPCodecTypeAudio }

// WriteRTP implements wire. What can not be sent because the browser is lost just
// now is gone, as it would be on its way.
func (p *peer) WriteRTP(h *rtp.Header, payload []byte) error {
	select {
	case <-p.done:
		return io.ErrClosedPipe
	default:
	}
	bound := p.out.bound.Load()
	if bound == nil {
		return nil
	}
	h.SSRC = bound.ssrc
	p.out.mu.Lock()
	p.out.stats.count(h.Timestamp, len(payload), time.Now())
	p.out.mu.Unlock()
	_, _ = bound.stream.WriteRTP(h, payload)
	return nil
}
