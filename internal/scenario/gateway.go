package scenario

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"sidetone/configs"
	"sidetone/internal/app"
)

// Gateway is where scenarios are played: one that runs, or one of their own.
type Gateway struct {
	config *configs.Config // how it is reached
	voices *voices
	ears   *ears
	ends   []func() error // in the order of opening

	mu     sync.Mutex
	events []app.Event
	news   chan struct{} // closed when there is one more
}

// Running joins the gateway that runs with a configuration.
func Running(ctx context.Context, c *configs.Config) (*Gateway, error) {
	g := &Gateway{config: c, news: make(chan struct{})}
	return g, g.open(ctx)
}

// Start starts a gateway in this process, for scenarios that bring their agents: with
// the engines and the policy of a configuration and nothing else of it, in a folder
// that Close removes. There can be one such gateway at a time. log may be nil.
func Start(ctx context.Context, c *configs.Config, log *slog.Logger, scenarios ...*Scenario) (*Gateway, error) {
	g := &Gateway{news: make(chan struct{})}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	err := g.start(ctx, c, log, scenarios)
	if err == nil {
		err = g.open(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// start starts the gateway.
func (g *Gateway) start(ctx context.Context, c *configs.Config, log *slog.Logger, scenarios []*Scenario) error {
	data, err := os.MkdirTemp("", "sidetone-scenario-")
	if err != nil {
		return err
	}
	g.onClose(func() error { return os.RemoveAll(data) })
	if err := shareRendered(c.DataDir, data); err != nil {
		return err
	}
	own, _, err := configs.Load("", []string{
		"SIDETONE_DATA_DIR=" + data, "SIDETONE_SERVER_LISTEN=127.0.0.1:0", "SIDETONE_SERVER_ADMIN_LISTEN=127.0.0.1:0",
		"SIDETONE_TELEPHONY_WEBRTC_LISTEN=127.0.0.1:0",
	})
	if err != nil {
		return err
	}
	own.Consent.Jurisdictions, own.Speech, own.LLM = c.Consent.Jurisdictions, c.Speech, c.LLM
	own.Web.CallsPerAddress = own.Limits.Calls
	if err := answerWith(own, scenarios); err != nil {
		return err
	}
	if err := g.serveModel(own, scenarios); err != nil {
		return err
	}
	objects, err := app.StartObjects(ctx, own, prometheus.NewRegistry())
	if err != nil {
		return err
	}
	g.onClose(objects.Close)
	gateway, err := app.New(ctx, own, app.Options{Version: "scenario", Commit: "scenario", Objects: objects.S3, Log: log})
	if err != nil {
		return err
	}
	gateway.Start()
	g.onClose(func() error { return gateway.Stop(context.WithoutCancel(ctx)) })
	own.Server.PublicURL, own.Server.AdminListen = gateway.PublicURL(), gateway.OperatorAddr().String()
	g.config = own
	return nil
}

// shareRendered lets a gateway of our own use, and add to, the sound of sentences that
// the gateway of a configuration has made: to make it anew takes many seconds.
func shareRendered(theirs, ours string) error {
	made, err := filepath.Abs(filepath.Join(theirs, "messages", "rendered"))
	if err != nil {
		return err
	}
	if _, err := os.Stat(made); err != nil {
		return nil // there is none yet
	}
	messages := filepath.Join(ours, "messages")
	return errors.Join(os.MkdirAll(messages, 0o700), os.Symlink(made, filepath.Join(messages, "rendered")))
}

// answerWith has the agents of scenarios answer, each at a number.
func answerWith(c *configs.Config, scenarios []*Scenario) error {
	if len(scenarios) == 0 {
		return errors.New("scenario: there is none")
	}
	c.Agents.Dir, c.Agents.Default, c.Agents.Numbers = scenarios[0].Folder(), "", map[string]string{}
	for _, s := range scenarios {
		if s.Folder() != c.Agents.Dir {
			return fmt.Errorf("scenario: %s has other agents than %s: play them one by one", s.File, scenarios[0].File)
		}
	}
	files, err := filepath.Glob(filepath.Join(c.Agents.Dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("scenario: %s: there is no agent in %s", scenarios[0].File, c.Agents.Dir)
	}
	for i, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		c.Agents.Numbers[fmt.Sprintf("+1212555%04d", 101+i)] = name
		if c.Agents.Default == "" {
			c.Agents.Default = name
		}
	}
	return nil
}

// Folder is where the agents that a scenario brings are.
func (s *Scenario) Folder() string {
	if filepath.IsAbs(s.Agents) {
		return s.Agents
	}
	return filepath.Join(filepath.Dir(s.File), s.Agents)
}

// open opens what calls need: events, voices, ears.
func (g *Gateway) open(ctx context.Context) error {
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	wait, err := app.Follow(following, g.config, "", g.take)
	if err != nil {
		stop()
		return err
	}
	g.onClose(func() error { stop(); wait(); return nil })
	g.voices = newVoices(g.config.Speech.ModelsDir)
	g.onClose(g.voices.close)
	g.ears = newEars(g.config.Speech.ModelsDir)
	g.onClose(g.ears.close)
	return g.ears.engine.Load()
}

func (g *Gateway) onClose(f func() error) { g.ends = append(g.ends, f) }

// Close ends what was opened. No call may be under way.
func (g *Gateway) Close() (err error) {
	for _, end := range slices.Backward(g.ends) {
		err = errors.Join(err, end())
	}
	g.ends = nil
	return err
}

// take takes an event.
func (g *Gateway) take(e app.Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = append(g.events, e)
	close(g.news)
	g.news = make(chan struct{})
}

// eventsOf are the events of a call, by the carrier's id of it, and a channel that is
// closed when there are more.
func (g *Gateway) eventsOf(id string) (all []app.Event, more <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.events {
		if id != "" && (e.CarrierID == id || e.Call == id) {
			all = append(all, e)
		}
	}
	return all, g.news
}

// numberOf is a number at which an agent answers; empty: any that is none of others.
func (g *Gateway) numberOf(agent string) (string, error) {
	numbers := g.config.Agents.Numbers
	for _, number := range slices.Sorted(maps.Keys(numbers)) {
		if numbers[number] == agent {
			return number, nil
		}
	}
	if agent == "" || agent == g.config.Agents.Default {
		return "", nil
	}
	return "", fmt.Errorf("scenario: no number of agents.numbers leads to the agent %q; name one by caller.to", agent)
}
