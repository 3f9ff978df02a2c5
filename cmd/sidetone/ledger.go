package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
)

func ledgerCommand(g *global) *cobra.Command {
	var trust app.TrustOptions
	verify := &cobra.Command{Use: "verify", Short: "Check the chains, signatures and calls of the ledger, and name the first row that is wrong", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return verifyLedger(cmd, g, trust) }}
	trustFlags(verify, &trust)
	var call, dir string
	export := &cobra.Command{Use: "export", Short: "Write what proves the rows of a call and what the caller was told, to be checked without Sidetone", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				dir = "proof-" + call
			}
			return exportLedger(cmd, g, call, dir)
		}}
	export.Flags().StringVar(&call, "call", "", "id of the call")
	export.Flags().StringVar(&dir, "out", "", "folder to make; proof-CALL if empty")
	if err := export.MarkFlagRequired("call"); err != nil {
		panic(err) // the flag stands above
	}
	ledger := &cobra.Command{Use: "ledger", Short: "Check and hand out the proof of consent"}
	ledger.AddCommand(verify, export)
	return ledger
}

// trustFlags let a command trust more than this machine's keys.
func trustFlags(c *cobra.Command, o *app.TrustOptions) {
	c.Flags().StringArrayVar(&o.Keys, "key", nil, "file of another node's public key (PEM); may be given several times")
	c.Flags().StringArrayVar(&o.Operators, "operator", nil, "file of an operator's public key (PEM), by which nodes are certified, in place of this machine's keys")
}

func verifyLedger(cmd *cobra.Command, g *global, trust app.TrustOptions) error {
	return withEvidence(cmd, g, false, func(e *app.Evidence) error {
		c, err := e.Verify(cmd.Context(), trust)
		if err != nil || g.json {
			return orJSON(c, err)
		}
		fmt.Printf("right: %d rows of %d calls in %d chains, %d signed checkpoints", c.Rows, c.Calls, c.Chains, c.Checkpoints)
		if c.Checkpoints > 0 {
			fmt.Printf(", the newest of %s\nhead: %s", c.Newest.Local().Format(time.DateTime), c.Head)
		}
		fmt.Printf("\n%d rows are not signed yet\n", c.Unsigned)
		return nil
	})
}

func exportLedger(cmd *cobra.Command, g *global, call, dir string) error {
	return withEvidence(cmd, g, true, func(e *app.Evidence) error {
		if err := e.Export(cmd.Context(), call, dir); err != nil || g.json {
			return orJSON(map[string]string{"call": call, "folder": dir}, err)
		}
		fmt.Printf("%s: how to check it is told in README.txt\n", dir)
		return nil
	})
}

// withEvidence opens the ledger for the time of do.
func withEvidence(cmd *cobra.Command, g *global, sign bool, do func(*app.Evidence) error) error {
	config, err := g.load()
	if err != nil {
		return err
	}
	evidence, err := app.OpenEvidence(cmd.Context(), config, sign)
	if err != nil {
		return err
	}
	defer evidence.Close()
	return do(evidence)
}
