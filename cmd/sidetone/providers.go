package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
)

// errProvider says that a provider does not keep to the contract.
var errProvider = errors.New("the provider does not keep to the contract")

func providersCommand(g *global) *cobra.Command {
	var speech app.ProviderSpeech
	check := &cobra.Command{
		Use: "check", Short: "Hold the configured recognition and voice against the contracts that engines keep to", Args: cobra.NoArgs,
		Long: "Holds the vendors of speech.stt and speech.tts against the contracts that the tests hold their stand-ins\n" +
			"against, with the keys of the configuration: some minutes of speech each, which the vendors bill.",
		RunE: func(cmd *cobra.Command, _ []string) error { return checkProviders(cmd, g, speech) },
	}
	check.Flags().StringVar(&speech.File, "wav", "", "say this WAV file of a few seconds, in place of a sentence of the built-in voice")
	check.Flags().StringVar(&speech.Words, "words", "", "the words of --wav, without punctuation")
	check.Flags().BoolVar(&speech.Fast, "fast", false, "send speech as fast as it can be, for servers of your own; vendors expect it as it is spoken")
	check.MarkFlagsRequiredTogether("wav", "words")
	providers := &cobra.Command{Use: "providers", Short: "Check vendors of speech recognition and voices"}
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
		name = c.Part + ", " + name
		if len(c.Faults) > 0 {
			result = "FAILED"
		}
		fmt.Printf("%-58s %6.1f s  %s\n", name, c.Seconds, result)
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
			fmt.Printf("%s, %s at %s: %d cases\n", p.Part, p.Engine, p.Host, len(p.Cases))
		}
		if p.Failed() {
			err = errProvider
		}
	}
	return err
}
