package main

import (
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
)

func numbersCommand(g *global) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List the account's numbers and where their calls go", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return listNumbers(cmd, g) }}
	buy := &cobra.Command{Use: "buy NUMBER", Short: "Buy a number and point it at this gateway", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return changeNumber(g, func(n *app.Numbers) (app.Number, error) { return n.Buy(cmd.Context(), args[0]) })
		}}
	attach := &cobra.Command{Use: "attach NUMBER", Short: "Point a number of the account at this gateway", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return changeNumber(g, func(n *app.Numbers) (app.Number, error) { return n.Attach(cmd.Context(), args[0]) })
		}}
	numbers := &cobra.Command{Use: "numbers", Short: "Provision phone numbers at Twilio"}
	numbers.AddCommand(searchCommand(g), buy, list, attach, releaseCommand(g))
	return numbers
}

func searchCommand(g *global) *cobra.Command {
	var query app.NumberQuery
	search := &cobra.Command{Use: "search", Short: "Search for numbers that can be bought", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return searchNumbers(cmd, g, query) }}
	flags := search.Flags()
	flags.StringVar(&query.Country, "country", "US", "country, as two letters")
	flags.StringVar((*string)(&query.Type), "type", "local", "local, toll-free or mobile")
	flags.StringVar(&query.AreaCode, "area-code", "", "area code, in the US and Canada")
	flags.StringVar(&query.Contains, "contains", "", "pattern of digits and letters; * is any digit")
	flags.IntVar(&query.Limit, "limit", 20, "at most this many")
	return search
}

func releaseCommand(g *global) *cobra.Command {
	var yes bool
	release := &cobra.Command{Use: "release NUMBER", Short: "Give a number back to Twilio", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				return errors.New("a released number may not be had again; add --yes to release it")
			}
			numbers, err := openNumbers(g)
			if err != nil {
				return err
			}
			if err := numbers.Release(cmd.Context(), args[0]); err != nil || g.json {
				return orJSON(map[string]string{"released": args[0]}, err)
			}
			fmt.Println("released", args[0])
			return nil
		}}
	release.Flags().BoolVar(&yes, "yes", false, "release it without being asked again")
	return release
}

func openNumbers(g *global) (*app.Numbers, error) {
	config, err := g.load()
	if err != nil {
		return nil, err
	}
	return app.OpenNumbers(config)
}

func searchNumbers(cmd *cobra.Command, g *global, query app.NumberQuery) error {
	numbers, err := openNumbers(g)
	if err != nil {
		return err
	}
	found, err := numbers.Search(cmd.Context(), query)
	if err != nil || g.json {
		return orJSON(found, err)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NUMBER\tLOCALITY\tREGION\tCOUNTRY\tADDRESS NEEDED")
	for _, n := range found {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", n.Number, n.Locality, n.Region, n.Country, n.Address)
	}
	return w.Flush()
}

func listNumbers(cmd *cobra.Command, g *global) error {
	numbers, err := openNumbers(g)
	if err != nil {
		return err
	}
	owned, err := numbers.List(cmd.Context())
	if err != nil || g.json {
		return orJSON(owned, err)
	}
	return printNumbers(owned...)
}

// changeNumber does change and shows the number as it is now.
func changeNumber(g *global, change func(*app.Numbers) (app.Number, error)) error {
	numbers, err := openNumbers(g)
	if err != nil {
		return err
	}
	number, err := change(numbers)
	if err != nil || g.json {
		return orJSON(number, err)
	}
	return printNumbers(number)
}

func printNumbers(numbers ...app.Number) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NUMBER\tNAME\tSID\tHERE\tCALLS GO TO")
	for _, n := range numbers {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", n.Number, n.Name, n.SID, here(n), destination(n))
	}
	return w.Flush()
}

// here says whether a number points at this gateway.
func here(n app.Number) string {
	switch {
	case n.VoiceHere && n.StatusHere:
		return "yes"
	case n.VoiceHere:
		return "without status"
	default:
		return "no"
	}
}

func destination(n app.Number) string {
	switch {
	case n.ApplicationSID != "":
		return "application " + n.ApplicationSID
	case n.TrunkSID != "":
		return "trunk " + n.TrunkSID
	case n.VoiceURL == "":
		return "nowhere"
	default:
		return n.VoiceMethod + " " + n.VoiceURL
	}
}
