package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// errNoCodec says that the answer took none of the codecs offered.
var errNoCodec = errors.New("sim: the answer has no codec of ours")

// What Chromium offers for audio, as far as it matters here, with its payload
// types.
var (
	offeredOpus = webrtc.RTPCodecParameters{PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}}
	offeredPCMU = webrtc.RTPCodecParameters{PayloadType: 0, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}}
	offeredKeys48 = webrtc.RTPCodecParameters{PayloadType: 110, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: mimeTypeKeys, ClockRate: 48000}}
	offeredKeys8 = webrtc.RTPCodecParameters{PayloadType: 126, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: mimeTypeKeys, ClockRate: 8000}}
)

// mimeTypeKeys is that of RFC 4733's events.
const mimeTypeKeys = "audio/telephone-event"

// newPeer makes a peer connection that offers codec, and PCMU beside Opus. With
// reports it sends and expects RTCP reports as a browser does.
func newPeer(codec Codec, settings webrtc.SettingEngine, reports bool) (*webrtc.PeerConnection, error) {
	codecs := []webrtc.RTPCodecParameters{offeredOpus, offeredPCMU, offeredKeys48, offeredKeys8}
	if codec == PCMU {
		codecs = []webrtc.RTPCodecParameters{offeredPCMU, offeredKeys8}
	}
	engine := &webrtc.MediaEngine{}
	for _, c := range codecs {
		if err := engine.RegisterCodec(c, webrtc.RTPCodecTypeAudio); err != nil {
			return nil, fmt.Errorf("sim: %w", err)
		}
	}
	interceptors := &interceptor.Registry{}
	if reports {
		if err := webrtc.ConfigureRTCPReports(interceptors); err != nil {
			return nil, fmt.Errorf("sim: %w", err)
		}
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(interceptors), webrtc.WithSettingEngine(settings))
	peer, err := api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	return peer, nil
}

// webTrack is the microphone's track: it numbers and stamps the packets. Unlike
// pion's own, it also sends telephone events in their payload type.
//
// Bind comes before any packet; the rest belongs to the call's line.
type webTrack struct {
	codec    Codec
	bound    chan struct{} // closed by Bind
	writer   webrtc.TrackLocalWriter
	ssrc     uint32
	audio    uint8 // payload types
	keys     uint8
	hasKeys  bool // at the audio's clock rate
	sequence uint16
	origin   uint32 // RTP timestamp of the caller's tick 0
	silent   bool   // the next packet follows a silence that was not sent
	sent     int
}

func newWebTrack(codec Codec) *webTrack {
	return &webTrack{
		codec: codec, bound: make(chan struct{}), silent: true,
		sequence: uint16(rand.Uint32()), origin: rand.Uint32(),
	}
}

// Bind implements webrtc.TrackLocal.
func (t *webTrack) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	want := webrtc.MimeTypeOpus
	if t.codec == PCMU {
		want = webrtc.MimeTypePCMU
	}
	var found *webrtc.RTPCodecParameters
	for _, p := range c.CodecParameters() {
		switch {
		case found == nil && strings.EqualFold(p.MimeType, want):
			found, t.audio = &p, uint8(p.PayloadType)
		case strings.EqualFold(p.MimeType, mimeTypeKeys) && int(p.ClockRate) == t.codec.clockRate():
			t.keys, t.hasKeys = uint8(p.PayloadType), true
		}
	}
	if found == nil {
		return webrtc.RTPCodecParameters{}, errNoCodec
	}
	t.writer, t.ssrc = c.WriteStream(), uint32(c.SSRC())
	close(t.bound)
	return *found, nil
}

// Unbind implements webrtc.TrackLocal.
func (t *webTrack) Unbind(webrtc.TrackLocalContext) error { return nil }

// ID, RID, StreamID and Kind implement webrtc.TrackLocal.
func (t *webTrack) ID() string                { return "microphone" }
func (t *webTrack) RID() string               { return "" }
func (t *webTrack) StreamID() string          { return "visitor" }
func (t *webTrack) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeAudio }

// unit is 20 ms in RTP units.
func (t *webTrack) unit() int { return t.codec.clockRate() / 50 }

// stamp is the RTP timestamp of a frame of the caller's clock.
func (t *webTrack) stamp(frame int64) uint32 { return t.origin + uint32(frame*int64(t.unit())) }

// voice sends a frame's payload; an empty one is a silence that is not sent.
func (t *webTrack) voice(frame int64, payload []byte) error {
	if len(payload) == 0 {
		t.silent = true
		return nil
	}
	err := t.write(t.audio, t.stamp(frame), t.silent, payload)
	t.silent = false
	return err
}

// key sends a telephone event.
func (t *webTrack) key(p keyPacket) error {
	for range p.copies {
		if err := t.write(t.keys, p.stamp, p.marker, p.payload[:]); err != nil {
			return err
		}
	}
	return nil
}

func (t *webTrack) write(payloadType uint8, stamp uint32, marker bool, payload []byte) error {
	h := rtp.Header{
		Version: 2, PayloadType: payloadType, SSRC: t.ssrc, SequenceNumber: t.sequence, Timestamp: stamp, Marker: marker,
	}
	t.sequence++
	t.sent++
	if _, err := t.writer.WriteRTP(&h, payload); err != nil {
		return fmt.Errorf("sim: send: %w", err)
	}
	return nil
}
