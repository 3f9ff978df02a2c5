package main

import (
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
)

func callsCommand(g *global) *cobra.Command {
	var query app.Query
	list := &cobra.Command{Use: "list", Short: "List calls, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return listCalls(cmd, g, query) }}
	list.Flags().StringVar(&query.Agent, "agent", "", "only calls of this agent")
	list.Flags().StringVar(&query.Outcome, "outcome", "", "only calls with this outcome")
	list.Flags().StringVar(&query.Consent, "consent", "", "only calls with this consent")
	list.Flags().StringVar(&query.Recording, "recording", "", "only calls whose recording is in this state: none, recording, uploading, stored, incomplete, failed, held, destroyed, expired or erased")
	list.Flags().StringVar(&query.Caller, "caller", "", "only calls from this number, such as +12125550123")
	list.Flags().StringVar(&query.From, "from", "", "only calls that began at this time or later: 2026-11-22, or with a time as 2026-11-22T09:00:00Z")
	list.Flags().StringVar(&query.To, "to", "", "only calls that began before this time")
	list.Flags().DurationVar(&query.Shortest, "min", 0, "only calls of at least this length, such as 30s")
	list.Flags().DurationVar(&query.Longest, "max", 0, "only calls of at most this length")
	list.Flags().StringVar(&query.Before, "before", "", "only calls that come after this one in the list, for more")
	list.Flags().IntVar(&query.Limit, "limit", 20, "at most this many")
	show := &cobra.Command{Use: "show CALL", Short: "Show one call and its rows of proof", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return showCall(cmd, g, args[0]) }}
	calls := &cobra.Command{Use: "calls", Short: "Look at calls"}
	calls.AddCommand(list, show, noteCommand(g), withdrawCommand(g), askCommand(g),
		commandCommand(g, "pause", "Pause a live call: nobody hears anything until it is resumed", app.PauseRecording),
		commandCommand(g, "resume", "Resume a call that is paused", app.ResumeRecording),
		commandCommand(g, "minor", "The caller is a child: keep nothing, destroy what was kept, end the call", app.CallerIsMinor))
	return calls
}

func commandCommand(g *global, name, short string, what app.Command) *cobra.Command {
	return &cobra.Command{Use: name + " CALL", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return commandCall(cmd, g, args[0], what, "") }}
}

func askCommand(g *global) *cobra.Command {
	agent := ""
	c := &cobra.Command{Use: "ask CALL", Short: "Put the question of consent again in a live call", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return commandCall(cmd, g, args[0], app.AskAgain, agent)
		}}
	c.Flags().StringVar(&agent, "agent", "", "have this agent ask, and go on with the call: another language or purpose")
	return c
}

func withdrawCommand(g *global) *cobra.Command {
	all := false
	c := &cobra.Command{Use: "withdraw CALL", Short: "Withdraw consent for a caller of a live call: nothing more is kept", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all {
				return commandCall(cmd, g, args[0], app.DestroyAll, "")
			}
			return commandCall(cmd, g, args[0], app.StopRecording, "")
		}}
	c.Flags().BoolVar(&all, "all", false, "have what was kept destroyed as well, where the policy offers that to callers")
	return c
}

func commandCall(cmd *cobra.Command, g *global, id string, what app.Command, agent string) error {
	config, err := g.load()
	if err != nil {
		return err
	}
	if err := app.Ask(cmd.Context(), config, id, what, agent); err != nil || g.json {
		return orJSON(map[string]string{"call": id, "command": string(what)}, err)
	}
	fmt.Println(what, id)
	return nil
}

func listCalls(cmd *cobra.Command, g *global, query app.Query) error {
	return withRecords(cmd, g, func(r *app.Records) error {
		calls, err := r.Calls(cmd.Context(), query)
		if err != nil || g.json {
			return orJSON(calls, err)
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "CALL\tSTARTED\tSECONDS\tAGENT\tCONSENT\tRECORDING\tOUTCOME\tREASON")
		for _, c := range calls {
			fmt.Fprintf(w, "%s\t%s\t%.0f\t%s\t%s\t%s\t%s\t%s\n", c.ID, c.Started.Local().Format(time.DateTime),
				c.Duration.Seconds(), c.Agent, c.Consent, c.Recording, c.Outcome, c.Reason)
		}
		return w.Flush()
	})
}

func showCall(cmd *cobra.Command, g *global, id string) error {
	return withRecords(cmd, g, func(r *app.Records) error {
		detail, err := r.Call(cmd.Context(), id)
		if err != nil {
			return err
		}
		return printJSON(detail)
	})
}

// withRecords opens the stores for the time of do.
func withRecords(cmd *cobra.Command, g *global, do func(*app.Records) error) error {
	config, err := g.load()
	if err != nil {
		return err
	}
	records, err := app.OpenRecords(cmd.Context(), config)
	if err != nil {
		return err
	}
	defer records.Close()
	return do(records)
}

func orJSON(v any, err error) error {
	if err != nil {
		return err
	}
	return printJSON(v)
}

func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
