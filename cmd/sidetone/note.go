package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
)

func noteCommand(g *global) *cobra.Command {
	var request app.CorrectionRequest
	var file string
	at := -1.0
	c := &cobra.Command{Use: "note CALL", Short: "Correct a transcript: add a note to a line of it, or to the call",
		Long: "The note is sealed as the transcript is, shown with it and in exports, and goes with it. The text comes from a file, so that it is in\n" +
			"no list of processes and no history of a shell.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readText(file)
			if err != nil {
				return err
			}
			request.Text = text
			if cmd.Flags().Changed("at") {
				request.At = &at
			}
			return withRecords(cmd, g, func(r *app.Records) error {
				done, err := r.Correct(cmd.Context(), args[0], request)
				if err != nil || g.json {
					return orJSON(done, err)
				}
				fmt.Printf("%s %s: note %s\n", done.Call, done.Take, done.ID)
				return nil
			})
		}}
	c.Flags().StringVar(&file, "text-file", "", "file of the note's text; - for standard input")
	c.Flags().StringVar(&request.Take, "take", "t1", "which take of the call")
	c.Flags().Float64Var(&at, "at", 0, "seconds of the recording at which the line begins, as the transcript shows them; without it the note is of the call")
	if err := c.MarkFlagRequired("text-file"); err != nil {
		panic(err) // the flag stands above
	}
	return c
}

// maxText is more than any note has, in bytes.
const maxText = 1 << 20

// readText reads a text from a file, or from standard input.
func readText(file string) (string, error) {
	from := os.Stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		defer f.Close()
		from = f
	}
	b, err := io.ReadAll(io.LimitReader(from, maxText))
	return string(b), err
}
