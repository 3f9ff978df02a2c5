package consent_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sidetone/consent"
	"sidetone/consent/gatetest"
	"sidetone/media"
)

func TestZeroGateAdmitsNothing(t *testing.T) {
	var g consent.Gate
	f := media.Frame{At: 960, PCM: []int16{1, 2, 3}}
	if _, ok := g.Converse(f); ok {
		t.Error("Converse admitted a frame")
	}
	if _, ok := g.Record(f); ok {
		t.Error("Record admitted a frame")
	}
	if _, ok := g.Own(f); ok {
		t.Error("Own admitted a frame")
	}
	if _, ok := g.LeadIn(f); ok {
		t.Error("LeadIn admitted a frame")
	}
	if _, ok := g.Heard(0, 960, "hello"); ok {
		t.Error("Heard admitted words")
	}
	if _, ok := g.Text(0, 960, "hello"); ok {
		t.Error("Text admitted words")
	}
	if _, ok := g.LeadInText(0, 960, "hello"); ok {
		t.Error("LeadInText admitted words")
	}
	if c, ok := g.Clip(0, 960, 0); ok || c != (consent.Clip{}) {
		t.Error("Clip admitted audio")
	}
}

func TestGrantNeverReachesBack(t *testing.T) {
	const grant = 10 * media.FrameTicks
	g := gatetest.OpenAt(grant)
	for _, c := range []struct {
		name     string
		from, to media.Tick
		want     bool
	}{
		{"before", 0, media.FrameTicks, false},
		{"across", grant - 1, grant + 1, false},
		{"at the grant", grant, grant + media.FrameTicks, true},
		{"after", 2 * grant, 3 * grant, true},
	} {
		if _, ok := g.Text(c.from, c.to, "words"); ok != c.want {
			t.Errorf("Text %s the grant: admitted %v, want %v", c.name, ok, c.want)
		}
		if _, ok := g.Heard(c.from, c.to, "words"); ok != c.want {
			t.Errorf("Heard %s the grant: admitted %v, want %v", c.name, ok, c.want)
		}
	}
	if _, ok := g.Record(media.Frame{At: grant - media.FrameTicks}); ok {
		t.Error("a frame that ends at the grant was admitted")
	}
	if _, ok := g.Record(media.Frame{At: grant}); !ok {
		t.Error("the first frame of the grant was refused")
	}
	if _, ok := g.LeadIn(media.Frame{At: 0}); !ok {
		t.Error("the announcement was refused although the recording is open")
	}
}

// TestNothingElseCanBeKept compiles programs that try to get around the gate,
// and wants the compiler to refuse each for the right reason.
func TestNothingElseCanBeKept(t *testing.T) {
	cases, err := filepath.Glob("testdata/refused/*.go.txt")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range cases {
		t.Run(filepath.Base(path), func(t *testing.T) {
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want, _, ok := strings.Cut(strings.TrimPrefix(string(source), "// want: "), "\n")
			if !ok {
				t.Fatal("the first line does not say what the compiler should answer")
			}
			out := compile(t, string(source))
			if !strings.Contains(out, want) {
				t.Errorf("the compiler said %q, want %q", out, want)
			}
		})
	}
	if out := compile(t, "package main\n\nimport _ \"sidetone/consent\"\n\nfunc main() {}\n"); out != "" {
		t.Errorf("a harmless program does not compile either: %s", out)
	}
}

// compile type-checks a program inside this module and returns what the
// compiler said.
func compile(t *testing.T, source string) string {
	t.Helper()
	dir, err := os.MkdirTemp(".", "testdata-compile-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-o", os.DevNull, "./"+dir)
	out, _ := cmd.CombinedOutput()
	return string(out)
}
