package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
)

func recoverCommand(g *global) *cobra.Command {
	var o app.RebuildOptions
	c := &cobra.Command{Use: "recover CALL", Short: "Make the manifest of a call whose spool is lost, from what is stored of it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Call = args[0]
			return withRecords(cmd, g, func(r *app.Records) error {
				takes, err := r.Rebuild(cmd.Context(), o)
				if err != nil || g.json {
					return orJSON(takes, err)
				}
				for _, t := range takes {
					fmt.Printf("%s %s: %d segments, %.1f s, incomplete: no_spool\n", t.Call, t.Take, t.Segments, t.Seconds)
					for _, key := range t.Left {
						fmt.Printf("  does not fit, and is not in it: %s\n", key)
					}
				}
				return nil
			})
		}}
	c.Flags().StringVar(&o.Take, "take", "", "only this take of the call")
	c.Flags().BoolVar(&o.NodeGone, "node-gone", false, "the gateway that took the call will not come back with its spool")
	return c
}
