package sidetone_test

import (
	"errors"
	"go/ast"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every package says once what it is, in a comment that go doc shows.
func TestPackagesHaveOneComment(t *testing.T) {
	comments := make(map[string][]string) // by folder
	names := make(map[string]string)
	for _, name := range sourceFiles(t, ".go") {
		dir := filepath.Dir(name)
		if isTest(name) && dir != "." || strings.Contains(name, "testdata") {
			continue // the root has tests alone
		}
		file := parse(t, token.NewFileSet(), name)
		names[dir] = file.Name.Name
		if file.Doc != nil && file.Doc.Text() != "" {
			comments[dir] = append(comments[dir], file.Doc.Text())
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(names)) {
		if fault := commentFault(dir, names[dir], comments[dir]); fault != "" {
			t.Errorf("%s: %s", dir, fault)
		}
	}
}

func commentFault(dir, name string, comments []string) string {
	want := "Package " + name + " "
	if name == "main" {
		want = "Command " + filepath.Base(dir) + " "
	}
	switch {
	case len(comments) == 0:
		return "has no package comment"
	case len(comments) > 1:
		return "has " + strconv.Itoa(len(comments)) + " package comments"
	case !strings.HasPrefix(comments[0], want):
		return "its package comment does not begin with " + strconv.Quote(want)
	case !strings.HasSuffix(strings.TrimSpace(strings.SplitN(comments[0], "\n\n", 2)[0]), "."):
		return "its package comment does not begin with a whole paragraph"
	}
	return ""
}

func TestCommentFaultsAreFound(t *testing.T) {
	for _, test := range []struct {
		dir, name string
		comments  []string
		want      string
	}{
		{"media", "media", []string{"Package media is sound.\n"}, ""},
		{"media", "media", []string{"Package media is sound.\n\nFormat: https://example.com/media\n"}, ""},
		{"cmd/sidetone", "main", []string{"Command sidetone answers.\n"}, ""},
		{"media", "media", nil, "has no package comment"},
		{"media", "media", []string{"Package media is sound.", "Package media is more."}, "has 2 package comments"},
		{"media", "media", []string{"This package is sound."}, `its package comment does not begin with "Package media "`},
		{"media", "media", []string{"Package media is"}, "its package comment does not begin with a whole paragraph"},
	} {
		if got := commentFault(test.dir, test.name, test.comments); got != test.want {
			t.Errorf("%q: found %q, wanted %q", test.comments, got, test.want)
		}
	}
}

const metricsPage = "docs/metrics.md"

var metricName = regexp.MustCompile(`^sidetone_[a-z0-9_]+$`)

// The page of metrics and the source name the same metrics.
func TestMetricsAreDocumented(t *testing.T) {
	source := make(map[string]string)
	for _, name := range sourceFiles(t, ".go") {
		if isTest(name) {
			continue
		}
		fset := token.NewFileSet()
		file := parse(t, fset, name)
		for _, metric := range metricsIn(file) {
			source[metric] = name
		}
		for _, at := range namespacesIn(fset, file) {
			t.Errorf("%s: write the whole name of the metric in one string, so that it can be found", at)
		}
	}
	if len(source) == 0 {
		t.Fatal("no metric found in the source")
	}
	page, err := os.ReadFile(metricsPage)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	documented := make(map[string]bool)
	for _, metric := range regexp.MustCompile("`(sidetone_[a-z0-9_]+)[`{]").FindAllStringSubmatch(string(page), -1) {
		documented[metric[1]] = true
	}
	for _, metric := range slices.Sorted(maps.Keys(source)) {
		if !documented[metric] {
			t.Errorf("%s of %s is not in %s", metric, source[metric], metricsPage)
		}
	}
	for _, metric := range slices.Sorted(maps.Keys(documented)) {
		if source[metric] == "" {
			t.Errorf("%s of %s is not in the source", metric, metricsPage)
		}
	}
}

// metricsIn returns the string constants that have the form of our metrics.
func metricsIn(file *ast.File) (names []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if text, err := strconv.Unquote(literal.Value); err == nil && metricName.MatchString(text) {
				names = append(names, text)
			}
		}
		return true
	})
	return names
}

// namespacesIn returns where the name of a metric is put together from parts.
func namespacesIn(fset *token.FileSet, file *ast.File) (at []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		if pair, ok := n.(*ast.KeyValueExpr); ok {
			if key, ok := pair.Key.(*ast.Ident); ok && (key.Name == "Namespace" || key.Name == "Subsystem") {
				at = append(at, fset.Position(pair.Pos()).String())
			}
		}
		return true
	})
	return at
}

var (
	fence   = regexp.MustCompile("(?s)\n```.*?\n```")
	link    = regexp.MustCompile(`\]\(([^()\s]+)(?:\s+"[^"]*")?\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.*?) *#*$`)
)

// A link within the repository leads to a file, and to a heading of it.
func TestLinksResolve(t *testing.T) {
	for _, name := range sourceFiles(t, ".md") {
		text := fence.ReplaceAllString("\n"+string(read(t, name)), "")
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			if fault := linkFault(name, found[1]); fault != "" {
				t.Errorf("%s: link %s: %s", name, found[1], fault)
			}
		}
	}
}

func linkFault(from, target string) string {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return ""
	}
	file, anchor, _ := strings.Cut(target, "#")
	name := from
	if file != "" {
		name = filepath.Join(filepath.Dir(from), file)
	}
	if _, err := os.Stat(name); err != nil {
		return "no such file"
	}
	if anchor == "" || !strings.HasSuffix(name, ".md") {
		return ""
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	for _, h := range heading.FindAllStringSubmatch(string(text), -1) {
		if slug(h[1]) == anchor {
			return ""
		}
	}
	return "no such heading"
}

var dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// slug is how a heading is named in links.
func slug(text string) string {
	return strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(text), ""), " ", "-")
}

func TestDeadLinksAreFound(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "page.md")
	if err := os.WriteFile(page, []byte("# The `first` part, and more\n\n## Two\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{
		"page.md":                          "",
		"page.md#two":                      "",
		"#the-first-part-and-more":         "",
		"https://example.com/nowhere#here": "",
		"other.md":                         "no such file",
		"page.md#three":                    "no such heading",
		"#three":                           "no such heading",
	} {
		if got := linkFault(page, target); got != want {
			t.Errorf("%s: found %q, wanted %q", target, got, want)
		}
	}
}
