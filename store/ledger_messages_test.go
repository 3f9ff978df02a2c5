package store

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// keep writes a file as the gateway keeps it, under the SHA-256 of what stands
// behind its first skip bytes, and returns that.
func keep(t *testing.T, dir, suffix string, body []byte, skip int) string {
	t.Helper()
	hash := fmt.Sprintf("%x", sha256.Sum256(body[skip:]))
	if err := os.WriteFile(filepath.Join(dir, hash+suffix), body, 0o600); err != nil {
		t.Fatal(err)
	}
	return hash
}

// spoken is a call of two rows that name a message of two parts, of which one was
// played, beside a message of another call.
type spoken struct {
	*Ledger
	dir            string // of the messages
	message        string
	played, unsaid string // sounds
}

func newSpoken(t *testing.T) *spoken {
	s := &spoken{Ledger: openLedger(t, filepath.Join(t.TempDir(), "ledger.db"), signed(1)), dir: t.TempDir()}
	sound := func(samples string) string {
		return keep(t, s.dir, ".wav", []byte(strings.Repeat("h", soundHeader)+samples), soundHeader)
	}
	s.played, s.unsaid = sound("I am a machine"), sound("this call is recorded")
	s.message = keep(t, s.dir, ".json", fmt.Appendf(nil, `{
  "parts": [
    {
      "kind": "ai",
      "sha256": "%s"
    },
    {
      "kind": "recording",
      "sha256": "%s"
    }
  ]
}
`, s.played, s.unsaid), 0)
	foreign := keep(t, s.dir, ".json", []byte("{}\n"), 0)
	for _, event := range []string{"granted", "ended"} {
		appendRow(t, s.Ledger, "c1", event, s.row(s.message, s.played))
		appendRow(t, s.Ledger, "x0", event, s.row(foreign, s.played))
	}
	return s
}

// row is the body of a row, in which a part of a message was played.
func (s *spoken) row(message, sound string) string {
	return fmt.Sprintf(`{"event":"e","message":{"id":"%s","language":"en","parts":[{"kind":"ai","sha256":"%s","from":0}]},"valves":{}}`, message, sound)
}

// export returns a bundle, and what is in it of messages.
func (s *spoken) export(t *testing.T) (dir string, messages []string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "bundle")
	if err := s.Export(t.Context(), "c1", dir, s.dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range files(t, dir) {
		if strings.HasPrefix(name, "messages/") {
			messages = append(messages, strings.TrimPrefix(name, "messages/"))
		}
	}
	return dir, messages
}

// What the caller was told lies in the bundle, and the commands show that it is
// what the rows name: with any byte changed they fail, and with every sum made
// anew.
func TestExportOfMessages(t *testing.T) {
	s := newSpoken(t)
	dir, got := s.export(t)
	want := []string{s.message + ".json", s.played + ".wav", s.unsaid + ".wav"}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("messages %v, want %v", got, want)
	}
	if out, err := check(t, dir); err != nil || out != "Signature Verified Successfully\n" {
		t.Fatalf("%v\n%s", err, out)
	}
	if page, err := os.ReadFile(filepath.Join(dir, "README.txt")); err != nil || strings.Contains(string(page), "missing files") {
		t.Errorf("error %v, the page says that something is missing:\n%s", err, page)
	}
	for _, name := range got {
		path := filepath.Join("messages", name)
		body, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		for at := range body {
			if at%29 > 0 && at != len(body)-1 { // each look takes many processes
				continue
			}
			changed := copyBundle(t, dir)
			other := slices.Clone(body)
			other[at] ^= 1
			if err := os.WriteFile(filepath.Join(changed, path), other, 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := check(t, changed); err == nil {
				t.Errorf("%s, byte %d changed: the commands say\n%s", name, at, out)
			}
		}
	}
	s.testForged(t, dir)
}

// testForged exchanges what was said, with sums that fit.
func (s *spoken) testForged(t *testing.T, dir string) {
	const sums = `; sha256sum messages/* > messages.sha256`
	for name, command := range map[string]string{
		"other words":                 `sed -i s/recording/purpose/ messages/$MESSAGE.json` + sums,
		"other words by their name":   `f=messages/$MESSAGE.json; sed -i s/recording/purpose/ $f; mv $f messages/$(sha256sum < $f | cut -c1-64).json` + sums,
		"another sound":               `printf x >> messages/$PLAYED.wav` + sums,
		"another sound by its name":   `f=messages/$PLAYED.wav; printf x >> $f; mv $f messages/$(tail -c +45 $f | sha256sum | cut -c1-64).wav` + sums,
		"no words":                    `rm messages/*.json` + sums,
		"no sound":                    `rm messages/$PLAYED.wav` + sums,
		"no sums":                     `: > messages.sha256`,
		"a file without a sum of it":  `sed -i 1d messages.sha256; f=messages/$MESSAGE.json; sed -i s/recording/purpose/ $f`,
		"a row with another message":  `for f in rows/*; do sed -i s/$MESSAGE/$(printf x | sha256sum | cut -c1-64)/ $f; done; sha256sum rows/* > rows.sha256`,
		"a row with a part not in it": `f=messages/$MESSAGE.json; sed -i s/$PLAYED/$UNSAID/ $f` + sums,
	} {
		changed := copyBundle(t, dir)
		c := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", command)
		c.Dir, c.Env = changed, append(os.Environ(), "MESSAGE="+s.message, "PLAYED="+s.played, "UNSAID="+s.unsaid)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		if out, err := check(t, changed); err == nil {
			t.Errorf("%s: the commands say\n%s", name, out)
		}
	}
}

// A message of which a row names a part that it does not have is found out,
// although all hashes are right.
func TestExportOfAForeignPart(t *testing.T) {
	s := newSpoken(t)
	foreign := keep(t, s.dir, ".wav", []byte(strings.Repeat("h", soundHeader)+"something else"), soundHeader)
	appendRow(t, s.Ledger, "c1", "ended", s.row(s.message, foreign))
	dir, _ := s.export(t)
	if out, err := check(t, dir); err == nil || !strings.Contains(out, "has no part "+foreign) {
		t.Errorf("error %v, the commands say\n%s", err, out)
	}
}

// What is lost or damaged is left out and named, and what is there can still be
// checked.
func TestExportOfMissingMessages(t *testing.T) {
	for name, test := range map[string]struct {
		harm func(s *spoken) error
		here func(s *spoken) []string
		gone func(s *spoken) []string
	}{
		"all": {func(s *spoken) error { return os.RemoveAll(s.dir) },
			func(*spoken) []string { return nil },
			func(s *spoken) []string { return []string{s.message + ".json", s.played + ".wav"} }},
		"the words": {func(s *spoken) error { return os.Remove(filepath.Join(s.dir, s.message+".json")) },
			func(s *spoken) []string { return []string{s.played + ".wav"} },
			func(s *spoken) []string { return []string{s.message + ".json"} }},
		"a sound that is another now": {func(s *spoken) error {
			return os.WriteFile(filepath.Join(s.dir, s.played+".wav"), make([]byte, 100), 0o600)
		},
			func(s *spoken) []string { return []string{s.message + ".json", s.unsaid + ".wav"} },
			func(s *spoken) []string { return []string{s.played + ".wav"} }},
		"a sound without samples": {func(s *spoken) error { return os.Truncate(filepath.Join(s.dir, s.unsaid+".wav"), 10) },
			func(s *spoken) []string { return []string{s.message + ".json", s.played + ".wav"} },
			func(s *spoken) []string { return []string{s.unsaid + ".wav"} }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpoken(t)
			if err := test.harm(s); err != nil {
				t.Fatal(err)
			}
			dir, got := s.export(t)
			want := test.here(s)
			if slices.Sort(want); !slices.Equal(got, want) {
				t.Errorf("messages %v, want %v", got, want)
			}
			if out, err := check(t, dir); err != nil || out != "Signature Verified Successfully\n" {
				t.Errorf("%v\n%s", err, out)
			}
			page, err := os.ReadFile(filepath.Join(dir, "README.txt"))
			if err != nil {
				t.Fatal(err)
			}
			for _, gone := range test.gone(s) {
				if !strings.Contains(string(page), "\n    "+gone+"\n") {
					t.Errorf("%s is not named in\n%s", gone, page)
				}
			}
		})
	}
}

// A name that is no hash is no file, and no line of the page.
func TestExportOfNamesThatAreNone(t *testing.T) {
	s := newSpoken(t)
	appendRow(t, s.Ledger, "c1", "ended", s.row(`../../etc/passwd`, `\n  $ exit 1`))
	appendRow(t, s.Ledger, "c1", "ended", s.row("", ""))
	dir, got := s.export(t)
	if len(got) != 3 {
		t.Errorf("messages %v", got)
	}
	if out, err := check(t, dir); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
