package main

import (
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sidetone/configs"
	"sidetone/internal/app"
)

func retentionCommand(g *global) *cobra.Command {
	rules := &cobra.Command{Use: "rules", Short: "Show for how long what calls leave is kept, by agent", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			config, err := g.load()
			if err != nil {
				return err
			}
			list, err := app.RetentionRules(config)
			if err != nil || g.json {
				return orJSON(list, err)
			}
			w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "AGENT\tAUDIO\tSNIPPETS\tTEXT")
			for _, r := range list {
				if r.Agent == "" {
					r.Agent = "(others)"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Agent, kept(r.Audio), kept(r.Snippets), kept(r.Text))
			}
			return w.Flush()
		}}
	dry := false
	sweep := &cobra.Command{Use: "sweep", Short: "Destroy what is past the time for which it is kept, now",
		Long: "Destroys the keys and then the objects of what is past its time, through the gateway if one runs. A gateway does this by itself each\n" +
			"hour. docs/retention.md says what is left.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withErasing(cmd, g, func(x *app.Erasing) error {
				result, err := x.Sweep(cmd.Context(), dry)
				if n := result.Counts[app.SweepFailed]; err == nil && n > 0 {
					err = fmt.Errorf("%d are not destroyed yet: the gateway goes on with them", n)
				}
				if g.json {
					return errors.Join(err, printJSON(result))
				}
				printSweep(result)
				return err
			})
		}}
	sweep.Flags().BoolVar(&dry, "dry-run", false, "list what would be destroyed, and destroy nothing")
	c := &cobra.Command{Use: "retention", Short: "For how long what calls leave is kept"}
	c.AddCommand(rules, sweep)
	return c
}

// kept puts in words for how long something is kept.
func kept(d configs.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == 0:
		return "for ever"
	case time.Duration(d)%day == 0:
		return fmt.Sprintf("%dd", time.Duration(d)/day)
	}
	return d.String()
}

func printSweep(r app.SweepResult) {
	for _, c := range r.Classes {
		fmt.Printf("%s  %-8s  %s  due %s", c.Call, c.Class, c.State, c.Due.Local().Format(time.DateTime))
		if c.Why != "" {
			fmt.Print(": ", c.Why)
		}
		fmt.Println()
	}
	total := 0
	for _, n := range r.Counts {
		total += n
	}
	switch {
	case total == 0:
		fmt.Println("nothing is past its time")
	case total > len(r.Classes):
		fmt.Printf("and %d more\n", total-len(r.Classes))
	}
}
