package main

import (
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
)

func storageCommand(g *global) *cobra.Command {
	check := &cobra.Command{Use: "check", Short: "Try what the object store can do, and whether keys may lie there", Args: cobra.NoArgs,
		Long: "Puts, reads, lists and erases an object below rec/preflight/, and asks for versioning and locks, as the gateway does when it starts.\n" +
			"It fails if the bucket of the wrapped keys may keep what is deleted: then the gateway does not start.",
		RunE: func(cmd *cobra.Command, _ []string) error { return checkStorage(cmd, g) }}
	c := &cobra.Command{Use: "storage", Short: "Look at the object store"}
	c.AddCommand(check)
	return c
}

func checkStorage(cmd *cobra.Command, g *global) error {
	config, err := g.load()
	if err != nil {
		return err
	}
	found, err := app.CheckStorage(cmd.Context(), config)
	if err != nil {
		return err
	}
	if g.json {
		if err := printJSON(found); err != nil {
			return err
		}
		return found.Err()
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "BUCKET\tWHAT\tFOUND\tVERDICT\tNOTE")
	for _, f := range found {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", f.Bucket, f.What, f.Found, f.Verdict, f.Note)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return found.Err()
}
