// Command sidetone is the gateway and its tools. It refuses to do more than
// flags, signals, printing and exit codes: 0 clean, 1 start-up, usage or
// configuration, 2 unclean drain. It starts no goroutine but those of signals.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"sidetone/configs"
	"sidetone/internal/app"
)

// version and commit are set by the linker.
var (
	version = "dev"
	commit  = "unknown"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "sidetone:", err)
		if errors.Is(err, app.ErrUnclean) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return command().ExecuteContext(ctx)
}

// global is what every sub-command knows.
type global struct {
	config string // path of the configuration; empty for the defaults
	json   bool
}

func command() *cobra.Command {
	g := &global{}
	root := &cobra.Command{
		Use:           "sidetone",
		Short:         "A self-hosted voice gateway that records with proven consent",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVar(&g.config, "config", "configs/sidetone.yaml", "configuration file; empty for the defaults")
	root.PersistentFlags().BoolVar(&g.json, "json", false, "print JSON")
	root.AddCommand(serveCommand(g), tryCommand(g), callsCommand(g), recordingsCommand(g), eraseCommand(g), holdCommand(g), retentionCommand(g), exportCommand(g), keysCommand(g), numbersCommand(g), consentCommand(g), ledgerCommand(g), nodesCommand(g), storageCommand(g), webhooksCommand(g), providersCommand(g), configCommand(g), versionCommand(g))
	return root
}

// load reads the configuration and prints its warnings.
func (g *global) load() (*configs.Config, error) {
	config, warnings, err := configs.Load(g.config, os.Environ())
	for _, w := range warnings {
		fmt.Fprintln(os.Stderr, "sidetone: warning:", w)
	}
	return config, err
}

// logger writes to standard error as the configuration says.
func logger(c *configs.Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Log.Level.Level()}
	if c.Log.Format == configs.FormatJSON {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

func versionCommand(g *global) *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if g.json {
				return printJSON(map[string]string{"version": version, "commit": commit})
			}
			fmt.Println("sidetone", version, commit)
			return nil
		}}
}

func configCommand(g *global) *cobra.Command {
	check := &cobra.Command{Use: "check", Short: "Check the configuration and the agents", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := g.load()
			if err != nil {
				return err
			}
			warnings, err := app.CheckAgents(config)
			for _, w := range warnings {
				fmt.Fprintln(os.Stderr, "sidetone: warning:", w)
			}
			if err != nil {
				return err
			}
			fmt.Println("the configuration is valid")
			return nil
		}}
	config := &cobra.Command{Use: "config", Short: "Look at the configuration"}
	config.AddCommand(check)
	return config
}
