package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
)

func recordingsCommand(g *global) *cobra.Command {
	var take, out, format, identity string
	get := &cobra.Command{Use: "get CALL", Short: "Fetch, verify and decrypt a recording, on this machine", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withRecords(cmd, g, func(r *app.Records) error {
				info, err := writeTo(out, func(w io.Writer) (app.RecordingInfo, error) {
					return r.Recording(cmd.Context(), args[0], take, identity, w)
				})
				if err != nil || out == "-" {
					return err
				}
				if g.json {
					return printJSON(info)
				}
				fmt.Printf("%s: %d bytes, %.1f s, %d segments, %s\n", out, info.Bytes, info.Seconds, info.Segments, info.State())
				return nil
			})
		}}
	transcript := &cobra.Command{Use: "transcript CALL", Short: "Decrypt a transcript and its answers", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if g.json {
				format = "json"
			}
			return withRecords(cmd, g, func(r *app.Records) error {
				_, err := writeTo(out, func(w io.Writer) (struct{}, error) {
					return struct{}{}, r.Transcript(cmd.Context(), args[0], take, identity, format, w)
				})
				return err
			})
		}}
	get.Flags().StringVarP(&out, "output", "o", "call.wav", "WAV file to write; - for standard output")
	transcript.Flags().StringVarP(&out, "output", "o", "-", "file to write; - for standard output")
	transcript.Flags().StringVar(&format, "format", "text", "text, json or vtt")
	recordings := &cobra.Command{Use: "recordings", Short: "Read recordings back"}
	recordings.AddCommand(withTake(get, &take, &identity), withTake(transcript, &take, &identity), playCommand(g), snippetCommand(g), verifyCommand(g), recoverCommand(g))
	return recordings
}

// withTake gives a command the flags that say what to open, and with which keys.
func withTake(c *cobra.Command, take, identity *string) *cobra.Command {
	c.Flags().StringVar(take, "take", "t1", "which take of the call")
	c.Flags().StringVarP(identity, "identity", "i", "", "age identity file; by default the operator's keys in keys.dir")
	return c
}

// writeTo runs write on a file that appears only when it is whole, or on
// standard output.
func writeTo[T any](path string, write func(io.Writer) (T, error)) (T, error) {
	if path == "-" {
		return write(os.Stdout)
	}
	var none T
	f, err := os.OpenFile(path+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return none, err
	}
	defer os.Remove(f.Name())
	got, err := write(f)
	if err != nil {
		f.Close()
		return none, err
	}
	if err := f.Close(); err != nil {
		return none, err
	}
	return got, os.Rename(f.Name(), path)
}
