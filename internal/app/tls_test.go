package app_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"sidetone/internal/sim"
)

// TestCallOverTLS places a call to a gateway that ends TLS itself.
func TestCallOverTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
		"-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", keyFile, "-out", certFile).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	g := start(t, configure(t, "SIDETONE_SERVER_TLS_CERT_FILE="+certFile, "SIDETONE_SERVER_TLS_KEY_FILE="+keyFile))
	pem, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	c, err := g.carrier(t, sim.CarrierOptions{TLS: &tls.Config{RootCAs: roots}}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	report, err := sim.Script{HangupAfter: 2 * time.Second}.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Streams) != 1 || report.Pacing.Frames == 0 {
		t.Errorf("%d streams with %d frames, want the notice over wss", len(report.Streams), report.Pacing.Frames)
	}
}

func TestOnlyTheProxyIsLetIn(t *testing.T) {
	for proxy, want := range map[string]int{"127.0.0.0/8": http.StatusForbidden, "192.0.2.1": http.StatusForbidden} {
		g := start(t, configure(t, "SIDETONE_SERVER_TRUSTED_PROXIES="+proxy))
		answer, err := http.PostForm("http://"+g.PublicAddr().String()+"/twilio/voice", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		_, scrape := g.get(t, "/metrics")
		reached := containsLine(scrape, `sidetone_twilio_webhook_rejections_total{reason="signature"} 1`)
		if answer.StatusCode != want || reached != (proxy == "127.0.0.0/8") {
			t.Errorf("behind %s: %d, and the webhook was reached: %v", proxy, answer.StatusCode, reached)
		}
	}
}
