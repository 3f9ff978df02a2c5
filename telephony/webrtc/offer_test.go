package webrtc

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	pion "github.com/pion/webrtc/v4"
)

// checkProblem checks that a request was refused with a problem document.
func checkProblem(t *testing.T, r *http.Response, status int, code string) {
	t.Helper()
	var p struct {
		Type, Title, Detail, Code string
		Status                    int
	}
	body := text(t, r)
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("answered %d with %q: %v", r.StatusCode, body, err)
	}
	if r.StatusCode != status || p.Status != status || p.Code != code {
		t.Errorf("answered %d, %s; want %d, code %s", r.StatusCode, body, status, code)
	}
	if r.Header.Get("Content-Type") != "application/problem+json" || p.Type != "about:blank" || p.Title != http.StatusText(status) || p.Detail == "" {
		t.Errorf("problem document of type %q: %s", r.Header.Get("Content-Type"), body)
	}
}

var badOffers = map[string]struct {
	offer  string
	status int
	code   string
}{
	"empty":              {"", 400, codeMalformed},
	"not SDP":            {"hello", 400, codeMalformed},
	"JSON":               {`{"sdp":"v=0","type":"offer"}`, 400, codeMalformed},
	"binary":             {"v=0\r\n\x00\x01", 400, codeMalformed},
	"bare return":        {"v=0\r\na=mid:0\ra=mid:1\r\n", 400, codeMalformed},
	"no equals":          {strings.Replace(chromium, "t=0 0", "t 0 0", 1), 400, codeMalformed},
	"short m-line":       {strings.Replace(chromium, "m=application 54321 UDP/DTLS/SCTP webrtc-datachannel", "m=application", 1), 400, codeMalformed},
	"too long":           {chromium + "a=" + strings.Repeat("x", maxBody), 413, codeTooLarge},
	"1,000 m-lines":      {chromium + strings.Repeat("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:9\r\n", 1000), 422, codeSections},
	"1,000 m-lines only": {"v=0\r\n" + strings.Repeat("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", 1000), 422, codeSections},
	"10,000 candidates":  {chromium + strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", 10000), 413, codeTooLarge},
	"1,000 candidates":   {chromium + strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", 1000), 422, codeCandidates},
	"65 candidates":      {chromium + strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", 64), 422, codeCandidates},
	"1,000 formats":      {strings.Replace(chromium, "SAVPF 111", "SAVPF"+strings.Repeat(" 111", 1000), 1), 422, codeCodec},
	"video":              {chromium + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\n", 422, codeSections},
	"no sections":        {"v=0\r\ns=-\r\nt=0 0\r\n", 422, codeSections},
	"no data section":    {chromium[:strings.Index(chromium, "m=application")], 422, codeSections},
	"no audio section":   {chromium[:strings.Index(chromium, "m=audio")] + chromium[strings.Index(chromium, "m=application"):], 422, codeSections},
	"rejected audio":     {strings.Replace(chromium, "m=audio 54321", "m=audio 0", 1), 422, codeSections},
	"rejected data":      {strings.Replace(chromium, "m=application 54321", "m=application 0", 1), 422, codeSections},
	"plain RTP":          {strings.Replace(chromium, "UDP/TLS/RTP/SAVPF", "RTP/AVP", 1), 422, codeSections},
	"old data section":   {strings.Replace(chromium, "UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5000", 1), 422, codeSections},
	"other SCTP port":    {strings.Replace(chromium, "a=sctp-port:5000", "a=sctp-port:5001", 1), 422, codeSections},
	"no mid":             {without(chromium, "a=mid:"), 422, codeMid},
	"no mid of data":     {without(chromium, "a=mid:1"), 422, codeMid},
	"same mids":          {strings.Replace(chromium, "a=mid:1", "a=mid:0", 1), 422, codeMid},
	"odd mid":            {strings.Replace(chromium, "a=mid:1", "a=mid:1;x", 1), 422, codeMid},
	"no bundle":          {without(chromium, "a=group"), 422, codeBundle},
	"half a bundle":      {strings.Replace(chromium, "BUNDLE 0 1", "BUNDLE 0", 1), 422, codeBundle},
	"no rtcp-mux":        {without(chromium, "a=rtcp-mux"), 422, codeBundle},
	"sendonly":           {strings.Replace(chromium, "a=sendrecv", "a=sendonly", 1), 422, codeDirection},
	"recvonly":           {strings.Replace(chromium, "a=sendrecv", "a=recvonly", 1), 422, codeDirection},
	"inactive":           {strings.Replace(chromium, "a=sendrecv", "a=inactive", 1), 422, codeDirection},
	"all inactive":       {strings.ReplaceAll(firefox, "a=sendrecv", "a=inactive"), 422, codeDirection},
	"no ufrag":           {without(chromium, "a=ice-ufrag"), 422, codeCredentials},
	"no pwd":             {without(chromium, "a=ice-pwd"), 422, codeCredentials},
	"short ufrag":        {strings.ReplaceAll(chromium, "a=ice-ufrag:Yx3P", "a=ice-ufrag:Yx3"), 422, codeCredentials},
	"long ufrag":         {strings.ReplaceAll(chromium, "a=ice-ufrag:Yx3P", "a=ice-ufrag:"+strings.Repeat("x", 257)), 422, codeCredentials},
	"odd pwd":            {strings.ReplaceAll(chromium, "a=ice-pwd:0nB6", "a=ice-pwd: nB6"), 422, codeCredentials},
	"ICE lite":           {strings.Replace(chromium, "t=0 0", "t=0 0\r\na=ice-lite", 1), 422, codeCredentials},
	"no fingerprint":     {without(chromium, "a=fingerprint"), 422, codeFingerprint},
	"SHA-1":              {strings.ReplaceAll(chromium, "sha-256", "sha-1"), 422, codeFingerprint},
	"short fingerprint":  {strings.ReplaceAll(chromium, ":19:08", ""), 422, codeFingerprint},
	"odd fingerprint":    {strings.ReplaceAll(chromium, ":19:08", ":19:0x"), 422, codeFingerprint},
	"odd setup":          {strings.ReplaceAll(chromium, "actpass", "holdconn"), 422, codeFingerprint},
	"no codec of ours":   {strings.Replace(chromium, "SAVPF 111 63 9 0 8 13 110 126", "SAVPF 63 9 8 13", 1), 422, codeCodec},
	"RTCP's numbers":     {strings.NewReplacer("SAVPF 111 63 9 0 ", "SAVPF 72 9 ", "rtpmap:111", "rtpmap:72").Replace(chromium), 422, codeCodec},
}

func TestBadOffers(t *testing.T) {
	g := newGateway(t)
	token := g.token()
	for name, test := range badOffers {
		t.Run(name, func(t *testing.T) {
			refused := g.count(g.metrics.refusals.WithLabelValues(test.code))
			checkProblem(t, g.post(token, test.offer), test.status, test.code)
			if got := g.count(g.metrics.refusals.WithLabelValues(test.code)); got != refused+1 {
				t.Errorf("counted %v refusals, want one more than %v", got, refused)
			}
		})
	}
	if len(g.admitted) > 0 {
		t.Error("a bad offer was decided on")
	}
	if r := g.post(token, chromium); r.StatusCode != http.StatusCreated {
		t.Errorf("the token does not work after bad offers: %d", r.StatusCode)
	}
}

// What a bomb costs before it is refused.
func BenchmarkBadOffers(b *testing.B) {
	for _, name := range []string{"1,000 m-lines", "1,000 candidates", "1,000 formats"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, refusal := scanOffer([]byte(badOffers[name].offer)); refusal == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

func TestOffersOfBrowsers(t *testing.T) {
	const chromiumPrint = "7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08"
	const firefoxPrint = "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:50:D1:83:E3:1D:04:D6:DE:B2:BC:1C:3D"
	tests := map[string]struct {
		offer string
		want  offer
		used  []string // candidates
	}{
		"Chromium": {chromium, offer{
			audioMid: "0", dataMid: "1", codec: codec{Opus: true, Payload: 111, Keys48: 110, Keys8: 126}, ssrc: 3570614608,
			hash: "sha-256", fingerprint: chromiumPrint, setup: "actpass", ice: credentials{"Yx3P", "0nB6OQyrD2fQ9aUNy7x5gwXR"},
		}, []string{"192.0.2.10:54321", "198.51.100.7:61234"}},
		"Firefox": {firefox, offer{
			audioMid: "0", dataMid: "1", codec: codec{Opus: true, Payload: 109, Keys8: 101}, ssrc: 1046527934,
			hash: "sha-256", fingerprint: firefoxPrint, setup: "actpass", ice: credentials{"8b3f1f2e", "7f7f0b4a3d3b6b1b2f0c9f1d5e2d8a61"},
		}, []string{"198.51.100.7:61234"}},
		"without Opus": {strings.Replace(chromium, "SAVPF 111 63", "SAVPF", 1), offer{
			audioMid: "0", dataMid: "1", codec: codec{Payload: 0, Keys8: 126}, ssrc: 3570614608,
			hash: "sha-256", fingerprint: chromiumPrint, setup: "actpass", ice: credentials{"Yx3P", "0nB6OQyrD2fQ9aUNy7x5gwXR"},
		}, []string{"192.0.2.10:54321", "198.51.100.7:61234"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o, refusal := scanOffer([]byte(test.offer))
			if refusal != nil {
				t.Fatalf("refused: %+v", *refusal)
			}
			s := Server{metrics: NewMetrics(nil)}
			var used []string
			for _, c := range s.pick(o.candidates) {
				used = append(used, c.addr.String())
			}
			if !reflect.DeepEqual(used, test.used) {
				t.Errorf("candidates %v, want %v", used, test.used)
			}
			o.candidates = nil
			if !reflect.DeepEqual(*o, test.want) {
				t.Errorf("offer is\n%+v, want\n%+v", *o, test.want)
			}
		})
	}
}

func TestOfferWithDataFirst(t *testing.T) {
	audio, data := strings.Index(chromium, "m=audio"), strings.Index(chromium, "m=application")
	swapped := chromium[:audio] + chromium[data:] + chromium[audio:data]
	o, refusal := scanOffer([]byte(strings.Replace(swapped, "BUNDLE 0 1", "BUNDLE 1 0", 1)))
	if refusal != nil {
		t.Fatalf("refused: %+v", *refusal)
	}
	if !o.dataFirst || !o.dataTagged || len(o.candidates) != 1 || o.bundle() != "1 0" {
		t.Errorf("offer is %+v", *o)
	}
}

// golden is our answer to an offer, with what is random left out.
func golden(o *offer) string {
	return answer{
		offer: o, ice: credentials{"UFRAG", "PASSWORD"}, fingerprint: "sha-256 AB:CD", ssrc: 4711, number: 1,
		candidates: ownCandidates([]netip.Addr{netip.MustParseAddr("203.0.113.5"), netip.MustParseAddr("2001:db8::5")}, 40000),
	}.sdp()
}

func TestAnswersToBrowsers(t *testing.T) {
	const frame = `v=0
o=- 1 1 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 0 1
a=msid-semantic: WMS *
m=audio 9 UDP/TLS/RTP/SAVPF %s
c=IN IP4 0.0.0.0
a=mid:0
a=ice-ufrag:UFRAG
a=ice-pwd:PASSWORD
a=fingerprint:sha-256 AB:CD
a=setup:active
a=sendrecv
a=rtcp-mux
%sa=ptime:20
a=msid:sidetone agent
a=ssrc:4711 cname:sidetone
a=candidate:1 1 udp 2130706431 203.0.113.5 40000 typ host
a=candidate:2 1 udp 2130706175 2001:db8::5 40000 typ host
a=candidate:3 1 tcp 2124414975 203.0.113.5 40000 typ host tcptype passive
a=candidate:4 1 tcp 2124414719 2001:db8::5 40000 typ host tcptype passive
a=end-of-candidates
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=mid:1
a=ice-ufrag:UFRAG
a=ice-pwd:PASSWORD
a=fingerprint:sha-256 AB:CD
a=setup:active
a=sctp-port:5000
a=max-message-size:8192
`
	const format = "minptime=10;useinbandfec=1;usedtx=0;maxplaybackrate=16000;sprop-maxcapturerate=16000;maxaveragebitrate=32000"
	for name, test := range map[string]struct{ offer, formats, maps string }{
		"Chromium": {chromium, "111 110 126", "a=rtpmap:111 opus/48000/2\na=fmtp:111 " + format +
			"\na=rtpmap:110 telephone-event/48000\na=fmtp:110 0-15\na=rtpmap:126 telephone-event/8000\na=fmtp:126 0-15\n"},
		"Firefox": {firefox, "109 101", "a=rtpmap:109 opus/48000/2\na=fmtp:109 " + format +
			"\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n"},
		"without Opus": {strings.Replace(chromium, "SAVPF 111 63", "SAVPF", 1), "0 126",
			"a=rtpmap:0 PCMU/8000\na=rtpmap:126 telephone-event/8000\na=fmtp:126 0-15\n"},
	} {
		t.Run(name, func(t *testing.T) {
			o, refusal := scanOffer([]byte(test.offer))
			if refusal != nil {
				t.Fatalf("refused: %+v", *refusal)
			}
			want := sdp(fmt.Sprintf(frame, test.formats, test.maps))
			if got := golden(o); got != want {
				t.Errorf("answer is\n%s\nwant\n%s", got, want)
			}
			if strings.Contains(want, "stereo") {
				t.Error("the answer speaks of stereo")
			}
		})
	}
}

// Pion takes the offers that we write, and its answer is the one that we give.
func TestPionAgrees(t *testing.T) {
	g := newGateway(t)
	for name, text := range map[string]string{
		"Chromium": chromium, "Firefox": firefox, "without Opus": strings.Replace(chromium, "SAVPF 111 63", "SAVPF", 1),
		"active": strings.ReplaceAll(chromium, "actpass", "active"), "no ssrc": without(chromium, "a=ssrc"),
	} {
		t.Run(name, func(t *testing.T) {
			o, refusal := scanOffer([]byte(text))
			if refusal != nil {
				t.Fatalf("refused: %+v", *refusal)
			}
			cert, err := g.identity.get()
			if err != nil {
				t.Fatal(err)
			}
			p, err := newPeer(o, g.port, cert, g.metrics)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			ours, err := p.negotiate(t.Context(), o.ice, g.pick(o.candidates))
			if err != nil {
				t.Fatal(err)
			}
			theirs := p.pc.LocalDescription().SDP
			mline := func(sdp string) string {
				_, rest, _ := strings.Cut(sdp, "m=audio ")
				line, _, _ := strings.Cut(rest, "\r\n")
				return line
			}
			if got, want := mline(golden(o)), mline(theirs); got != want {
				t.Errorf("our answer has m=audio %s, pion's %s", got, want)
			}
			for _, line := range []string{"a=setup:" + o.role(), "a=ice-ufrag:" + ours.ufrag, "a=sendrecv"} {
				if !strings.Contains(theirs, line+"\r\n") {
					t.Errorf("pion's answer has no %s:\n%s", line, theirs)
				}
			}
			if p.pc.SignalingState() != pion.SignalingStateStable {
				t.Errorf("pion is in state %v", p.pc.SignalingState())
			}
		})
	}
}

func FuzzScanOffer(f *testing.F) {
	f.Add([]byte(chromium))
	f.Add([]byte(firefox))
	for _, bad := range badOffers {
		if len(bad.offer) < 8<<10 {
			f.Add([]byte(bad.offer))
		}
	}
	s := Server{metrics: NewMetrics(nil)}
	f.Fuzz(func(t *testing.T, b []byte) {
		o, refusal := scanOffer(b)
		if refusal != nil {
			if refusal.Status != 400 && refusal.Status != 422 || refusal.Code == "" || refusal.Detail == "" {
				t.Errorf("refused with %+v", *refusal)
			}
			return
		}
		// What we write of it is an offer of the same content.
		again, refusal := scanOffer([]byte(o.sdp(o.ice, s.pick(o.candidates))))
		if refusal != nil {
			t.Fatalf("refused what we wrote: %+v", *refusal)
		}
		o.candidates, again.candidates = nil, nil
		if !reflect.DeepEqual(o, again) {
			t.Errorf("wrote %+v, read %+v", *o, *again)
		}
		for line := range strings.Lines(golden(o)) {
			if len(line) < 4 || line[1] != '=' || !strings.HasSuffix(line, "\r\n") || strings.ContainsAny(line[:len(line)-2], "\r\n\x00") {
				t.Errorf("line %q of our answer", line)
			}
		}
	})
}
