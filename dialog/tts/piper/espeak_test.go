package piper

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sidetone/dialog/tts"
)

// speller returns a phonemizer whose program is a shell script.
func speller(t *testing.T, script string) *phonemizer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "espeak-ng")
	// A program that another test starts meanwhile would for a moment hold this file
	// open for writing, which nobody can execute then (go.dev/issue/22315).
	syscall.ForkLock.RLock()
	err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	p := &phonemizer{program: path, language: "en-us", patience: patience}
	t.Cleanup(p.close)
	return p
}

func espeak(t *testing.T) *phonemizer {
	t.Helper()
	path, err := exec.LookPath("espeak-ng")
	if err != nil {
		t.Fatalf("this test needs espeak-ng: run `scripts/install.sh test` (%v)", err)
	}
	p := &phonemizer{program: path, language: "en-us", patience: patience}
	t.Cleanup(p.close)
	return p
}

func TestWordsArePronounced(t *testing.T) {
	p := espeak(t)
	for text, want := range map[string]string{
		"Hello, how are you?": "həlˈoʊ, hˈaʊ ɑːɹ juː?",
		"plan A":              "plˈæn eɪ,",
		"a B C":               "ɐ bˈiː sˈiː,",
		"A B C.":              "eɪ bˈiː sˈiː.",
	} {
		parts := clauses(text)
		var lines []string
		for _, c := range parts {
			lines = append(lines, c.words)
		}
		said, err := p.say(lines)
		if err != nil {
			t.Fatal(err)
		}
		if got := written(parts, said); got != want {
			t.Errorf("%q is pronounced %q, want %q", text, got, want)
		}
	}
}

// Every clause is answered with one line, whatever it is made of, by one program.
func TestAnswersKeepTheirPlace(t *testing.T) {
	p := espeak(t)
	if _, err := p.say([]string{"a"}); err != nil {
		t.Fatal(err)
	}
	first := p.process
	texts := append(slices.Concat(sentences, marks), "x", "don't 'quote' rock'n'roll", "a-b-c--d", "eeeee hmm mmm psst brrr",
		strings.Repeat("x", 100), strings.Repeat("WXYZ ", 30), strings.Repeat("nine hundred ninety-nine thousand ", 5), "GmbH A A A")
	for _, text := range texts {
		for _, piece := range pieces.Pieces(tts.Normalize(text)) {
			var lines []string
			for _, c := range clauses(piece) {
				lines = append(lines, c.words)
			}
			said, err := p.say(lines)
			if err != nil {
				t.Fatalf("%q: %v", lines, err)
			}
			if slices.Contains(said, "") {
				t.Errorf("%q sounds like %q", lines, said)
			}
		}
	}
	if p.process != first {
		t.Error("the program was started again")
	}
}

// echo answers each line with itself.
const echo = `while read -r line; do echo "$line"; done`

func TestPhonemizerSurvives(t *testing.T) {
	count := func(then string) string { // the third line on, in the first life
		return `if [ -e "$0.again" ]; then exec sh -c '` + echo + `'; fi; touch "$0.again"; n=0
			while read -r line; do n=$((n+1)); if [ $n -gt 2 ]; then ` + then + `; fi; echo "$line"; done`
	}
	for name, then := range map[string]string{
		"dies":            "exit 1",
		"is killed":       "kill -9 $$",
		"hangs":           "sleep 60",
		"closes its ears": "exec <&- sleep 60",
		"says more":       "echo of another call",
		"says less":       "continue",
		"endless line":    "exec cat /dev/zero",
		"half a line":     "printf half; exit 0",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := speller(t, count(then))
			p.patience = 2 * time.Second
			for _, words := range []string{"one", "two", "three", "four"} {
				said, err := p.say([]string{words})
				if err != nil || !slices.Equal(said, []string{words}) {
					t.Errorf("%q sounds like %q, %v", words, said, err)
				}
			}
		})
	}
}

// A program that answers out of turn never has the words of one call spoken in
// another.
func TestStaleAnswersAreNotSpoken(t *testing.T) {
	p := speller(t, `while read -r line; do echo "$line"; if [ "$line" = secret ]; then echo "`+marks[0]+`"; echo "$line"; fi; done`)
	for _, words := range []string{"one", "secret", "two", "three"} { // the secret's mark is the first
		said, err := p.say([]string{words})
		if err != nil || !slices.Equal(said, []string{words}) {
			t.Errorf("%q sounds like %q, %v", words, said, err)
		}
	}
}

func TestPhonemizerGivesUp(t *testing.T) {
	for name, script := range map[string]string{
		"ends at once": "exit 0",
		"mute":         "while read -r line; do echo; done",
		"babble":       `echo x; while read -r line; do echo "$line"; done`,
	} {
		if _, err := speller(t, script).say([]string{"a"}); !errors.Is(err, errSpeller) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (&phonemizer{program: "/nowhere/espeak-ng"}).say([]string{"a"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

// The words are on no command line, where others on the machine could read them,
// and in none of the program's surroundings.
func TestWordsAreNotArguments(t *testing.T) {
	p := speller(t, `echo "$@ $(env | sort | cut -d= -f1 | tr '\n' ' ')" >"$0.seen"; `+echo)
	if _, err := p.say([]string{"secret"}); err != nil {
		t.Fatal(err)
	}
	seen, err := os.ReadFile(p.program + ".seen")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(seen); !strings.HasPrefix(got, "-q --ipa -v en-us LC_ALL PWD") || strings.Contains(got, "PATH") {
		t.Errorf("the program saw %q", got)
	}
}
