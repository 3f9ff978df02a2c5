package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
)

// snippetCommand writes a clip of a recording; without an id it lists them.
func snippetCommand(g *global) *cobra.Command {
	var take, identity, out string
	c := &cobra.Command{Use: "snippet CALL [ID]", Short: "List the snippets of a recording, or decrypt one on this machine", Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withRecords(cmd, g, func(r *app.Records) error {
				if len(args) == 1 {
					list, err := r.Snippets(cmd.Context(), args[0], take, identity)
					if err != nil {
						return err
					}
					return g.printSnippets(list)
				}
				path := out
				if path == "" {
					path = args[1] + ".wav"
				}
				s, err := writeTo(path, func(w io.Writer) (app.SnippetInfo, error) {
					return r.Snippet(cmd.Context(), args[0], take, identity, args[1], w)
				})
				switch {
				case err != nil || path == "-":
					return err
				case g.json:
					return printJSON(s)
				}
				fmt.Printf("%s: %s of the %s, %.3f to %.3f s\n", path, s.Kind, s.Side, s.From, s.To)
				return nil
			})
		}}
	c.Flags().StringVarP(&out, "output", "o", "", "WAV file to write; - for standard output; by default ID.wav")
	return withTake(c, &take, &identity)
}

func (g *global) printSnippets(list app.Snippets) error {
	if g.json {
		return printJSON(list)
	}
	for _, s := range list.Snippets {
		fmt.Printf("%s  %9.3f  %9.3f  %-6s  %s\n", s.ID, s.From, s.To, s.Side, s.Kind)
	}
	return nil
}
