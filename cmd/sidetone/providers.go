package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
)

// errProvider says that a provider does not keep to the contract.
var errProvider = errors.New("a provider does not keep to the contract")

func providersCommand(g *global) *cobra.Command {
	var speech app.ProviderSpeech
	check := &cobra.Command{
		Use: "check", Short: "Hold the configured engines, and those that take over, against the contracts that engines keep to", Args: cobra.NoArgs,
		Long: "Holds the vendors of recognition and of voices, and language models, against the contracts that the tests\n" +
			"hold their stand-ins against, with the keys of the configuration: those that are asked first, those that\n" +
			"take over, and those that agents name. Some minutes of speech each, and some hundred tokens, which the\n" +
			"vendors bill.",
		RunE: func(cmd *cobra.Command, _ []string) error { return checkProviders(cmd, g, speech) },
	}
	check.Flags().StringVar(&speech.File, "wav", "", "say this WAV file of a few seconds, in place of a sentence of the built-in voice")
	check.Flags().StringVar(&speech.Words, "words", "", "the words of --wav, without punctuation")
	check.Flags().BoolVar(&speech.Fast, "fast", false, "send speech as fast as it can be, for servers of your own; vendors expect it as it is spoken")
	check.MarkFlagsRequiredTogether("wav", "words")
	providers := &cobra.Command{Use: "providers", Short: "Check vendors of speech recognition, voices and language models"}
	providers.AddCommand(check)
	return providers
}

func checkProviders(cmd *cobra.Command, g *global, speech app.ProviderSpeech) error {
	config, err := g.load()
	if err != nil {
		return err
	}
	told := func(c app.ProviderCase) {
		if g.json {
			return
		}
		name, result := c.Name, "ok"
		if c.Rate > 0 {
			name = fmt.Sprintf("%d Hz: %s", c.Rate, c.Name)
		}
		name = c.Part + " " + c.Engine + ", " + name
		if len(c.Faults) > 0 {
			result = "FAILED"
		}
		fmt.Printf("%-72s %6.1f s  %s\n", name, c.Seconds, result)
		for _, fault := range c.Faults {
			fmt.Println("    " + fault)
		}
	}
	checks, err := app.CheckProviders(cmd.Context(), config, speech, told)
	if err != nil {
		return err
	}
	if g.json {
		if err := printJSON(checks); err != nil {
			return err
		}
	}
	for _, p := range checks {
		if !g.json {
			fmt.Println(summaryOf(p))
		}
		if p.Failed() {
			err = errProvider
		}
	}
	return err
}

// summaryOf is one line about an engine.
func summaryOf(p app.ProviderCheck) string {
	agents, result := "no agent", "ok"
	if len(p.Agents) > 0 {
		agents = strings.Join(p.Agents, ", ")
	}
	if p.Failed() {
		result = "FAILED"
	}
	return fmt.Sprintf("%s, %s at %s, in calls of %s: %d cases, %s",
		p.Part, strings.TrimSpace(p.Engine+" "+p.Model), p.Host, agents, len(p.Cases), result)
}
