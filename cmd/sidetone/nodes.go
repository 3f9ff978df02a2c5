package main

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sidetone/internal/app"
)

func nodesCommand(g *global) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List the certificates in the bucket, and whether they count", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return listNodes(cmd, g) }}
	var o app.CertifyOptions
	var since, out string
	certify := &cobra.Command{Use: "certify", Short: "Certify a node's signing key by the operator's, for its node.cert.json", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return certifyNode(g, o, since, out) }}
	certify.Flags().StringVar(&o.Node, "node", "", "file of the node's public key, node.pub.pem")
	certify.Flags().StringVar(&o.Name, "name", "", "what the node is called, for people")
	certify.Flags().StringVar(&o.Operator, "operator", "", "file of the operator's private key; by default operator-sign.pem in keys.dir")
	certify.Flags().StringVar(&since, "not-before", "", "what it signs of earlier times does not count; RFC 3339, now if empty")
	certify.Flags().StringVar(&out, "out", "node.cert.json", "file to write")
	for _, name := range []string{"node", "name"} {
		if err := certify.MarkFlagRequired(name); err != nil {
			panic(err) // the flag stands above
		}
	}
	nodes := &cobra.Command{Use: "nodes", Short: "Certify gateways whose signatures count"}
	nodes.AddCommand(list, certify)
	return nodes
}

func listNodes(cmd *cobra.Command, g *global) error {
	config, err := g.load()
	if err != nil {
		return err
	}
	nodes, err := app.Nodes(cmd.Context(), config)
	if err != nil || g.json {
		return orJSON(nodes, err)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tNAME\tNOT BEFORE\tSTATE")
	for _, n := range nodes {
		state, since := "certified", n.NotBefore.Local().Format(time.DateTime)
		if n.Fault != "" {
			state, since = n.Fault, ""
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", n.Fingerprint, n.Name, since, state)
	}
	return w.Flush()
}

func certifyNode(g *global, o app.CertifyOptions, since, out string) (err error) {
	config, err := g.load()
	if err != nil {
		return err
	}
	o.NotBefore = time.Now()
	if since != "" {
		if o.NotBefore, err = time.Parse(time.RFC3339, since); err != nil {
			return fmt.Errorf("--not-before: %w", err)
		}
	}
	certificate, err := app.Certify(config, o)
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, certificate, 0o600); err != nil || g.json {
		return orJSON(map[string]string{"name": o.Name, "file": out}, err)
	}
	fmt.Printf("%s: put it beside the node's keys, as node.cert.json; the gateway publishes it when it starts\n", out)
	return nil
}
