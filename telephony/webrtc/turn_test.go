package webrtc

import (
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	pion "github.com/pion/webrtc/v4"
)

func TestLinks(t *testing.T) {
	h := make(http.Header)
	server := TURN{URLs: []string{"turn:turn.example.com:3478?transport=udp", "turns:turn.example.com:5349?transport=tcp"}, Secret: "north", TTL: time.Hour}
	server.links(h, "session", time.Unix(1795258800, 0))
	want := []string{
		`<turn:turn.example.com:3478?transport=udp>; rel="ice-server"; username="1795262400:session"; credential="PASSWORD"; credential-type="password"`,
		`<turns:turn.example.com:5349?transport=tcp>; rel="ice-server"; username="1795262400:session"; credential="PASSWORD"; credential-type="password"`,
	}
	got := h.Values("Link")
	for i := range want {
		if w := strings.Replace(want[i], "PASSWORD", opensslPassword, 1); len(got) != len(want) || got[i] != w {
			t.Errorf("links %q, want %q", got, w)
		}
	}
}

// opensslPassword is: printf 1795262400:session | openssl dgst -sha1 -hmac north -binary | base64
const opensslPassword = "JHD4uy24ak6jSA04btAT9pWwf7Q="

// freeAddress is one of UDP at which nothing listens, and which the kernel gives
// to nobody else.
func freeAddress(t *testing.T) string {
	t.Helper()
	for {
		c, err := net.ListenPacket("udp", "127.0.0.1:"+strconv.Itoa(20000+rand.IntN(10000)))
		if err != nil {
			continue
		}
		defer c.Close()
		return c.LocalAddr().String()
	}
}

// relay starts Debian's coturn and returns its URL. It refuses who has not
// credentials by the secret.
func relay(t *testing.T, secret string) string {
	t.Helper()
	path, err := exec.LookPath("turnserver")
	if err != nil {
		t.Fatalf("coturn is needed: %v", err)
	}
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), path, "-n", "--no-tcp", "--no-tls", "--no-dtls", "--no-cli", "--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1",
		"--listening-port", port, "--allow-loopback-peers", "--use-auth-secret", "--static-auth-secret", secret, "--realm", "example.com",
		"--userdb", filepath.Join(dir, "db"), "--pidfile", filepath.Join(dir, "pid"), "--log-file", "stdout", "--simple-log")
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	c, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	eventually(t, "coturn to start", func() bool {
		_, _ = c.Write(stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw)
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		_, err := c.Read(make([]byte, 1500))
		return err == nil
	})
	return "turn:" + address + "?transport=udp"
}

var linkForm = regexp.MustCompile(`^<(.*)>; rel="ice-server"; username="(.*)"; credential="(.*)"; credential-type="password"$`)

// A browser behind a firewall gets its call through the relay that we tell it of.
func TestCallThroughTURN(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(o *Options) {
		o.TURN = TURN{URLs: []string{relay(t, "north")}, Secret: "north", TTL: time.Minute}
	})
	r := g.do(request{method: "OPTIONS", path: SessionsPath, origin: shop, token: g.token()})
	link := linkForm.FindStringSubmatch(r.Header.Get("Link"))
	if link == nil {
		t.Fatalf("Link is %q", r.Header.Get("Link"))
	}
	expires, session, _ := strings.Cut(link[2], ":")
	if n, err := strconv.ParseInt(expires, 10, 64); err != nil || time.Until(time.Unix(n, 0)) > time.Minute || session == "" {
		t.Errorf("user name is %q", link[2])
	}
	b := newBrowser(g, habits{config: pion.Configuration{
		ICETransportPolicy: pion.ICETransportPolicyRelay,
		ICEServers:         []pion.ICEServer{{URLs: []string{link[1]}, Username: link[2], Credential: link[3]}},
	}})
	l := b.dial()
	b.say(440)
	hears(t, l, 440)
	speak(t, l, 700)
	b.listen(700, 440)
	pair, err := b.sender.Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || pair.Local.Typ != pion.ICECandidateTypeRelay {
		t.Errorf("the pair is %v, %v", pair, err)
	}
}
