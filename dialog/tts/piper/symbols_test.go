package piper

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sidetone/dialog/tts"
)

const tiny = `{"audio": {"sample_rate": 22050}, "espeak": {"voice": "en-us"}, "inference": {"noise_scale": 0.5, "length_scale": 1, "noise_w": 0.8},
	"phoneme_id_map": {"_": [0], "^": [1], "$": [2], "a": [14], "ˈ": [120, 121]}}`

func TestParse(t *testing.T) {
	s, err := parse([]byte(tiny))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.ids("aˈ☃a"), []int64{1, 0, 14, 0, 120, 121, 0, 14, 0, 2}; !slices.Equal(got, want) {
		t.Errorf("ids are %v, want %v", got, want)
	}
	for name, change := range map[string][2]string{
		"no JSON":      {"{", ""},
		"no rate":      {"22050", "0"},
		"absurd rate":  {"22050", "1000000"},
		"no voice":     {"en-us", ""},
		"an option":    {"en-us", "--path=/"},
		"no padding":   {`"_"`, `"x"`},
		"no beginning": {`[1]`, `[]`},
		"no end":       {`"$": [2],`, ""},
	} {
		if _, err := parse([]byte(strings.Replace(tiny, change[0], change[1], 1))); !errors.Is(err, errSettings) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(tiny), "aˈ")
	f.Add([]byte(`{"phoneme_id_map": null}`), "")
	f.Fuzz(func(t *testing.T, content []byte, phonemes string) {
		if s, err := parse(content); err == nil && len(s.ids(phonemes)) < 3 {
			t.Errorf("%q has the ids %v", phonemes, s.ids(phonemes))
		}
	})
}

func TestClauses(t *testing.T) {
	for text, want := range map[string][]clause{
		"":                              nil,
		" . -! ":                        nil,
		"Hello":                         {{"Hello", ""}},
		"Hello, Anna. Go on!":           {{"Hello", ","}, {"Anna", "."}, {"Go on", "!"}},
		"Well... twenty-four - o'clock": {{"Well", "."}, {"twenty-four o'clock", ""}},
		"COVID- nineteen --x- 'quoted'": {{"COVID nineteen x 'quoted'", ""}},
		"A caller from A to Z":          {{"A caller from [[eI]] to Z", ""}},
		"A B one two C, plan A":         {{"[[eI]] B one two C", ","}, {"plan [[eI]]", ""}},
		"nine A M":                      {{"nine [[eI]] M", ""}},
	} {
		if got := clauses(text); !slices.Equal(got, want) {
			t.Errorf("clauses(%q) = %q, want %q", text, got, want)
		}
	}
	if got := written(clauses("One, two. Three"), []string{"a", "b", "c"}); got != "a, b. c," {
		t.Errorf("written as %q", got)
	}
}

// What reaches espeak-ng is one line, and nothing that it takes for a command.
var line = regexp.MustCompile(`^(?:[A-Za-z' -]|\[\[eI\]\])+$`)

func FuzzClauses(f *testing.F) {
	for _, s := range []string{"", "A. B", "[[x]] <b>", "one\ntwo\r\x00", "-f /etc/passwd", "a--b'-'c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, piece := range pieces.Pieces(tts.Normalize(text)) {
			for _, c := range clauses(piece) {
				if !line.MatchString(c.words) || strings.HasPrefix(c.words, "-") || len(c.mark) > 1 {
					t.Errorf("%q has the clause %q", text, c)
				}
			}
		}
	})
}
