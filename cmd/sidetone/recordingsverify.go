package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
)

// errWrong says that recordings are not what was recorded; what, was printed.
var errWrong = errors.New("recordings do not verify")

func verifyCommand(g *global) *cobra.Command {
	var o app.VerifyOptions
	all := false
	c := &cobra.Command{Use: "verify [CALL]", Short: "Check what is stored of a call, by manifest, signature and ledger, without any key", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all != (len(args) == 0) || all && o.Take != "" {
				return errors.New("name a call, or --all")
			}
			config, err := g.load()
			if err != nil {
				return err
			}
			v, err := app.OpenVerifier(cmd.Context(), config, o)
			if err != nil {
				return err
			}
			defer v.Close()
			if all {
				return verifyAll(cmd, g, v)
			}
			return verifyCall(cmd, g, v, args[0])
		}}
	c.Flags().BoolVar(&all, "all", false, "all calls")
	c.Flags().StringVar(&o.Take, "take", "", "only this take of the call")
	c.Flags().BoolVar(&o.WithoutLedger, "without-ledger", false, "look at the bucket alone: for a copy of it, with --operator")
	trustFlags(c, &o.TrustOptions)
	return c
}

// verdict is what a command that verifies prints as JSON.
type verdict struct {
	Calls    int                `json:"calls"`
	Takes    int                `json:"takes"` // that are stored and were read
	Objects  int                `json:"objects"`
	Bytes    int64              `json:"bytes"`
	Pending  []string           `json:"pending"` // calls of which something is not stored yet
	Expired  int                `json:"expired"` // calls of which something is past its time, and is gone as it should be
	Wrong    []app.VerifiedCall `json:"wrong"`
	Ledger   string             `json:"ledger,omitempty"` // what is wrong with it as a whole
	Unproved bool               `json:"without_ledger,omitempty"`
}

// add counts a call.
func (s *verdict) add(c app.VerifiedCall) {
	s.Calls++
	for _, t := range c.Takes {
		if !t.Pending {
			s.Takes++
		}
		s.Objects, s.Bytes = s.Objects+t.Objects, s.Bytes+t.Bytes
	}
	if c.Pending() {
		s.Pending = append(s.Pending, c.Call)
	}
	if len(c.Expired) > 0 {
		s.Expired++
	}
	if len(c.Faults) > 0 {
		s.Wrong = append(s.Wrong, c)
	}
}

func verifyAll(cmd *cobra.Command, g *global, v *app.Verifier) error {
	s := verdict{Pending: []string{}, Wrong: []app.VerifiedCall{}}
	err := v.All(cmd.Context(), func(c app.VerifiedCall) {
		s.add(c)
		if !g.json {
			printFaults(c.Call, c.Faults)
		}
	})
	if err != nil {
		return err
	}
	return conclude(g, v, s, fmt.Sprintf("%d calls, %d takes, %d objects, %d bytes: %d wrong, %d not stored yet",
		s.Calls, s.Takes, s.Objects, s.Bytes, len(s.Wrong), len(s.Pending)))
}

func verifyCall(cmd *cobra.Command, g *global, v *app.Verifier, id string) error {
	c, err := v.Call(cmd.Context(), id)
	if err != nil {
		return err
	}
	s := verdict{Pending: []string{}, Wrong: []app.VerifiedCall{}}
	s.add(c)
	if !g.json {
		printFaults(c.Call, c.Faults)
		if len(c.Expired) > 0 {
			fmt.Printf("%s: expired: %s\n", c.Call, strings.Join(c.Expired, ", "))
		}
		for _, t := range c.Takes {
			if !t.Pending {
				fmt.Printf("%s %s: %.1f s, %d objects, %d bytes, complete: %v\n", c.Call, t.Take, t.Seconds, t.Objects, t.Bytes, t.Complete)
			}
		}
	}
	summary := "right: it is what was recorded"
	switch {
	case len(c.Faults) > 0:
		summary = fmt.Sprintf("%d faults", len(c.Faults))
	case c.Pending():
		summary = "not stored yet"
	case len(c.Takes) == 0:
		summary = "nothing is stored of the call"
	}
	if err := conclude(g, v, s, summary); err != nil || !c.Pending() {
		return err
	}
	return fmt.Errorf("call %s: not all is stored yet", c.Call)
}

// conclude prints the end, and returns an error if anything is wrong.
func conclude(g *global, v *app.Verifier, s verdict, summary string) error {
	if v.Ledger != nil {
		s.Ledger = v.Ledger.Error()
	}
	if g.json {
		if err := printJSON(s); err != nil {
			return err
		}
	} else {
		fmt.Println(summary)
		if s.Ledger != "" {
			fmt.Println("the ledger is not what was written:", s.Ledger)
		}
	}
	if len(s.Wrong) > 0 || v.Ledger != nil {
		return errWrong
	}
	return nil
}

func printFaults(call string, faults []app.Fault) {
	for _, f := range faults {
		fmt.Printf("%s: %s: %s\n", call, f.Kind, f)
	}
}
