package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sidetone/configs"
	"sidetone/internal/app"
	"sidetone/internal/sim"
)

// tryOptions are the flags of try. The steps stand in the order of the flags.
type tryOptions struct {
	steps       []tryStep
	quiet       time.Duration
	hangupAfter time.Duration
	save        string
	voice       string
	carrier     sim.CarrierOptions
	web         tryWeb
	scenarios   tryScenarios
}

// tryStep is one --say, --wav, --dtmf, --wait, --type or --choose.
type tryStep struct{ kind, value string }

// waits reports whether the caller lets the agent finish first.
func (s tryStep) waits() bool { return s.kind != "time" && s.kind != "answer" }

// stepFlag appends to the steps, so that flags of several kinds keep their
// order.
type stepFlag struct {
	kind  string
	steps *[]tryStep
}

func (f stepFlag) String() string { return "" }
func (f stepFlag) Type() string   { return f.kind }
func (f stepFlag) Set(v string) error {
	*f.steps = append(*f.steps, tryStep{f.kind, v})
	return nil
}

// afterNotice is how much longer the first step waits: an announcement is
// followed by a pause in which the caller may hang up, and then by the agent.
const afterNotice = 1500 * time.Millisecond

// firstCall is what the caller does when no step is given: it answers the
// interview that ships. In the caller's voice these are understood wherever they
// fall, and have no comma to pause at; not every sentence is.
var firstCall = []tryStep{
	{"text", "Absolutely."}, {"text", "I would go for a nine."}, {"text", "The quality."},
	{"text", "I would like a longer warranty."}, {"text", "Not at the moment."},
}

func tryCommand(g *global) *cobra.Command {
	o := &tryOptions{}
	c := &cobra.Command{Use: "try", Short: "Place a call to the running gateway, as a simulated carrier with a caller, or as a browser",
		Long: "try calls the running gateway on the real wire: signed webhook, TwiML, media stream, playout, marks;\n" +
			"with --web: session token, SDP, ICE, DTLS, RTP, and the page's events.\n" +
			"The caller does each step after the agent has stopped speaking. Without steps it answers the interview that ships.\n" +
			"With --scenario a file says what the caller does, and what must come of it: docs/scenarios.md.",
		Example: "  sidetone try\n  sidetone try --say \"Yes.\" --wav answer.wav --dtmf 2 --save heard.wav\n  sidetone try --hangup-after 3s\n" +
			"  sidetone try --from +4930123456 --dtmf 1          # agrees by key where nothing less will do\n" +
			"  sidetone try --web --loss 5 --jitter 60ms --type \"Yes.\" --say \"An eight.\"\n" +
			"  sidetone try --web --choose agree --type \"Yes.\" --choose unrecorded --choose again --choose agree\n" +
			"  sidetone try --scenario configs/scenarios/interview.yaml",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.checkScenarios(cmd.Flags()); err != nil {
				return err
			}
			if len(o.scenarios.files) > 0 {
				return o.play(cmd.Context(), g)
			}
			if err := o.check(cmd.Flags().Changed); err != nil {
				return err
			}
			if o.web.on {
				return o.browse(cmd.Context(), g)
			}
			return try(cmd.Context(), g, o)
		}}
	f := c.Flags()
	f.Var(stepFlag{"text", &o.steps}, "say", "say a text with the built-in voice")
	f.Var(stepFlag{"file", &o.steps}, "wav", "say a WAV or MP3 file")
	f.Var(stepFlag{"keys", &o.steps}, "dtmf", "press keys")
	f.Var(stepFlag{"time", &o.steps}, "wait", "wait for a time, such as 2s; the next step does not wait for the agent")
	f.DurationVar(&o.quiet, "quiet", 900*time.Millisecond, "the agent has stopped when it is silent for so long; the first step waits 1.5s longer")
	f.DurationVar(&o.hangupAfter, "hangup-after", 0, "hang up after so long")
	f.StringVar(&o.save, "save", "", "write what the caller heard to this WAV file")
	f.StringVar(&o.voice, "voice", "slt", "the caller's voice")
	f.StringVar(&o.carrier.From, "from", "", "the caller's number")
	f.StringVar(&o.carrier.To, "to", "", "the number that is called")
	f.Float64Var(&o.carrier.SkewPPM, "skew-ppm", 0, "how much faster than real time the caller's clock runs, in parts per million")
	f.Float64Var(&o.carrier.EchoDB, "echo-db", 0, "level of the line's echo against what is played, such as -20; 0 is none")
	o.webFlags(c)
	o.scenarioFlags(c)
	return c
}

func try(ctx context.Context, g *global, o *tryOptions) error {
	config, err := g.load()
	if err != nil {
		return err
	}
	tokens, err := app.AuthTokens(config)
	if err != nil {
		return err
	}
	steps, err := o.script(ctx, config)
	if err != nil {
		return err
	}
	show := &display{json: g.json, began: time.Now()}
	follow, stop := context.WithCancel(ctx)
	defer stop()
	events, err := app.Follow(follow, config, "", show.gateway)
	if err != nil {
		return err
	}
	o.carrier.BaseURL, o.carrier.AuthToken, o.carrier.OnEvent = config.Server.PublicURL, tokens[0], show.carrier
	call, err := sim.NewCarrier(o.carrier).Dial(ctx)
	if err != nil {
		return err
	}
	show.begin(call.SID())
	report, err := sim.Script{Steps: steps, HangupAfter: o.hangupAfter}.Run(ctx, call)
	show.wait(3 * time.Second)
	stop()
	events()
	if o.save != "" && err == nil {
		err = report.SaveHeard(o.save)
	}
	show.summary(report, o.save)
	return err
}

// script turns the steps into what the caller does.
func (o *tryOptions) script(ctx context.Context, c *configs.Config) ([]sim.Step, error) {
	given := o.steps
	if len(given) == 0 && o.hangupAfter == 0 {
		given = firstCall
	}
	var texts []string
	for _, step := range given {
		if step.kind == "text" {
			texts = append(texts, step.value)
		}
	}
	speak := sim.SpeakAll
	if o.web.on {
		speak = sim.SpeakAllWide
	}
	spoken, err := speak(ctx, c.Speech.ModelsDir, o.voice, texts)
	if err != nil {
		return nil, err
	}
	var steps []sim.Step
	patient := true // the next step waits for the agent
	pause := afterNotice
	for _, s := range given {
		var step sim.Step
		if s.kind == "text" {
			step, spoken = sim.Say(spoken[0]), spoken[1:]
		} else if step, err = s.step(); err != nil {
			return nil, err
		}
		if patient && s.waits() {
			steps = append(steps, sim.AfterAgent(o.quiet+pause))
			pause = 0
		}
		patient = s.kind != "time"
		steps = append(steps, step)
	}
	return steps, nil
}

// step is what the caller does, but for speaking a text.
func (s tryStep) step() (sim.Step, error) {
	switch s.kind {
	case "file":
		return sim.SayFile(s.value)
	case "keys":
		return sim.Press(s.value), nil
	case "line":
		return sim.Type(s.value), nil
	case "choice":
		return sim.Choose(sim.Choice(s.value)), nil
	case "answer":
		return sim.Answer(sim.Choice(s.value)), nil
	}
	d, err := time.ParseDuration(s.value)
	if err != nil {
		return nil, fmt.Errorf("--wait %s: %w", s.value, err)
	}
	return sim.Pause(d), nil
}

// say prints one line of the conversation.
func say(at float64, who, text string) {
	fmt.Fprintf(os.Stdout, "%7.2f  %-8s %s\n", at, who, strings.TrimSpace(text))
}
