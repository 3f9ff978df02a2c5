package main

import (
	"strings"
	"testing"
)

// TestExportRefusals: nothing is handed out in the clear, nor to nobody in particular.
func TestExportRefusals(t *testing.T) {
	t.Setenv("SIDETONE_DATA_DIR", t.TempDir())
	for args, names := range map[string]string{
		"":         "call caller",
		"--call c": "passphrase-file",
		"--call c --caller +14155550199 --recipient age1x": "call caller",
		"--call c --recipient age1x --passphrase-file f":   "passphrase-file",
		"--call c --passphrase secret":                     "unknown flag: --passphrase",
		"--call c --passphrase-file /dev/null":             "passphrase",
		"--call c --recipient age1x":                       "nothing has been recorded",
	} {
		if printed, err := printedBy(t, append([]string{"export"}, strings.Fields(args)...)...); err == nil || !strings.Contains(err.Error(), names) {
			t.Errorf("%s: printed %q, %v, wanted %s", args, printed, err, names)
		}
	}
}
