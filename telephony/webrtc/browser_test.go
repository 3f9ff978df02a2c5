package webrtc

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	audio "sidetone/media"
	"sidetone/media/opus"
)

// The formats of a page, with or without Opus.
var (
	pageOpus = codec{Opus: true, Payload: 111, Keys48: 110, Keys8: 126}
	pagePCMU = codec{Payload: 0, Keys8: 126}
)

// browser is a browser as far as signalling and media go, by pion, in real time.
type browser struct {
	testing.TB
	g         *gateway
	pc        *pion.PeerConnection
	channel   *pion.DataChannel
	track     *microphone
	sender    *pion.RTPSender
	token     string
	location  string
	etag      string
	connected chan struct{}
	lost      chan struct{} // the connection was closed by the far end
	open      chan struct{}
	messages  chan string
	packets   chan *rtp.Packet
	talking   sync.WaitGroup
	rtcp      chan []rtcp.Packet
	quit      chan struct{}
	hushed    sync.Once
	heard     atomic.Int64 // packets, if silent
	misread   func(answer string) string
}

// microphone is the browser's track, which also knows how to send what no browser
// sends.
type microphone struct {
	*pion.TrackLocalStaticSample
	stream pion.TrackLocalWriter
}

func (m *microphone) Bind(c pion.TrackLocalContext) (pion.RTPCodecParameters, error) {
	m.stream = c.WriteStream()
	return m.TrackLocalStaticSample.Bind(c)
}

type habits struct {
	networks []pion.NetworkType
	pcmu     bool
	config   pion.Configuration
	settings func(*pion.SettingEngine)
	misread  func(answer string) string
	silent   bool // no interceptors, which make garbage
}

func newBrowser(g *gateway, h habits) *browser {
	t := g.TB
	t.Helper()
	var m pion.MediaEngine
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	mime := pion.MimeTypeOpus
	if h.pcmu {
		m, mime = pion.MediaEngine{}, pion.MimeTypePCMU
		for _, c := range pagePCMU.parameters() {
			if err := m.RegisterCodec(c, pion.RTPCodecTypeAudio); err != nil {
				t.Fatal(err)
			}
		}
	} else {
		for _, c := range pageOpus.parameters()[1:] {
			if err := m.RegisterCodec(c, pion.RTPCodecTypeAudio); err != nil {
				t.Fatal(err)
			}
		}
	}
	var se pion.SettingEngine
	se.LoggerFactory = quiet
	se.SetIncludeLoopbackCandidate(true)
	se.SetIPFilter(func(ip net.IP) bool { return ip.Equal(loopback.AsSlice()) })
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	se.SetNetworkTypes(h.networks)
	if h.settings != nil {
		h.settings(&se)
	}
	var registry interceptor.Registry
	if !h.silent {
		if err := pion.ConfigureRTCPReports(&registry); err != nil {
			t.Fatal(err)
		}
	}
	api := pion.NewAPI(pion.WithMediaEngine(&m), pion.WithSettingEngine(se), pion.WithInterceptorRegistry(&registry))
	pc, err := api.NewPeerConnection(h.config)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{
		TB: t, g: g, pc: pc, connected: make(chan struct{}), lost: make(chan struct{}), open: make(chan struct{}),
		messages: make(chan string, 100), packets: make(chan *rtp.Packet, 1000), rtcp: make(chan []rtcp.Packet, 100), quit: make(chan struct{}),
		misread: h.misread,
	}
	t.Cleanup(b.close)
	static, err := pion.NewTrackLocalStaticSample(pion.RTPCodecCapability{MimeType: mime}, "microphone", "page")
	if err != nil {
		t.Fatal(err)
	}
	b.track = &microphone{TrackLocalStaticSample: static}
	if b.sender, err = pc.AddTrack(b.track); err != nil {
		t.Fatal(err)
	}
	b.talking.Go(func() {
		for buf := make([]byte, 1500); ; {
			n, _, err := b.sender.Read(buf)
			if err != nil {
				return
			}
			if packets, err := rtcp.Unmarshal(buf[:n]); err == nil {
				select {
				case b.rtcp <- packets:
				default:
				}
			}
		}
	})
	if b.channel, err = pc.CreateDataChannel(channelLabel, nil); err != nil {
		t.Fatal(err)
	}
	b.channel.OnOpen(func() { close(b.open) })
	b.channel.OnMessage(func(m pion.DataChannelMessage) { b.messages <- string(m.Data) })
	connected := sync.OnceFunc(func() { close(b.connected) })
	lost := sync.OnceFunc(func() { close(b.lost) })
	pc.OnConnectionStateChange(func(s pion.PeerConnectionState) {
		switch s {
		case pion.PeerConnectionStateConnected:
			connected()
		case pion.PeerConnectionStateClosed, pion.PeerConnectionStateFailed:
			lost()
		}
	})
	pc.OnTrack(func(track *pion.TrackRemote, _ *pion.RTPReceiver) {
		buf := make([]byte, 1500)
		for {
			n, _, err := track.Read(buf)
			if err != nil {
				return
			}
			if h.silent {
				b.heard.Add(1)
				continue
			}
			p := new(rtp.Packet)
			if err := p.Unmarshal(append([]byte(nil), buf[:n]...)); err != nil {
				return
			}
			select {
			case b.packets <- p:
			default:
			}
		}
	})
	return b
}

// offer is a complete offer.
func (b *browser) offer() string {
	b.Helper()
	return b.describe(nil)
}

func (b *browser) describe(o *pion.OfferOptions) string {
	b.Helper()
	offer, err := b.pc.CreateOffer(o)
	if err != nil {
		b.Fatal(err)
	}
	if err := b.pc.SetLocalDescription(offer); err != nil {
		b.Fatal(err)
	}
	within(b.TB, pion.GatheringCompletePromise(b.pc), "candidates")
	return b.pc.LocalDescription().SDP
}

// dial places a call and waits until it is connected.
func (b *browser) dial() *Leg {
	b.Helper()
	b.ring(b.offer())
	within(b.TB, b.connected, "the connection")
	return within(b.TB, b.g.legs, "the call to be served")
}

// ring offers sdp and takes the answer.
func (b *browser) ring(sdp string) (answer string) {
	b.Helper()
	b.token = b.g.token()
	r := b.g.post(b.token, sdp)
	answer = text(b.TB, r)
	if r.StatusCode != http.StatusCreated {
		b.Fatalf("POST answered %d: %s", r.StatusCode, answer)
	}
	b.location, b.etag = r.Header.Get("Location"), r.Header.Get("ETag")
	if b.misread != nil {
		answer = b.misread(answer)
	}
	if err := b.pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: answer}); err != nil {
		b.Fatalf("the answer is not understood: %v\n%s", err, answer)
	}
	return answer
}

// request is about the browser's session.
func (b *browser) request(method, contentType, ifMatch, body string) *http.Response {
	b.Helper()
	return b.g.do(request{method: method, path: b.location, token: b.token, origin: shop, contentType: contentType, ifMatch: ifMatch, body: body})
}

// say sends a tone until the test ends, or hush.
func (b *browser) say(hz float64) {
	b.Helper()
	pcm := audio.Tone(16000, hz, time.Second, -12)
	e, err := opus.NewEncoder(opus.Options{Rate: 16000, Bitrate: 24000})
	if err != nil {
		b.Fatal(err)
	}
	b.talking.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		packet := make([]byte, 400)
		for i := 0; ; i = (i + 320) % len(pcm) {
			n, err := e.Encode(pcm[i:i+320], packet)
			if err != nil {
				return
			}
			_ = b.track.WriteSample(media.Sample{Data: packet[:n], Duration: 20 * time.Millisecond})
			select {
			case <-tick.C:
			case <-b.quit:
				return
			}
		}
	})
}

func (b *browser) hush() { b.hushed.Do(func() { close(b.quit) }) }

func (b *browser) close() {
	b.hush()
	_ = b.pc.GracefulClose()
	b.talking.Wait()
}

// listen decodes what comes until it holds the tone, which must be clear of
// another.
func (b *browser) listen(hz, other float64) {
	b.Helper()
	d, err := opus.NewDecoder(16000)
	if err != nil {
		b.Fatal(err)
	}
	var heard []int16
	frame := make([]int16, 1920)
	for {
		p := within(b.TB, b.packets, "packets")
		n, err := d.Decode(p.Payload, frame)
		if err != nil {
			b.Fatal(err)
		}
		heard = append(heard, frame[:n]...)
		if tail := heard[max(0, len(heard)-4800):]; len(tail) == 4800 && audio.ToneLevel(tail, 16000, hz) > -20 {
			if level := audio.ToneLevel(tail, 16000, other); level > -50 {
				b.Errorf("%v Hz comes with %v dB of %v Hz", hz, level, other)
			}
			return
		}
	}
}

func candidatesOf(sdp string) (out []string) {
	for line := range strings.Lines(sdp) {
		if c, ok := strings.CutPrefix(strings.TrimSpace(line), "a=candidate:"); ok {
			out = append(out, c)
		}
	}
	return out
}

func portOf(t testing.TB, candidate string) netip.AddrPort {
	t.Helper()
	f := strings.Fields(candidate)
	a, err := netip.ParseAddrPort(net.JoinHostPort(f[4], f[5]))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var tcpOnly = []pion.NetworkType{pion.NetworkTypeTCP4}
