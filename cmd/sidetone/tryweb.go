package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
	"sidetone/internal/sim"
)

// tryWeb are the flags of try --web.
type tryWeb struct {
	on            bool
	agent         string
	codec         string
	answer        sim.Choice // to the question of consent
	loss, reorder float64    // in percent
	jitter        time.Duration
	tcp           bool
}

// The flags that only one kind of caller has.
var (
	onlyWeb   = []string{"agent", "type", "choose", "codec", "loss", "jitter", "reorder", "tcp"}
	onlyPhone = []string{"from", "to", "echo-db"}
)

func (o *tryOptions) webFlags(c *cobra.Command) {
	f, w := c.Flags(), &o.web
	f.BoolVar(&w.on, "web", false, "call as a browser does, from a web page")
	f.StringVar(&w.agent, "agent", "", "web: the agent to call; agents.default if empty")
	f.Var(stepFlag{"line", &o.steps}, "type", "web: type a line")
	f.Var(stepFlag{"choice", &o.steps}, "choose", "web: the first answers the question of consent, by agree (the default) or unrecorded; "+
		"later ones are unrecorded, delete or again, once they are offered, and after again agree or unrecorded")
	f.StringVar(&w.codec, "codec", "opus", "web: opus or pcmu")
	f.Float64Var(&w.loss, "loss", 0, "web: percent of the packets lost, each way")
	f.DurationVar(&w.jitter, "jitter", 0, "web: packets are delayed by up to so long, each way")
	f.Float64Var(&w.reorder, "reorder", 0, "web: percent of the packets that are overtaken, each way")
	f.BoolVar(&w.tcp, "tcp", false, "web: connect by TCP")
}

// check refuses flags of the other kind of caller, and values that are none.
func (o *tryOptions) check(changed func(string) bool) error {
	others, kind := onlyWeb, "goes with --web only"
	if o.web.on {
		others, kind = onlyPhone, "does not go with --web"
	}
	for _, name := range others {
		if changed(name) {
			return fmt.Errorf("--%s %s", name, kind)
		}
	}
	w := &o.web
	switch {
	case w.codec != string(sim.Opus) && w.codec != string(sim.PCMU):
		return fmt.Errorf("--codec %s: opus or pcmu", w.codec)
	case w.loss < 0 || w.loss > 100 || w.reorder < 0 || w.reorder > 100 || w.jitter < 0:
		return fmt.Errorf("--loss and --reorder are percent, and --jitter is not negative")
	case w.tcp && w.bad():
		return fmt.Errorf("--tcp does not go with --loss, --jitter and --reorder")
	}
	return o.choices()
}

// choices takes the answer to the question of consent out of the steps, wherever
// it stands, and tells the answers to later questions from other choices.
func (o *tryOptions) choices() error {
	o.web.answer = sim.Agree
	var steps []tryStep
	asked, first := true, true
	for _, s := range o.steps {
		if s.kind != "choice" {
			steps = append(steps, s)
			continue
		}
		choice := sim.Choice(s.value)
		switch answers := choice == sim.Agree || choice == sim.Unrecorded; {
		case asked && !answers:
			return fmt.Errorf("--choose %s: the question is answered by agree or unrecorded", choice)
		case asked && first:
			o.web.answer = choice
		case asked:
			steps = append(steps, tryStep{"answer", s.value})
		case choice == sim.Unrecorded || choice == sim.Delete || choice == sim.Again:
			steps = append(steps, s)
		default:
			return fmt.Errorf("--choose %s: after the answer there are unrecorded, delete and again", choice)
		}
		asked, first = choice == sim.Again, false
	}
	o.steps = steps
	return nil
}

// bad reports whether the network is to be a bad one.
func (w *tryWeb) bad() bool { return w.loss > 0 || w.reorder > 0 || w.jitter > 0 }

// browser makes the options of the simulated browser.
func (o *tryOptions) browser(t app.Token, agent string, show *webDisplay) sim.BrowserOptions {
	w := &o.web
	b := sim.BrowserOptions{
		BaseURL: t.Gateway, Token: t.Token, Agent: agent, Codec: sim.Codec(w.codec), TCPOnly: w.tcp, SkewPPM: o.carrier.SkewPPM,
		OnEvent: show.event, OnMessage: show.message,
	}
	if w.bad() {
		path := sim.Path{Loss: w.loss / 100, Jitter: w.jitter, Reorder: w.reorder / 100}
		b.Relay = &sim.RelayOptions{Up: path, Down: path, Seed: uint64(time.Now().UnixNano())}
	}
	return b
}

// browse is try --web.
func (o *tryOptions) browse(ctx context.Context, g *global) error {
	config, err := g.load()
	if err != nil {
		return err
	}
	steps, err := o.script(ctx, config)
	if err != nil {
		return err
	}
	agent := cmp.Or(o.web.agent, config.Agents.Default)
	token, err := app.MintToken(ctx, config, agent)
	if err != nil {
		return err
	}
	show := &webDisplay{json: g.json}
	call, err := sim.NewBrowser(o.browser(token, agent, show)).Dial(ctx)
	if err != nil {
		return err
	}
	steps = append([]sim.Step{sim.Answer(o.web.answer)}, steps...)
	report, err := sim.Script{Steps: steps, HangupAfter: o.hangupAfter}.RunWeb(ctx, call)
	if o.save != "" && err == nil {
		err = report.SaveHeard(o.save)
	}
	show.summary(report, o.save)
	return err
}
