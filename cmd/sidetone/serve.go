package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"sidetone/internal/app"
)

func serveCommand(g *global) *cobra.Command {
	return &cobra.Command{Use: "serve", Short: "Run the gateway", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), g) }}
}

// serve runs the gateway until a signal; a second signal skips the waits of the
// drain.
func serve(ctx context.Context, g *global) error {
	if err := noCoreDumps(); err != nil {
		return err
	}
	config, err := g.load()
	if err != nil {
		return err
	}
	log := logger(config)
	registry := prometheus.NewRegistry()
	objects, err := app.StartObjects(ctx, config, registry)
	if err != nil {
		return err
	}
	defer objects.Close()
	gateway, err := app.New(ctx, config, app.Options{Version: version, Commit: commit, Objects: objects.S3, Registry: registry, Log: log})
	if err != nil {
		return err
	}
	gateway.Greet(os.Stdout)
	hurry, cancel := context.WithCancel(context.Background())
	defer cancel()
	context.AfterFunc(ctx, func() {
		again := make(chan os.Signal, 1)
		signal.Notify(again, syscall.SIGINT, syscall.SIGTERM)
		<-again
		cancel()
	})
	return gateway.Run(ctx, hurry)
}

// noCoreDumps keeps audio and keys in memory out of core files and from other
// processes' debuggers.
func noCoreDumps() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	return nil
}
