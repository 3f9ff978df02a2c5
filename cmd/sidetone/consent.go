package main

import (
	"cmp"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
)

func consentCommand(g *global) *cobra.Command {
	var query app.ExplainQuery
	explain := &cobra.Command{Use: "explain", Short: "Print what would hold for a call, and every rule behind it", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return explainCall(g, query) }}
	flags := explain.Flags()
	flags.StringVar(&query.From, "from", "", "the caller's number, such as +14155550100; empty for one that is withheld")
	flags.StringVar(&query.To, "to", "", "the number that is called")
	flags.StringVar(&query.Agent, "agent", "", "the agent; empty for the one that answers --to")
	flags.BoolVar(&query.Web, "web", false, "a call from a web page, which has no numbers")
	flags.BoolVar(&query.Outbound, "outbound", false, "a call that the operator places")
	explain.MarkFlagsMutuallyExclusive("web", "outbound")
	explain.MarkFlagsMutuallyExclusive("web", "from")
	explain.MarkFlagsMutuallyExclusive("web", "to")
	c := &cobra.Command{Use: "consent", Short: "Look at the rules of consent"}
	c.AddCommand(explain)
	return c
}

func explainCall(g *global, query app.ExplainQuery) error {
	config, err := g.load()
	if err != nil {
		return err
	}
	e, err := app.Explain(config, query)
	if err != nil || g.json {
		return orJSON(e, err)
	}
	return printExplanation(e)
}

func printExplanation(e app.Explanation) error {
	fmt.Printf("%s, %s, %s: callers are asked as in mode %s\n", e.Agent, e.Channel, e.Direction, e.Mode)
	if e.Choice != "" {
		fmt.Printf("  %q\n", e.Choice)
	}
	fmt.Println()
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "FROM\tRULE\tCONVERSE\tON THIS MACHINE\tRECORD\tTRANSCRIPT\tSNIPPET")
	const row = "%s\t%s\t%s\t%s\t%s\t%s\t%s\n"
	for _, r := range e.Rules {
		fmt.Fprintf(w, row, r.Source, r.Rule, r.Policy.Converse, r.Policy.Local, r.Policy.Record, r.Policy.Transcript, r.Policy.Snippet)
	}
	fmt.Fprintf(w, row, "in effect", "", e.Policy.Converse, e.Policy.Local, e.Policy.Record, e.Policy.Transcript, e.Policy.Snippet)
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Println()
	for _, engine := range e.Engines {
		fmt.Printf("%s: %s, %s\n", engine.Part, engine.Name, cmp.Or(engine.Where, "on this machine"))
	}
	counts := fmt.Sprintf("so CONVERSE counts, %s", e.Policy.Converse)
	if e.Local {
		counts = fmt.Sprintf("so ON THIS MACHINE counts, %s", e.Policy.Local)
	}
	fmt.Println(counts)
	fmt.Printf("a caller who withdraws may have the whole call destroyed: %s\n\n", map[bool]string{true: "yes", false: "no"}[e.WholeCall])
	for _, r := range e.Rules {
		fmt.Printf("%s: %s, %s\n  %s\n", r.Source, r.Rule, r.Name, r.Basis)
		if r.ReviewedBy != "" {
			fmt.Printf("  reviewed by: %s\n", r.ReviewedBy)
		}
	}
	fmt.Printf("\n%s of %s, reviewed by: %s\n  sha256 %s\n", e.File.Path, e.File.Version, e.File.ReviewedBy, e.File.SHA256)
	fmt.Println("A number is a hint of where somebody is, never proof. This is engineering, not legal advice.")
	return nil
}
