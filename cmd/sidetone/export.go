package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
)

func exportCommand(g *global) *cobra.Command {
	var request app.ExportRequest
	var out, passphraseFile string
	c := &cobra.Command{Use: "export", Short: "Hand out what there is of a call, or of all calls of a caller, sealed to whom it is for",
		Long: "Writes recordings, snippets, transcripts and the history of consent into one age file, in which is a tar: age -d -i their.key FILE | tar x.\n" +
			"Nothing of it is written to this machine's disk in the clear. docs/export.md says what is in it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if request.Passphrase, err = passphraseIn(passphraseFile); err != nil {
				return err
			}
			if passphraseFile != "" && request.Passphrase == "" {
				return errors.New("the passphrase is empty")
			}
			return withRecords(cmd, g, func(r *app.Records) error {
				done, err := writeTo(out, func(w io.Writer) (app.Exported, error) { return r.Export(cmd.Context(), request, w) })
				if err != nil || out == "-" {
					return err
				}
				if g.json {
					return printJSON(done)
				}
				printExport(out, done)
				return nil
			})
		}}
	c.Flags().StringVar(&request.Call, "call", "", "this call: its id, or the carrier's")
	c.Flags().StringVar(&request.Caller, "caller", "", "all calls of this number, such as +12125550123")
	c.Flags().StringArrayVar(&request.Recipients, "recipient", nil, "age recipient, age1..., who is to open it; may be given several times")
	c.Flags().StringVar(&passphraseFile, "passphrase-file", "", "file whose first line is the passphrase that opens it; - for standard input")
	c.Flags().StringVarP(&request.Identity, "identity", "i", "", "age identity file; by default the operator's keys in keys.dir")
	c.Flags().StringVarP(&out, "output", "o", "export.age", "file to write; - for standard output")
	c.MarkFlagsMutuallyExclusive("call", "caller")
	c.MarkFlagsOneRequired("call", "caller")
	c.MarkFlagsMutuallyExclusive("recipient", "passphrase-file")
	c.MarkFlagsOneRequired("recipient", "passphrase-file")
	return c
}

func printExport(out string, e app.Exported) {
	for _, c := range e.Calls {
		for _, a := range c.Absent {
			what := string(a.Class)
			if what == "" {
				what = "what there was"
			}
			fmt.Printf("%s %s: %s is not in it: %s\n", c.Call, a.Take, what, a.Why)
		}
	}
	fmt.Printf("%s: %d calls, %d files\n", out, len(e.Calls), len(e.Files))
}
