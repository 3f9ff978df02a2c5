package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoteRefusals: the text of a note is in no argument.
func TestNoteRefusals(t *testing.T) {
	t.Setenv("SIDETONE_DATA_DIR", t.TempDir())
	file := filepath.Join(t.TempDir(), "note.txt")
	if err := os.WriteFile(file, []byte("words"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, names := range map[string]string{
		"":                             "accepts 1 arg",
		"c":                            "text-file",
		"c words":                      "accepts 1 arg",
		"c --text words":               "unknown flag",
		"c --text-file nowhere":        "nowhere",
		"c --at soon --text-file f":    "invalid argument",
		"c --at 2 --text-file " + file: "nothing has been recorded",
	} {
		if printed, err := printedBy(t, append([]string{"calls", "note"}, strings.Fields(args)...)...); err == nil || !strings.Contains(err.Error(), names) {
			t.Errorf("%s: printed %q, %v, wanted %s", args, printed, err, names)
		}
	}
}
