package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sidetone/configs"
	"sidetone/seal"
)

// keyGateway is the part of a gateway that has the keys.
type keyGateway struct {
	*App
	mu  sync.Mutex
	log bytes.Buffer
}

func (g *keyGateway) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.log.Write(b)
}

// logged returns what was logged since the last call.
func (g *keyGateway) logged() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	text := g.log.String()
	g.log.Reset()
	return text
}

func openKeyGateway(t *testing.T, dir string, escrow ...string) (*keyGateway, error) {
	t.Helper()
	config := configs.Default()
	config.Keys.Dir, config.Keys.EscrowRecipients = dir, escrow
	g := &keyGateway{App: &App{config: config, registry: prometheus.NewRegistry()}}
	g.App.log = slog.New(slog.NewTextHandler(g, nil))
	g.ctx, g.cancel = context.WithCancel(context.Background())
	t.Cleanup(func() {
		if err := g.closeAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return g, g.openKeys(t.Context(), Options{})
}

// gauge returns the value of a gauge.
func (g *keyGateway) gauge(t *testing.T, name string) float64 {
	t.Helper()
	families, err := g.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("no metric ", name)
	return 0
}

func newRecipient(t *testing.T) (seal.Identity, string) {
	t.Helper()
	id, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id, id.Recipient().String()
}

const (
	warnHere     = "the operator's key lies on this machine's disk"
	warnOne      = "one key alone opens the recordings"
	warnUnproved = "has never shown that they can decrypt"
	warnOld      = "has not shown for long that they can decrypt"
)

// TestKeysAreWarnedOf at each start, and in the metrics.
func TestKeysAreWarnedOf(t *testing.T) {
	elsewhere := func(t *testing.T, dir string) { // two who hold the key elsewhere
		a, _ := newRecipient(t)
		b, _ := newRecipient(t)
		if err := seal.Prove(dir, a, b); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.InitKeyring(dir, seal.Plan{Recipients: []seal.Recipient{a.Recipient(), b.Recipient()}}); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		prepare    func(t *testing.T, dir string)
		age        time.Duration // of the keys
		want       []string
		recipients float64
		here       float64
	}{
		"built in":         {func(*testing.T, string) {}, 0, []string{warnHere, warnOne}, 1, 1},
		"two elsewhere":    {elsewhere, 0, nil, 2, 0},
		"and after a year": {elsewhere, 365 * 24 * time.Hour, []string{warnOld}, 2, 0},
		"never proved": {func(t *testing.T, dir string) {
			elsewhere(t, dir)
			if err := os.Remove(filepath.Join(dir, "proofs.json")); err != nil {
				t.Fatal(err)
			}
		}, 0, []string{warnUnproved}, 2, 0},
		"here for a year": {func(t *testing.T, dir string) {
			if _, err := seal.InitKeyring(dir, seal.Plan{Here: true}); err != nil {
				t.Fatal(err)
			}
		}, 365 * 24 * time.Hour, []string{warnHere, warnOne}, 1, 1}, // it proves its own key
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, begun := filepath.Join(t.TempDir(), "keys"), time.Now()
				test.prepare(t, dir)
				time.Sleep(test.age)
				g, err := openKeyGateway(t, dir)
				if err != nil {
					t.Fatal(err)
				}
				log := g.logged()
				if n := strings.Count(log, "level=WARN"); n != len(test.want) {
					t.Errorf("%d warnings: %s", n, log)
				}
				for _, want := range test.want {
					if !strings.Contains(log, want) {
						t.Errorf("no warning that %s: %s", want, log)
					}
				}
				proved := float64(begun.Unix())
				if test.here > 0 {
					proved = float64(time.Now().Unix())
				}
				if name == "never proved" {
					proved = 0
				}
				for metric, want := range map[string]float64{"sidetone_key_epoch": 1, "sidetone_key_recipients": test.recipients,
					"sidetone_key_private_here": test.here, "sidetone_key_proved_timestamp_seconds": proved} {
					if got := g.gauge(t, metric); got != want {
						t.Errorf("%s is %v, want %v", metric, got, want)
					}
				}
			})
		})
	}
}

// TestUnprovedEscrow: nobody takes part whose key has not been shown to open.
func TestUnprovedEscrow(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	id, text := newRecipient(t)
	if _, err := openKeyGateway(t, dir, text); !errors.Is(err, seal.ErrUnproved) || !strings.Contains(err.Error(), "sidetone keys challenge") {
		t.Errorf("unproved: %v", err)
	}
	if err := seal.Prove(dir, id); err != nil {
		t.Fatal(err)
	}
	g, err := openKeyGateway(t, dir, text)
	if err != nil || len(g.keys.Current().Recipients) != 2 {
		t.Errorf("proved: %v", err)
	}
}

// TestGatewayTakesUpRotation: while it runs, and without a moment in which no
// take could begin.
func TestGatewayTakesUpRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "keys")
		g, err := openKeyGateway(t, dir)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		command, err := seal.LoadKeyring(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := command.Rotate(seal.Plan{Here: true}); err != nil {
			t.Fatal(err)
		}
		g.logged()
		last := ""
		for range 120 {
			keys, err := g.pool.Take()
			if err != nil {
				t.Fatal(err)
			}
			last = keys.Epoch
			time.Sleep(100 * time.Millisecond)
		}
		if last != "epoch-2" || g.gauge(t, "sidetone_key_epoch") != 2 || !strings.Contains(g.logged(), "epoch=epoch-2") {
			t.Errorf("after 12 s takes are wrapped to %s, and the metric says %v", last, g.gauge(t, "sidetone_key_epoch"))
		}
		if err := os.WriteFile(filepath.Join(dir, "epochs.json"), []byte("["), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if n := strings.Count(g.logged(), "level=ERROR"); n != 1 {
			t.Errorf("a damaged list is told %d times", n)
		}
		if keys, err := g.pool.Take(); err != nil || keys.Epoch != "epoch-2" {
			t.Errorf("with a damaged list: keys of %q, %v", keys.Epoch, err)
		}
		time.Sleep(25 * time.Hour)
		if age := float64(time.Now().Unix()) - g.gauge(t, "sidetone_key_proved_timestamp_seconds"); age > 86400 {
			t.Errorf("its own key was proved %v s ago", age)
		}
	})
}
