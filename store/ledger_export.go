package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"
)

//go:embed export.txt
var exportText string

// exportReadme is the page of an exported bundle: what it shows, and commands
// that check it.
var exportReadme = template.Must(template.New("README.txt").Parse(exportText))

// bundle is what is known of an export while it is made.
type bundle struct {
	Call        string // quoted
	Rows        int
	Old         int // of Rows, those of the chain without a name
	Made        time.Time
	Checkpoints []int64
	Messages    int      // that the rows name
	Sounds      int      // of their parts
	Missing     []string // names of messages and sounds that are not to be had
	files       []file
	sums        strings.Builder
}

// file is one of a bundle, by its path in it.
type file struct {
	name string
	body []byte
}

// Export writes into dir, which must not exist, what shows the rows of a call
// to one who has no Sidetone: each row as the text that was hashed, the links
// from there to a checkpoint, where the rows of other calls are hashes alone,
// the checkpoint with its signature and key, and a README.txt of commands for
// sha256sum and openssl. Folders have mode 0700, files 0600.
//
// Rows that no checkpoint covers are signed first, if this ledger signs; if not,
// the error wraps ErrUnsigned. ErrNotFound says that the call has no rows,
// ErrTampered that they do not verify.
func (l *Ledger) Export(ctx context.Context, call, dir, messages string) error {
	b, err := l.signed(ctx, call, messages)
	if err == nil {
		err = b.write(dir)
	}
	if err != nil {
		return fmt.Errorf("store: export ledger of call %s: %w", call, err)
	}
	return nil
}

// ExportTo is Export to a function, which is called with the path and the content of
// each file.
func (l *Ledger) ExportTo(ctx context.Context, call, messages string, add func(name string, body []byte) error) error {
	b, err := l.signed(ctx, call, messages)
	if err != nil {
		return fmt.Errorf("store: export ledger of call %s: %w", call, err)
	}
	for _, f := range b.files {
		if err := add(f.name, f.body); err != nil {
			return err
		}
	}
	return nil
}

// signed gathers the files, once a checkpoint covers all rows of the call.
func (l *Ledger) signed(ctx context.Context, call, messages string) (*bundle, error) {
	b, err := l.bundle(ctx, call, messages)
	if errors.Is(err, ErrUnsigned) && l.o.Sign != nil {
		if _, err = l.sign(ctx); err == nil {
			b, err = l.bundle(ctx, call, messages)
		}
	}
	return b, err
}

// bundle gathers the files as the ledger stands at one moment.
func (l *Ledger) bundle(ctx context.Context, call, messages string) (*bundle, error) {
	tx, err := l.db.BeginTx(ctx, l.db.snapshot)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	b := &bundle{Call: fmt.Sprintf("%q", call), Made: time.Now().UTC().Truncate(time.Second)}
	var rows []Row
	err = scanRows(ctx, tx, selectRows+`where call = $1 order by chain, seq`, func(r Row) error {
		rows = append(rows, r)
		return nil
	}, call)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, ErrNotFound
	}
	b.Rows = len(rows)
	if err := b.addMessages(messages, rows); err != nil {
		return nil, err
	}
	for len(rows) > 0 {
		if rows, err = b.addRun(ctx, tx, rows); err != nil {
			return nil, err
		}
	}
	b.add("rows.sha256", []byte(b.sums.String()))
	var page strings.Builder
	if err := exportReadme.Execute(&page, b); err != nil {
		return nil, err
	}
	b.add("README.txt", []byte(page.String()))
	return b, nil
}

func (b *bundle) add(name string, body []byte) { b.files = append(b.files, file{name, body}) }

// addRow adds the text that is hashed, and its sum.
func (b *bundle) addRow(r Row, text []byte) {
	name := fmt.Sprintf("rows/%s-%d.txt", cmp.Or(r.Chain, "old"), r.Seq)
	b.add(name, text)
	fmt.Fprintf(&b.sums, "%x  %s\n", sha256.Sum256(text), name)
}

// addRun adds the first row, those after it that the same checkpoint covers, and
// what leads from the first to that checkpoint. It returns the other rows.
func (b *bundle) addRun(ctx context.Context, tx *sql.Tx, rows []Row) (rest []Row, err error) {
	first := rows[0]
	prev := Row{Chain: first.Chain, Seq: first.Seq - 1}
	if prev.Seq > 0 {
		err := scanRows(ctx, tx, selectRows+`where chain = $1 and seq = $2`, func(r Row) error {
			prev = r
			return nil
		}, prev.Chain, prev.Seq)
		if err != nil {
			return nil, err
		}
	}
	if first.Chain == "" {
		b.Old++
		b.addRow(first, oldContent(prev.Hash, first))
		return rows[1:], follow(prev, first)
	}
	var number int64
	var end head
	err = tx.QueryRowContext(ctx, `select checkpoint, seq from ledger_heads where chain = $1 and seq >= $2 order by seq limit 1`,
		first.Chain, first.Seq).Scan(&number, &end.seq)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrUnsigned
	}
	if err != nil {
		return nil, err
	}
	for len(rows) > 0 && rows[0].Chain == first.Chain && rows[0].Seq <= end.seq {
		b.addRow(rows[0], rows[0].content())
		rows = rows[1:]
	}
	if err := b.addLinks(ctx, tx, prev, end.seq, number); err != nil {
		return nil, err
	}
	return rows, b.addCheckpoint(ctx, tx, number)
}

// addLinks adds a line for each row after prev up to the one that the checkpoint
// signed: its number, the hash before, the SHA-256 of its text, its hash.
func (b *bundle) addLinks(ctx context.Context, tx *sql.Tx, prev Row, last, number int64) error {
	var lines []byte
	name := fmt.Sprintf("links/%d-%s.txt", number, prev.Chain)
	err := scanRows(ctx, tx, selectRows+`where chain = $1 and seq > $2 and seq <= $3 order by seq`, func(r Row) error {
		if err := follow(prev, r); err != nil {
			return err
		}
		lines = fmt.Appendf(lines, "%d %x %x %x\n", r.Seq, prev.Hash, sha256.Sum256(r.content()), r.Hash)
		prev = r
		return nil
	}, prev.Chain, prev.Seq, last)
	if err == nil && prev.Seq < last {
		err = &Fault{Chain: prev.Chain, Seq: prev.Seq + 1, What: "is missing"}
	}
	b.add(name, lines)
	return err
}

// addCheckpoint adds a checkpoint, unless another run has.
func (b *bundle) addCheckpoint(ctx context.Context, tx *sql.Tx, number int64) error {
	if slices.Contains(b.Checkpoints, number) {
		return nil
	}
	return eachCheckpoint(ctx, tx, `where c.number = $1`, func(c checkpoint) error {
		der, err := x509.MarshalPKIXPublicKey(c.publicKey())
		if err != nil {
			return err
		}
		b.Checkpoints = append(b.Checkpoints, number)
		name := fmt.Sprintf("checkpoints/%d", number)
		b.add(name+".txt", c.text())
		b.add(name+".sig", c.signature)
		b.add(name+".pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		return nil
	}, number)
}

// write makes the folder and its files.
func (b *bundle) write(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for _, f := range b.files {
		name := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.body, 0o600); err != nil {
			return err
		}
	}
	return nil
}
