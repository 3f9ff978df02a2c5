package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
)

func keysCommand(g *global) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List the epochs, who opens them, and what is wrapped to them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return listKeys(cmd, g) }}
	keys := &cobra.Command{Use: "keys", Short: "The operator's keys: who can open recordings"}
	keys.AddCommand(initKeysCommand(g), list, challengeCommand(g), rotateCommand(g), destroyEpochCommand(g), exportKeyCommand(g))
	return keys
}

// planFlags adds the flags that say who can open what is recorded in an epoch.
func planFlags(c *cobra.Command, p *app.KeyPlan) {
	c.Flags().BoolVar(&p.Here, "here", false, "make a key, and keep its private half in keys.dir")
	c.Flags().StringVar(&p.File, "identity-file", "", "make a key, and write its private half to this file, which the gateway does not need")
	c.Flags().StringArrayVar(&p.Recipients, "recipient", nil, "age recipient who can open as well and has answered a challenge; may be given several times")
	c.Flags().StringVar(&p.KMSKey, "kms-key", "", "key of AWS KMS (id, ARN or alias/...) in place of age keys")
	for _, other := range []string{"identity-file", "recipient", "here"} {
		c.MarkFlagsMutuallyExclusive("kms-key", other)
	}
	c.MarkFlagsMutuallyExclusive("here", "identity-file")
}

func initKeysCommand(g *global) *cobra.Command {
	var plan app.KeyPlan
	c := &cobra.Command{Use: "init", Short: "Make the first epoch, before the first start of the gateway", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := g.load()
			if err != nil {
				return err
			}
			e, err := app.InitKeys(cmd.Context(), config, plan)
			if err != nil || g.json {
				return orJSON(e, err)
			}
			printEpoch(e)
			return nil
		}}
	planFlags(c, &plan)
	return c
}

func listKeys(cmd *cobra.Command, g *global) error {
	return withKeys(cmd, g, func(k *app.KeyAdmin) error {
		list, err := k.List(cmd.Context())
		if err != nil || g.json {
			return orJSON(list, err)
		}
		for _, e := range list {
			printEpoch(e)
		}
		return nil
	})
}

func printEpoch(e app.KeyEpoch) {
	fmt.Printf("%s  begun %s  private half %s  %d keys wrapped to it, and those of %d takes on the spool", e.ID, day(e.Created), e.Private, e.Wrapped, e.Spooled)
	if e.Current {
		fmt.Print("  (current)")
	}
	fmt.Println()
	if e.ServiceKey != "" {
		fmt.Printf("  kms     %s\n", e.ServiceKey)
	}
	for _, r := range e.Recipients {
		state := "proved " + day(r.Proved)
		if r.Destroyed {
			state = "destroyed"
		}
		fmt.Printf("  %-6s  %s  %s\n", r.Role, r.Recipient, state)
	}
	if !e.Destroyed.IsZero() {
		printDestroyed(e)
	}
}

// printDestroyed says what the end of an epoch has come to.
func printDestroyed(e app.KeyEpoch) {
	fmt.Printf("  destroyed %s", day(e.Destroyed))
	if !e.IrrecoverableAfter.IsZero() {
		fmt.Printf(", irrecoverable_after %s\n", e.IrrecoverableAfter.Local().Format(time.DateTime))
		return
	}
	fmt.Println(", and not irrecoverable: these can still open it, until they are named with --gone")
	for _, r := range e.Recipients {
		if !r.Destroyed {
			fmt.Println("    " + r.Recipient)
		}
	}
}

func day(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format(time.DateTime)
}

func challengeCommand(g *global) *cobra.Command {
	var answer, identity string
	c := &cobra.Command{Use: "challenge RECIPIENT", Short: "Have the holder of a key prove that they can decrypt",
		Long: "Prints a challenge, which the holder of the private half opens with age -d -i their.key. What comes out is the answer:\n" +
			"sidetone keys challenge RECIPIENT --answer ANSWER notes that they can decrypt. A new recipient takes part in no epoch before.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (identity != "") {
				return errors.New("name a recipient, or an identity file with -i")
			}
			return challengeKey(g, strings.Join(args, ""), answer, identity)
		}}
	c.Flags().StringVar(&answer, "answer", "", "what was in the challenge; - reads it from standard input")
	c.Flags().StringVarP(&identity, "identity", "i", "", "age identity file, which is at hand: proves its keys without a challenge")
	return c
}

func challengeKey(g *global, recipient, answer, identity string) error {
	config, err := g.load()
	if err != nil {
		return err
	}
	proved := []string{recipient}
	switch {
	case identity != "":
		proved, err = app.ProveKeys(config, identity)
	case answer == "":
		challenge, err := app.ChallengeKey(config, recipient)
		if err != nil || g.json {
			return orJSON(map[string]string{"recipient": recipient, "challenge": string(challenge)}, err)
		}
		_, err = os.Stdout.Write(challenge)
		return err
	case answer == "-":
		if answer, err = firstLine(os.Stdin); err != nil {
			return err
		}
		fallthrough
	default:
		err = app.AnswerKey(config, recipient, answer)
	}
	if err != nil || g.json {
		return orJSON(map[string][]string{"proved": proved}, err)
	}
	for _, r := range proved {
		fmt.Println(r, "can decrypt")
	}
	return nil
}

// firstLine reads a line of at most 64 KiB.
func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func rotateCommand(g *global) *cobra.Command {
	var r app.Rotation
	c := &cobra.Command{Use: "rotate", Short: "Begin the next epoch, and wrap the keys of all recordings to it",
		Long: "Begins the next epoch, and wraps the keys of all recordings to it; no recording is touched. With none of --here, --identity-file,\n" +
			"--recipient and --kms-key the next epoch is kept as the configuration says, or as the current one. It may be cut off at any moment: --resume goes on.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withKeys(cmd, g, func(k *app.KeyAdmin) error { return rotate(cmd, g, k, r) })
		}}
	planFlags(c, &r.Plan)
	c.Flags().BoolVar(&r.Resume, "resume", false, "begin no epoch: rewrap what an earlier rotation has left, or what was stored since")
	c.Flags().BoolVar(&r.NoRewrap, "no-rewrap", false, "begin the epoch alone; whoever has the private half of the old one goes on with --resume")
	c.Flags().StringArrayVarP(&r.Identities, "identity", "i", nil, "age identity file that opens earlier epochs, where their private half is not in keys.dir")
	c.MarkFlagsMutuallyExclusive("resume", "no-rewrap")
	for _, plan := range []string{"here", "identity-file", "recipient", "kms-key"} {
		c.MarkFlagsMutuallyExclusive("resume", plan)
	}
	return c
}

func rotate(cmd *cobra.Command, g *global, k *app.KeyAdmin, r app.Rotation) error {
	r.Progress = func(done, total int) { fmt.Fprintf(os.Stderr, "sidetone: rewrapped %d of %d\n", done, total) }
	w, err := k.Rotate(cmd.Context(), r)
	if err == nil && len(w.Left) > 0 {
		err = fmt.Errorf("%d keys could not be rewrapped; the first: %s", len(w.Left), w.Left[0])
	}
	if w.Epoch == "" {
		return err
	}
	if g.json {
		return errors.Join(err, printJSON(w))
	}
	fmt.Printf("%s is the current epoch; %d keys were wrapped to it\n", w.Epoch, w.Moved)
	for epoch, n := range w.Spooled {
		fmt.Printf("%d takes on the spool are wrapped to %s: run sidetone keys rotate --resume when they are stored\n", n, epoch)
	}
	for _, r := range w.Remaining {
		fmt.Printf("%s opens earlier epochs too: what is erased stays open to that key until it is destroyed\n", r)
	}
	return err
}

func destroyEpochCommand(g *global) *cobra.Command {
	var file string
	var gone []string
	c := &cobra.Command{Use: "destroy-epoch EPOCH", Short: "Destroy the private half of an epoch to which nothing is wrapped any more", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withKeys(cmd, g, func(k *app.KeyAdmin) error {
				e, err := k.DestroyEpoch(cmd.Context(), args[0], file, gone)
				if err != nil || g.json {
					return orJSON(e, err)
				}
				fmt.Println(e.ID)
				printDestroyed(e)
				return nil
			})
		}}
	c.Flags().StringVar(&file, "identity-file", "", "file that holds the private half, where it is not in keys.dir; it is overwritten and removed")
	c.Flags().StringArrayVar(&gone, "gone", nil, "recipient whose holder has destroyed the private half; may be given several times")
	return c
}

func exportKeyCommand(g *global) *cobra.Command {
	var public bool
	var recipient, passphraseFile, out string
	c := &cobra.Command{Use: "export [EPOCH]", Short: "Write the public halves, or a sealed backup of a private half",
		Long: "With --public: the list of epochs with their public halves, which is the epochs.json of a gateway that records and can not open.\n" +
			"Else a backup of the private half of EPOCH, an age file that age -d opens with the passphrase, or with the key of the recipient.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if public == (len(args) == 1) {
				return errors.New("name an epoch, or --public")
			}
			if !public && (recipient == "") == (passphraseFile == "") {
				return errors.New("a private half leaves only sealed: name --recipient or --passphrase-file")
			}
			return exportKey(g, strings.Join(args, ""), recipient, passphraseFile, out)
		}}
	c.Flags().BoolVar(&public, "public", false, "the public halves of all epochs")
	c.Flags().StringVar(&recipient, "recipient", "", "age recipient to whom the private half is sealed")
	c.Flags().StringVar(&passphraseFile, "passphrase-file", "", "file whose first line is the passphrase; - for standard input")
	c.Flags().StringVarP(&out, "output", "o", "-", "file to write; - for standard output")
	return c
}

func exportKey(g *global, epoch, recipient, passphraseFile, out string) error {
	config, err := g.load()
	if err != nil {
		return err
	}
	var b []byte
	if epoch == "" {
		b, err = app.ExportPublic(config)
	} else {
		var passphrase string
		if passphrase, err = passphraseIn(passphraseFile); err == nil {
			b, err = app.ExportKey(config, epoch, recipient, passphrase)
		}
	}
	if err != nil {
		return err
	}
	_, err = writeTo(out, func(w io.Writer) (int, error) { return w.Write(b) })
	return err
}

// passphraseIn reads the first line of a file; of no file it is empty.
func passphraseIn(file string) (string, error) {
	switch file {
	case "":
		return "", nil
	case "-":
		return firstLine(os.Stdin)
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return firstLine(f)
}

// withKeys opens keys and object store for the time of do.
func withKeys(cmd *cobra.Command, g *global, do func(*app.KeyAdmin) error) error {
	config, err := g.load()
	if err != nil {
		return err
	}
	keys, err := app.OpenKeyAdmin(cmd.Context(), config)
	if err != nil {
		return err
	}
	return errors.Join(do(keys), keys.Close())
}
