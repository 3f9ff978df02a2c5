package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
)

func eraseCommand(g *global) *cobra.Command {
	var request app.ErasureRequest
	c := &cobra.Command{Use: "erase", Short: "Erase a call, or all calls of a caller, for good",
		Long: "Destroys keys, recordings, transcripts and the mapping of the caller's number, through the gateway if one runs. A call that a legal\n" +
			"hold keeps is queued until its release. docs/erasure.md says what is left, and what this can not reach.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withErasing(cmd, g, func(x *app.Erasing) error { return erase(cmd, g, x, request) })
		}}
	c.Flags().StringVar(&request.Call, "call", "", "this call: its id, or the carrier's")
	c.Flags().StringVar(&request.Caller, "caller", "", "all calls of this number, such as +12125550123")
	c.Flags().BoolVar(&request.DryRun, "dry-run", false, "list what would be erased, and erase nothing")
	c.MarkFlagsMutuallyExclusive("call", "caller")
	c.MarkFlagsOneRequired("call", "caller")
	c.AddCommand(receiptCommand(g))
	return c
}

func erase(cmd *cobra.Command, g *global, x *app.Erasing, request app.ErasureRequest) error {
	result, err := x.Erase(cmd.Context(), request)
	if err != nil {
		return err
	}
	left := 0
	for _, c := range result.Calls {
		if c.State == app.ErasureQueued || c.State == app.ErasureElsewhere {
			left++
		}
	}
	if left > 0 {
		err = fmt.Errorf("%d of %d calls are not erased yet: the gateway goes on with them", left, len(result.Calls))
	}
	if g.json {
		return errors.Join(err, printJSON(result))
	}
	printErasure(result)
	return err
}

func printErasure(r app.ErasureResult) {
	if len(r.Calls) == 0 {
		fmt.Println("no calls")
	}
	for _, c := range r.Calls {
		fmt.Printf("%s  %s  %d takes, %d objects, %d bytes", c.Call, c.State, c.Takes, c.Objects, c.Bytes)
		if c.Why != "" {
			fmt.Print(": ", c.Why)
		}
		fmt.Println()
	}
	if r.Receipt != "" {
		fmt.Printf("receipt %s: sidetone erase receipt %s -o receipt.json\n", r.Receipt, r.Receipt)
	}
}

func receiptCommand(g *global) *cobra.Command {
	out := "-"
	c := &cobra.Command{Use: "receipt ID", Short: "Write the signed receipt of an erasure, by its id or that of a call", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withErasing(cmd, g, func(x *app.Erasing) error {
				b, err := x.Receipt(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				_, err = writeTo(out, func(w io.Writer) (int, error) { return w.Write(b) })
				return err
			})
		}}
	c.Flags().StringVarP(&out, "output", "o", "-", "file to write; - for standard output")
	return c
}

func holdCommand(g *global) *cobra.Command {
	var call, reason string
	set := &cobra.Command{Use: "set", Short: "Put a call under a legal hold: nothing of it is destroyed", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withErasing(cmd, g, func(x *app.Erasing) error {
				h, err := x.Hold(cmd.Context(), call, reason)
				if err != nil || g.json {
					return orJSON(h, err)
				}
				fmt.Println(h.Call, "is on hold")
				return nil
			})
		}}
	release := &cobra.Command{Use: "release", Short: "End the hold of a call, and do what has waited for that", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withErasing(cmd, g, func(x *app.Erasing) error {
				h, err := x.Release(cmd.Context(), call)
				if err != nil || g.json {
					return orJSON(h, err)
				}
				fmt.Println(h.Call, "is not on hold any more")
				if h.Erased != nil {
					printErasure(*h.Erased)
				}
				return nil
			})
		}}
	for _, c := range []*cobra.Command{set, release} {
		c.Flags().StringVar(&call, "call", "", "the call: its id, or the carrier's")
		if err := c.MarkFlagRequired("call"); err != nil {
			panic(err) // there is no such flag
		}
	}
	set.Flags().StringVar(&reason, "reason-id", "", "id of the case, which goes into the ledger; no names")
	c := &cobra.Command{Use: "hold", Short: "Legal holds of calls"}
	c.AddCommand(set, release)
	return c
}

// withErasing opens what erases calls for the time of do.
func withErasing(cmd *cobra.Command, g *global, do func(*app.Erasing) error) error {
	config, err := g.load()
	if err != nil {
		return err
	}
	x, err := app.OpenErasing(cmd.Context(), config, logger(config))
	if err != nil {
		return err
	}
	return errors.Join(do(x), x.Close())
}
