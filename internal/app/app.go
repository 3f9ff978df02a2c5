// Package app wires the gateway: what configs.Config says becomes listeners,
// stores, engines, agents and calls. It is straight-line code on purpose: each
// part is opened in New beside the registration of its end.
//
// It decides nothing about a call, a recording or consent. Its goroutines are
// those that Start starts; Stop waits for all of them.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"sidetone/call"
	"sidetone/configs"
	"sidetone/dialog/llm"
	"sidetone/dialog/tts"
	"sidetone/internal/breaker"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
	"sidetone/telephony/twilio"
	"sidetone/telephony/webrtc"
)

// Options is what an App needs beside its configuration.
type Options struct {
	Version string
	Commit  string
	Objects store.S3Options // the object store; the built-in one is started by the caller
	Speech  *Speech         // nil: the built-in engines
	// Registry gets the metrics; nil makes one. Those of Objects, where it has
	// any, are registered there already.
	Registry *prometheus.Registry
	Log      *slog.Logger
	// HookWait is how long webhooks wait after an attempt that failed, counted from
	// 1; nil: as documented.
	HookWait func(attempt int) time.Duration
	// Now is the clock by which what is kept for a time expires; nil: time.Now.
	Now func() time.Time
}

// App is a gateway.
type App struct {
	config        *configs.Config
	log           *slog.Logger
	registry      *prometheus.Registry
	calls         *call.Registry
	metrics       *call.Metrics
	breakers      *breaker.Metrics
	events        *hub
	db            *store.DB
	ledger        *store.Ledger
	objects       *store.Objects
	storage       *storage
	keys          *seal.Keyring
	pool          *seal.Pool
	spool         *recorder.Spool
	recordings    *recorder.Metrics
	readers       *readers
	accesses      *accesses
	links         links
	eraser        *eraser
	replay        *replay
	fences        fences
	bills         bills
	settling      sync.Mutex // of recordings: what is decided of two takes of a call is decided in turn
	settled       *prometheus.CounterVec
	retention     retention // for how long what calls leave is kept
	sweeps        *sweeps
	trust         *trust
	speech        *Speech
	recognition   *recognition                // nil with engines that were given, or none
	voices        map[string]voice            // opened, by the name that was asked for
	mute          error                       // why the vendor of voices did not render a message; nil: it did
	ttsMetrics    *tts.Metrics                // nil with engines that were given
	voiceBreakers map[string]*breaker.Breaker // by the name of the engine
	models        *llm.Engines                // nil: no language model is configured
	tools         *toolRunner                 // nil: no secret to sign with is configured
	agents        map[string]*agent
	twilio        *twilio.Server
	webrtc        *webrtc.Server
	caps          *caps // of callers from web pages
	hooks         *hooks
	policy        policies
	failing       atomic.Bool // the ledger can not be written
	node          string      // whose calls are ours, where several gateways share a database

	public, operator     *http.Server
	publicAt, operatorAt net.Listener

	ctx    context.Context // of everything that runs in the background
	cancel context.CancelFunc
	wg     sync.WaitGroup
	ends   []end // in the order of opening
	once   sync.Once
	stop   error
}

// end is the end of one part, registered where the part is opened.
type end struct {
	name string
	do   func(context.Context) error
}

// New opens all parts and binds the listeners. What it opened is closed again
// when it fails.
func New(ctx context.Context, config *configs.Config, o Options) (*App, error) {
	a := &App{config: config, log: o.Log, registry: o.Registry, events: newHub(),
		calls: call.NewRegistry(config.Limits.Calls)}
	if a.registry == nil {
		a.registry = prometheus.NewRegistry()
	}
	a.ctx, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := a.open(ctx, o); err != nil {
		a.cancel()
		return nil, errors.Join(err, a.closeAll(context.WithoutCancel(ctx)))
	}
	return a, nil
}

// onStop registers the end of a part; parts end in reverse order.
func (a *App) onStop(name string, do func(context.Context) error) {
	a.ends = append(a.ends, end{name, do})
}

// open is the wiring, in the order in which the parts need each other.
func (a *App) open(ctx context.Context, o Options) error {
	for _, open := range []func(context.Context, Options) error{
		a.openSockets, a.openMetrics, a.openStores, a.openKeys, a.openTrust, a.openReaders, a.openRetention, a.openHooks, a.openRecorder, a.openSweeps, a.openPolicy, a.openSpeech, a.openChat, a.openTools, a.openAgents,
		a.openChecks, a.openPhone, a.openWeb, a.openRoutes,
	} {
		if err := open(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) openMetrics(_ context.Context, o Options) error {
	a.metrics = call.NewMetrics(a.registry)
	a.breakers = breaker.NewMetrics(a.registry)
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "sidetone_build_info", Help: "The version that runs; always 1.",
		ConstLabels: prometheus.Labels{"version": o.Version, "commit": o.Commit}})
	info.Set(1)
	a.registry.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return nil
}

func (a *App) openStores(ctx context.Context, o Options) (err error) {
	dir := filepath.Join(a.config.DataDir, "db")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("app: data directory: %w", err)
	}
	metrics := o.Objects.Metrics
	if metrics == nil {
		metrics = store.NewMetrics(a.registry)
		o.Objects.Metrics = metrics
	}
	if a.db, err = store.OpenDB(ctx, databaseAt(a.config)); err != nil {
		return err
	}
	a.onStop("database", func(context.Context) error { return a.db.Close() })
	node, err := seal.OpenNode(NodeDir(a.config))
	if err != nil {
		return err
	}
	a.node = nodeName(node.PublicKey())
	if a.ledger, err = store.OpenLedger(ctx, ledgerAt(a.config), store.LedgerOptions{
		Sign: node.Sign, Key: node.PublicKey(), Ballast: store.DefaultBallast, Failing: a.ledgerFailing, Metrics: metrics, Log: a.log,
	}); err != nil {
		return err
	}
	a.onStop("ledger", func(context.Context) error { return a.ledger.Close() })
	if a.objects, err = store.OpenS3(ctx, o.Objects); err != nil {
		return err
	}
	return a.openStorage(ctx)
}

// NodeDir is where this node's own keys lie.
func NodeDir(c *configs.Config) string { return filepath.Join(c.DataDir, "node") }

// background runs a part until the app has stopped everything that needs it.
func (a *App) background(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(a.ctx)
	done := make(chan struct{})
	a.wg.Go(func() {
		defer close(done)
		if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			a.log.Error("part failed", "part", name, "err", err)
		}
	})
	a.onStop(name, func(context.Context) error {
		cancel()
		<-done
		return nil
	})
}

// Run serves until ctx ends, then drains. A second end, of hurry, skips the
// waits.
func (a *App) Run(ctx, hurry context.Context) error {
	failed := a.Start()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	return errors.Join(err, a.Stop(hurry))
}

// Start serves both listeners. The channel gets the error of a listener that
// fails.
func (a *App) Start() <-chan error {
	failed := make(chan error, 2)
	serve := func(s *http.Server, at net.Listener) {
		if err := s.Serve(at); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			failed <- err
		}
	}
	a.wg.Go(func() { serve(a.public, a.publicAt) })
	a.wg.Go(func() { serve(a.operator, a.operatorAt) })
	return failed
}

// PublicAddr is where the public listener is bound.
func (a *App) PublicAddr() net.Addr { return a.publicAt.Addr() }

// OperatorAddr is where the operator's listener is bound.
func (a *App) OperatorAddr() net.Addr { return a.operatorAt.Addr() }

// Stop drains: new calls are refused at once, live calls may finish, then say
// goodbye; uploads end, metrics last. The end of hurry skips the waits.
// Idempotent.
func (a *App) Stop(hurry context.Context) error {
	a.once.Do(func() { a.stop = a.drain(hurry) })
	return a.stop
}

// ErrUnclean says that calls had to be cut or uploads are left for the next
// start.
var ErrUnclean = errors.New("app: unclean drain")

// goodbyeWithin bounds the spoken goodbyes at the end of a drain.
const goodbyeWithin = 15 * time.Second

func (a *App) drain(hurry context.Context) error {
	a.calls.Close()
	a.log.Info("draining", "calls", a.calls.Live(), "within", a.config.Server.Drain.String())
	unclean := false
	if !a.wait(hurry, time.Duration(a.config.Server.Drain)) {
		unclean = true
		a.calls.Goodbye()
		a.wait(hurry, goodbyeWithin)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), time.Duration(a.config.Server.DrainUpload))
	defer cancel()
	stop := context.AfterFunc(hurry, cancel)
	defer stop()
	err := a.closeAll(ctx)
	err = errors.Join(err, closed(a.operator.Shutdown(ctx))) // its socket may be closed before Serve has seen that
	a.cancel()
	a.wg.Wait()
	if unclean {
		err = errors.Join(err, ErrUnclean)
	}
	return err
}

// wait waits for the live calls, and reports whether all have ended.
func (a *App) wait(hurry context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	progress := time.NewTicker(5 * time.Second)
	defer progress.Stop()
	for {
		select {
		case <-a.calls.Drained():
			return true
		case <-progress.C:
			a.log.Info("draining", "calls", a.calls.Live())
		case <-timer.C:
			return false
		case <-hurry.Done():
			return a.calls.Live() == 0
		}
	}
}

// closeAll ends all parts, the last opened first.
func (a *App) closeAll(ctx context.Context) (err error) {
	for i := len(a.ends) - 1; i >= 0; i-- {
		if e := a.ends[i].do(ctx); e != nil {
			err = errors.Join(err, fmt.Errorf("stop %s: %w", a.ends[i].name, e))
		}
	}
	a.ends = nil
	return err
}
