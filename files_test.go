package sidetone_test

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// made are the folders at the root that commands fill and git ignores.
var made = []string{"bin", "data", "models"}

// sourceFiles returns the files of the repository whose names end in one of
// the suffixes, or all of them.
func sourceFiles(t *testing.T, suffixes ...string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && name != ".ci" && strings.HasPrefix(d.Name(), "."),
			d.IsDir() && (slices.Contains(made, name) || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.Type().IsRegular() && (len(suffixes) == 0 ||
			slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) })):
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parse(t *testing.T, fset *token.FileSet, name string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }

// The ceilings of lines a file: above them it has more than one subject.
const (
	maxLines     = 500
	maxTestLines = 800
)

func TestFilesAreShort(t *testing.T) {
	for _, name := range sourceFiles(t, ".go", ".ts", ".sh") {
		ceiling := maxLines
		if isTest(name) || strings.HasSuffix(name, ".test.ts") {
			ceiling = maxTestLines
		}
		if n := bytes.Count(read(t, name), []byte("\n")); n > ceiling {
			t.Errorf("%s: %d lines, the ceiling is %d", name, n, ceiling)
		}
	}
}

func TestFilesAreFormatted(t *testing.T) {
	for _, name := range sourceFiles(t, ".go") {
		text := read(t, name)
		if formatted, err := format.Source(text); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !bytes.Equal(text, formatted) {
			t.Errorf("%s: gofmt would change it", name)
		}
	}
}

// A test that sleeps is slow, or fails on a busy machine. In a synctest bubble
// sleeping is how time is moved, and takes none; the tests of a folder that
// uses bubbles may sleep, since their helpers run inside.
func TestNoTestSleepsOrIsSkipped(t *testing.T) {
	type source struct {
		fset *token.FileSet
		file *ast.File
	}
	folders := make(map[string][]source)
	for _, name := range sourceFiles(t, ".go") {
		if dir := filepath.Dir(name); isTest(name) || strings.HasSuffix(dir, "test") {
			fset := token.NewFileSet()
			folders[dir] = append(folders[dir], source{fset, parse(t, fset, name)})
		}
	}
	for _, sources := range folders {
		bubbles := slices.ContainsFunc(sources, func(s source) bool { return importsSynctest(s.file) })
		for _, s := range sources {
			for _, fault := range testFaults(s.fset, s.file, bubbles) {
				t.Error(fault)
			}
		}
	}
}

func importsSynctest(file *ast.File) bool {
	return slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing/synctest"` })
}

func testFaults(fset *token.FileSet, file *ast.File, bubbles bool) (faults []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := selector.X.(*ast.Ident)
		if !ok {
			return true
		}
		at := fset.Position(n.Pos()).String()
		switch name := selector.Sel.Name; {
		case x.Name == "time" && name == "Sleep" && !bubbles:
			faults = append(faults, at+": sleeps outside of virtual time")
		case (x.Name == "t" || x.Name == "b" || x.Name == "tb") && (name == "Skip" || name == "Skipf" || name == "SkipNow"):
			faults = append(faults, at+": skips a test")
		}
		return true
	})
	return faults
}

func TestSleepsAndSkipsAreFound(t *testing.T) {
	for source, want := range map[string]int{
		`package p; import "time"; func f() { time.Sleep(1) }`:                              1,
		`package p; import ("testing/synctest"; "time"); func f() { time.Sleep(1) }`:        0,
		`package p; import "testing"; func f(t *testing.T) { t.Skip("not today") }`:         1,
		`package p; import "testing"; func f(tb testing.TB) { tb.SkipNow(); tb.Skipf("") }`: 2,
		`package p; import "testing"; func f(t *testing.T) { t.Log("time.Sleep") }`:         0,
	} {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "x_test.go", source, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := testFaults(fset, file, importsSynctest(file)); len(got) != want {
			t.Errorf("%s: found %q, wanted %d", source, got, want)
		}
	}
}

// machinePaths are folders of the machines that this was written on. They are
// in pieces, so as not to find themselves.
var machinePaths = regexp.MustCompile("/wor" + "k/|/far" + "m/|bash_" + "jobs")

func TestNoFileNamesAMachine(t *testing.T) {
	hosts := registryHosts(t)
	for _, name := range sourceFiles(t) {
		text := read(t, name)
		if bytes.IndexByte(text[:min(len(text), 8000)], 0) >= 0 {
			continue // audio and other data
		}
		if found := machinePaths.Find(text); found != nil {
			t.Errorf("%s: holds a path of one machine, %s", name, found)
		}
		for _, host := range hosts {
			if bytes.Contains(text, []byte(host)) {
				t.Errorf("%s: names the package registry of one machine", name)
			}
		}
	}
}

// registryHosts returns the hosts of the module proxies that this machine
// uses, but for the public ones.
func registryHosts(t *testing.T) (hosts []string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOPROXY").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, proxy := range strings.FieldsFunc(strings.TrimSpace(string(out)), func(r rune) bool { return r == ',' || r == '|' }) {
		u, err := url.Parse(proxy)
		if err == nil && u.Hostname() != "" && u.Hostname() != "localhost" && !strings.HasSuffix(u.Hostname(), "golang.org") {
			hosts = append(hosts, u.Hostname())
		}
	}
	return hosts
}
