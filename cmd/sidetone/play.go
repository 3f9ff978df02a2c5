package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
)

// players are the programs that can play a WAV file from their standard input, the
// preferred first.
var players = [][]string{
	{"ffplay", "-nodisp", "-autoexit", "-loglevel", "error", "-i", "-"},
	{"aplay", "-q", "-"},
}

var errNoPlayer = errors.New("no player is here: install ffplay (of FFmpeg) or aplay (of alsa-utils), " +
	"or write the file with `sidetone recordings get`")

// player returns the command line of a player that is installed.
func player() ([]string, error) {
	for _, p := range players {
		if path, err := exec.LookPath(p[0]); err == nil {
			return append([]string{path}, p[1:]...), nil
		}
	}
	return nil, errNoPlayer
}

func playCommand(g *global) *cobra.Command {
	var take, identity string
	var from float64
	c := &cobra.Command{Use: "play CALL", Short: "Play a recording, decrypted on this machine", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !(from >= 0 && from < 1e6) {
				return errors.New("--from must be a number of seconds")
			}
			line, err := player()
			if err != nil {
				return err
			}
			return withRecords(cmd, g, func(r *app.Records) error {
				return play(cmd, r, line, args[0], take, identity, time.Duration(from*float64(time.Second)))
			})
		}}
	c.Flags().Float64Var(&from, "from", 0, "second to begin at, such as 12.5")
	return withTake(c, &take, &identity)
}

// play lets a player have a recording, as far as it wants it.
func play(cmd *cobra.Command, r *app.Records, line []string, call, take, identity string, from time.Duration) error {
	p := exec.CommandContext(cmd.Context(), line[0], line[1:]...)
	p.Stdout, p.Stderr = os.Stdout, os.Stderr
	in, err := p.StdinPipe()
	if err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	err = r.Play(cmd.Context(), call, take, identity, from, in)
	in.Close()
	if ended := p.Wait(); ended != nil {
		return errors.Join(err, fmt.Errorf("%s: %w", line[0], ended))
	}
	if errors.Is(err, syscall.EPIPE) {
		return nil // the player was closed before the end
	}
	return err
}
