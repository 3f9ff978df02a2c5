package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sidetone/configs"
	"sidetone/consent"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// databaseAt is where the calls of a configuration are kept.
func databaseAt(c *configs.Config) string { return location(c, "sidetone.db") }

// ledgerAt is where its ledger is kept.
func ledgerAt(c *configs.Config) string { return location(c, "ledger.db") }

func location(c *configs.Config, name string) string {
	if c.Database.URL != "" {
		return string(c.Database.URL)
	}
	return filepath.Join(c.DataDir, "db", name)
}

// Checked says what a check of the ledger has seen.
type Checked struct {
	store.Verified
	Calls int `json:"calls"`
}

// check verifies the chains and signatures of a ledger, and then that the rows of
// each call can have come about by the rules. The error names the first row that
// is wrong.
func check(ctx context.Context, l *store.Ledger, t *trust) (c Checked, err error) {
	trusted, unknown := t.signers(ctx, l)
	if c.Verified, err = l.Verify(ctx, trusted); err != nil {
		return c, errors.Join(err, unknown)
	}
	err = l.EachCall(ctx, func(call string, rows []store.Row) error {
		c.Calls++
		return checkCall(call, rows)
	})
	return c, err
}

func checkCall(call string, rows []store.Row) error {
	var decoded []consent.Row
	for _, r := range rows {
		if aboutRecording(r.Event) {
			continue
		}
		var row consent.Row
		if err := json.Unmarshal(r.Body, &row); err != nil {
			return fmt.Errorf("%w: call %s, row %d of chain %s: %w", consent.ErrRows, call, r.Seq, r.Chain, err)
		}
		decoded = append(decoded, row)
	}
	if err := consent.CheckRows(decoded); err != nil {
		return fmt.Errorf("call %s, from row %d of chain %s on: %w", call, rows[0].Seq, rows[0].Chain, err)
	}
	if _, err := anchorsOf(rows); err != nil {
		return fmt.Errorf("call %s: %w", call, err)
	}
	return nil
}

// checkEvery is how often a gateway checks the ledger, beside its start.
const checkEvery = 24 * time.Hour

// openChecks has the ledger checked at the start and each day.
func (a *App) openChecks(context.Context, Options) error {
	failures := prometheus.NewCounter(prometheus.CounterOpts{Name: "sidetone_ledger_verify_failures_total",
		Help: "Checks of the ledger that found something wrong; must stay 0."})
	a.registry.MustRegister(failures)
	a.background("ledger checks", func(ctx context.Context) error {
		again := time.NewTicker(checkEvery)
		defer again.Stop()
		for {
			checked, err := check(ctx, a.ledger, a.trust)
			switch {
			case err == nil:
				a.log.Debug("ledger checked", "rows", checked.Rows, "calls", checked.Calls)
			case ctx.Err() == nil:
				failures.Inc()
				a.log.Error("the ledger is not what was written", "err", err)
			}
			select {
			case <-again.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	return nil
}

// Evidence is a ledger that is checked or handed out: for the command line,
// beside a running gateway or without one.
type Evidence struct {
	config *configs.Config
	ledger *store.Ledger
	s3     *store.S3Options // nil: the configured bucket, opened when a certificate is asked for
	opened *Objects
}

// OpenEvidenceIn is OpenEvidence with an object store that the caller has opened.
func OpenEvidenceIn(ctx context.Context, c *configs.Config, s3 store.S3Options) (*Evidence, error) {
	e, err := OpenEvidence(ctx, c, false)
	if err == nil {
		e.s3 = &s3
	}
	return e, err
}

// OpenEvidence opens the ledger of a configuration. With sign, rows that no
// checkpoint covers can be signed by this node's key.
func OpenEvidence(ctx context.Context, c *configs.Config, sign bool) (*Evidence, error) {
	if _, err := os.Stat(ledgerAt(c)); c.Database.URL == "" && err != nil {
		return nil, fmt.Errorf("app: there is no ledger in %s: %w", c.DataDir, err)
	}
	o := store.LedgerOptions{}
	if sign {
		node, err := seal.OpenNode(NodeDir(c))
		if err != nil {
			return nil, err
		}
		o.Sign, o.Key = node.Sign, node.PublicKey()
	}
	l, err := store.OpenLedger(ctx, ledgerAt(c), o)
	if err != nil {
		return nil, err
	}
	return &Evidence{config: c, ledger: l}, nil
}

// Close closes the ledger.
func (e *Evidence) Close() error {
	err := e.ledger.Close()
	if e.opened != nil {
		err = errors.Join(err, e.opened.Close())
	}
	return err
}

// Verify checks the whole ledger. It trusts this node's key, those that are named,
// and the nodes that the operator has certified.
func (e *Evidence) Verify(ctx context.Context, o TrustOptions) (Checked, error) {
	t, err := newTrust(e.config, o, e.certificates)
	if err != nil {
		return Checked{}, err
	}
	return check(ctx, e.ledger, t)
}

// certificates opens the bucket, in which the certificates of nodes are.
func (e *Evidence) certificates(ctx context.Context) (recorder.Getter, error) {
	if e.s3 == nil {
		opened, err := OpenObjects(ctx, e.config)
		if err != nil {
			return nil, err
		}
		e.opened, e.s3 = opened, &opened.S3
	}
	return store.OpenS3(ctx, *e.s3)
}

// Export writes what proves the rows of a call, and what the caller was told, into
// a new directory; see its README.txt.
func (e *Evidence) Export(ctx context.Context, call, dir string) error {
	return e.ledger.Export(ctx, call, dir, messagesDir(e.config))
}
