package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sidetone/internal/scenario"
)

// tryScenarios are the flags of try --scenario.
type tryScenarios struct {
	files    []string
	parallel int
	running  bool
}

// withScenario are the flags that go with --scenario.
var withScenario = []string{"scenario", "parallel", "running", "web", "json", "config"}

func (o *tryOptions) scenarioFlags(c *cobra.Command) {
	f, s := c.Flags(), &o.scenarios
	f.StringArrayVar(&s.files, "scenario", nil, "play the caller of a scenario's file on both legs, with --web on the web alone, and check what comes of it; may be given more than once")
	f.IntVar(&s.parallel, "parallel", 1, "scenario: so many calls at once")
	f.BoolVar(&s.running, "running", false, "scenario: call the running gateway even if the scenario brings its agents")
}

// checkScenarios refuses flags that say what a scenario's file says.
func (o *tryOptions) checkScenarios(flags *pflag.FlagSet) error {
	var err error
	flags.Visit(func(f *pflag.Flag) {
		if len(o.scenarios.files) > 0 && !slices.Contains(withScenario, f.Name) {
			err = errors.Join(err, fmt.Errorf("--%s does not go with --scenario: its file says what the caller does", f.Name))
		}
	})
	if len(o.scenarios.files) == 0 && (flags.Changed("parallel") || flags.Changed("running")) {
		err = errors.New("--parallel and --running go with --scenario only")
	}
	if o.scenarios.parallel < 1 {
		err = errors.Join(err, errors.New("--parallel must be at least 1"))
	}
	return err
}

// play is try --scenario: first those of the running gateway, then those that bring
// their agents, which a gateway of their own answers for.
func (o *tryOptions) play(ctx context.Context, g *global) error {
	config, err := g.load()
	if err != nil {
		return err
	}
	var running []*scenario.Scenario
	var folders [][]*scenario.Scenario // of scenarios whose agents are in one folder
	for _, file := range o.scenarios.files {
		s, err := scenario.Load(file)
		if err != nil {
			return err
		}
		if s.Agents == "" || o.scenarios.running {
			running = append(running, s)
			continue
		}
		at := slices.IndexFunc(folders, func(f []*scenario.Scenario) bool { return f[0].Folder() == s.Folder() })
		if at < 0 {
			at, folders = len(folders), append(folders, nil)
		}
		folders[at] = append(folders[at], s)
	}
	var reports []*scenario.Report
	if len(running) > 0 {
		gateway, err := scenario.Running(ctx, config)
		if reports, err = o.playOn(ctx, g, gateway, err, running, reports); err != nil {
			return err
		}
	}
	for _, folder := range folders {
		gateway, err := scenario.Start(ctx, config, nil, folder...)
		if reports, err = o.playOn(ctx, g, gateway, err, folder, reports); err != nil {
			return err
		}
	}
	return sum(g, reports)
}

// sum prints the reports as JSON, if that is wanted, and fails when a scenario has.
func sum(g *global, reports []*scenario.Report) error {
	if g.json {
		if err := printJSON(reports); err != nil {
			return err
		}
	}
	failed := 0
	for _, r := range reports {
		if !r.Passed {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d calls were not as expected", failed, len(reports))
	}
	return nil
}

// playOn plays scenarios on a gateway that was opened, if it was, and closes it.
func (o *tryOptions) playOn(ctx context.Context, g *global, gateway *scenario.Gateway, err error, all []*scenario.Scenario, reports []*scenario.Report) ([]*scenario.Report, error) {
	if err != nil {
		return reports, err
	}
	err = gateway.Play(ctx, o.scenarios.parallel, o.legs, all, func(r *scenario.Report) error {
		reports = append(reports, r)
		if g.json {
			return nil
		}
		return r.Write(os.Stdout)
	})
	return reports, errors.Join(err, gateway.Close())
}

// legs are the legs on which a scenario is played.
func (o *tryOptions) legs(s *scenario.Scenario) []scenario.Leg {
	legs := s.Legs()
	if o.web.on {
		legs = slices.DeleteFunc(legs, func(l scenario.Leg) bool { return l != scenario.Web })
	}
	return legs
}
