package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
)

func webhooksCommand(g *global) *cobra.Command {
	var query app.Deliveries
	list := &cobra.Command{Use: "list", Short: "List the events on their way to endpoints, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return listWebhooks(cmd, g, query) }}
	list.Flags().StringVar((*string)(&query.State), "state", "", "only those in this state: waiting, running, done, dead")
	list.Flags().StringVar(&query.Endpoint, "endpoint", "", "only those of this endpoint")
	list.Flags().IntVar(&query.Limit, "limit", 50, "at most this many, up to 1000")
	dead, endpoint := false, ""
	retry := &cobra.Command{Use: "retry [ID...]", Short: "Send events once more, at once",
		RunE: func(cmd *cobra.Command, args []string) error { return retryWebhooks(cmd, g, args, dead, endpoint) }}
	retry.Flags().BoolVar(&dead, "dead", false, "all that are dead, up to 1000")
	retry.Flags().StringVar(&endpoint, "endpoint", "", "with --dead: only those of this endpoint")
	webhooks := &cobra.Command{Use: "webhooks", Short: "Look at what endpoints are told, and tell them again"}
	webhooks.AddCommand(list, retry)
	return webhooks
}

func listWebhooks(cmd *cobra.Command, g *global, query app.Deliveries) error {
	config, err := g.load()
	if err != nil {
		return err
	}
	found, err := app.ListWebhooks(cmd.Context(), config, query)
	if err != nil || g.json {
		return orJSON(found, err)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tADDED\tENDPOINT\tEVENT\tCALL\tTAKE\tSTATE\tATTEMPT\tNEXT\tERROR")
	for _, d := range found {
		next := "-"
		if !d.Next.IsZero() {
			next = d.Next.Local().Format(time.DateTime)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", d.ID, d.Added.Local().Format(time.DateTime), d.Endpoint, d.Event, d.Call,
			orDash(d.Take), d.State, d.Attempt, next, orDash(d.Error))
	}
	return w.Flush()
}

// orDash is text, or - where there is none.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func retryWebhooks(cmd *cobra.Command, g *global, args []string, dead bool, endpoint string) error {
	if dead == (len(args) > 0) || endpoint != "" && !dead {
		return errors.New("name the ids to retry, or --dead, with or without --endpoint")
	}
	config, err := g.load()
	if err != nil {
		return err
	}
	var ids []int64
	for _, text := range args {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is no id of `sidetone webhooks list`", text)
		}
		ids = append(ids, id)
	}
	if dead {
		found, err := app.ListWebhooks(cmd.Context(), config, app.Deliveries{Endpoint: endpoint, State: app.DeadDelivery, Limit: 1000})
		if err != nil {
			return err
		}
		for _, d := range found {
			ids = append(ids, d.ID)
		}
	}
	retried := []app.Delivery{}
	for _, id := range ids {
		d, err := app.RetryWebhook(cmd.Context(), config, id)
		if err != nil {
			return err
		}
		retried = append(retried, d)
		if !g.json {
			fmt.Println("retried", d.ID, d.Endpoint, d.Event, d.Call)
		}
	}
	if g.json {
		return printJSON(retried)
	}
	return nil
}
