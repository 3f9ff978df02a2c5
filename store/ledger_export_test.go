package store

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// check runs the commands of a bundle's README.txt as that page says, and
// returns what they print.
func check(t *testing.T, dir string) (string, error) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(dir, "README.txt"))
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^    (sed .*)$`).FindSubmatch(page)
	if command == nil {
		t.Fatalf("no command in\n%s", page)
	}
	c := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", string(command[1]))
	c.Dir = dir
	out, err := c.CombinedOutput()
	return string(out), err
}

// files returns the names in a bundle.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if want := map[bool]fs.FileMode{true: fs.ModeDir | 0o700, false: 0o600}[d.IsDir()]; err == nil && info.Mode() != want {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		if !d.IsDir() {
			rel, _ := filepath.Rel(dir, name)
			names = append(names, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func copyBundle(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "bundle")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// A call with rows in two checkpoints of one process and in a chain of another
// can be checked with the tools of any system, and with any byte changed it
// cannot.
func TestExport(t *testing.T) { onEachEngine(t, testExport) }

func testExport(t *testing.T, location string) {
	a, b := openLedger(t, location, signed(1)), openLedger(t, location, signed(2))
	appendRow(t, a, "x0", "notice", "another call")
	appendRow(t, a, "c1", "notice", "{\"language\":\"en\"}\n")
	appendRow(t, a, "x0", "granted", "another call")
	appendRow(t, a, "c1", "granted", "\x00\xff  $ exit 1")
	if _, err := a.sign(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		appendRow(t, a, "x0", "granted", "another call")
	}
	if _, err := a.sign(t.Context()); err != nil {
		t.Fatal(err)
	}
	appendRow(t, a, "c1", "withdrawn", "")
	appendRow(t, a, "x0", "withdrawn", "another call")
	appendRow(t, b, "c1", "erased", "{}")
	dir := filepath.Join(t.TempDir(), "bundle")
	if err := b.Export(t.Context(), "c1", dir, t.TempDir()); err != nil { // signs what is not
		t.Fatal(err)
	}
	want := []string{"README.txt", "checkpoints/1.pem", "checkpoints/1.sig", "checkpoints/1.txt", "checkpoints/3.pem", "checkpoints/3.sig", "checkpoints/3.txt",
		"links/1-" + a.Chain() + ".txt", "links/3-" + a.Chain() + ".txt", "links/3-" + b.Chain() + ".txt",
		"rows/" + a.Chain() + "-10.txt", "rows/" + a.Chain() + "-2.txt", "rows/" + a.Chain() + "-4.txt",
		"rows/" + b.Chain() + "-1.txt", "rows.sha256"}
	slices.Sort(want)
	got := files(t, dir)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("files\n%s\nwanted\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	out, err := check(t, dir)
	if err != nil || out != strings.Repeat("Signature Verified Successfully\n", 2) {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range got {
		body, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(body, []byte("another call")) || bytes.Contains(body, []byte("x0")) {
			t.Errorf("%s tells of another call", name)
		}
	}
	testKeys(t, dir)
	if !isPostgres(location) { // once: a bundle is the same from everywhere
		testChangedBundles(t, dir, got)
	}
}

// The keys in a bundle are the signers', as openssl writes them.
func testKeys(t *testing.T, dir string) {
	for name, node := range map[string]byte{"1": 1, "3": 2} {
		text, err := os.ReadFile(filepath.Join(dir, "checkpoints", name+".pem"))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil || !publicKey(node).Equal(key) {
			t.Errorf("the key of checkpoint %s is %x, error %v", name, key, err)
		}
	}
}

// testChangedBundles changes a byte of each file, and one file for another.
func testChangedBundles(t *testing.T, dir string, names []string) {
	for _, name := range names {
		if name == "README.txt" {
			continue
		}
		changed := copyBundle(t, dir)
		file := filepath.Join(changed, name)
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		at := len(body) / 2
		body[at] ^= 1
		if err := os.WriteFile(file, body, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := check(t, changed); err == nil {
			t.Errorf("%s, byte %d changed: the commands say\n%s", name, at, out)
		}
	}
	for _, test := range []struct{ name, command string }{
		{"a row exchanged with its sum", `f=$(ls rows/* | head -1); echo forged > $f; sha256sum rows/* > rows.sha256`},
		{"a link left out", `for f in links/1-*; do sed -i 2d $f; done`},
		{"the signed end left out", `for f in links/3-*; do sed -i '$d' $f; done`},
		{"links of another hash", `for f in links/1-*; do sed -i 's/ \([0-9a-f]*\)$/ 00\1/' $f; done`},
		{"a row under another number", `f=$(ls rows/*-2.txt); mv $f ${f%-2.txt}-3.txt; sed -i 's/-2.txt/-3.txt/' rows.sha256`},
		{"signed by another", `cp checkpoints/1.sig checkpoints/3.sig; cp checkpoints/1.pem checkpoints/3.pem`},
	} {
		changed := copyBundle(t, dir)
		c := exec.CommandContext(t.Context(), "bash", "-e", "-c", test.command)
		c.Dir = changed
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", test.name, err, out)
		}
		if out, err := check(t, changed); err == nil {
			t.Errorf("%s: the commands say\n%s", test.name, out)
		}
	}
}

func TestExportRefuses(t *testing.T) { onEachEngine(t, testExportRefuses) }

func testExportRefuses(t *testing.T, location string) {
	f := &forger{Ledger: openLedger(t, location), t: t}
	signer := openLedger(t, location, signed(1))
	for i := range 4 {
		appendRow(t, f.Ledger, fmt.Sprint("c", i%2+1), "grant", "")
	}
	out := func() string { return filepath.Join(t.TempDir(), "bundle") }
	if err := f.Export(t.Context(), "c9", out(), t.TempDir()); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown call: %v", err)
	}
	if err := f.Export(t.Context(), "c1", out(), t.TempDir()); !errors.Is(err, ErrUnsigned) {
		t.Errorf("nothing signed: %v", err)
	}
	if err := signer.Export(t.Context(), "c1", t.TempDir(), t.TempDir()); !errors.Is(err, os.ErrExist) {
		t.Errorf("a folder that is there: %v", err)
	}
	if err := f.Export(t.Context(), "c1", out(), t.TempDir()); err != nil {
		t.Errorf("signed by another: %v", err)
	}
	unguard(t, f.Ledger)
	f.do(`update ledger set event = 'refuse' where seq = 2`)
	if err := f.Export(t.Context(), "c1", out(), t.TempDir()); !errors.Is(err, ErrTampered) {
		t.Errorf("a row in between was changed: %v", err)
	}
	f.do(`update ledger set event = 'grant' where seq = 2`)
	f.do(`delete from ledger where seq = 4`)
	if err := f.Export(t.Context(), "c1", out(), t.TempDir()); !errors.Is(err, ErrTampered) {
		t.Errorf("the signed row is gone: %v", err)
	}
	f.do(`update ledger set chain = '../../x' where seq = 3`)
	if err := f.Export(t.Context(), "c1", out(), t.TempDir()); err == nil {
		t.Error("a chain that is a path")
	}
}

// Rows from before chains had names have their sums, and the page says what
// they lack.
func TestExportOfOldRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	oldLedger(t, path, Row{Call: "c2", Event: "granted", Body: []byte("{}")}, Row{Call: "c1", Event: "granted", Body: []byte("{}")})
	l := openLedger(t, path, signed(1))
	for rows, name := range []string{"only old", "old and new"} {
		if rows > 0 {
			appendRow(t, l, "c1", "erased", "")
		}
		dir := filepath.Join(t.TempDir(), "bundle")
		if err := l.Export(t.Context(), "c1", dir, t.TempDir()); err != nil {
			t.Fatal(err)
		}
		if out, err := check(t, dir); err != nil || strings.Count(out, "Successfully") != rows {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		page, err := os.ReadFile(filepath.Join(dir, "README.txt"))
		if err != nil || !strings.Contains(string(page), "1 of the old layout") || !strings.Contains(string(page), "Rows of the old layout") {
			t.Errorf("%s: error %v, the page says\n%s", name, err, page)
		}
		if err := os.WriteFile(filepath.Join(dir, "rows/old-2.txt"), []byte("changed"), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := check(t, dir); err == nil {
			t.Errorf("%s, changed: the commands say\n%s", name, out)
		}
	}
}
