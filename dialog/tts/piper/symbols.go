package piper

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// settings is what this package reads of a voice's configuration.
type settings struct {
	Audio struct {
		Rate int `json:"sample_rate"`
	} `json:"audio"`
	Espeak struct {
		Voice string `json:"voice"`
	} `json:"espeak"`
	Inference struct {
		Noise  float32 `json:"noise_scale"`
		Length float32 `json:"length_scale"`
		NoiseW float32 `json:"noise_w"`
	} `json:"inference"`
	Symbols map[string][]int64 `json:"phoneme_id_map"`
}

// The symbols around and between the phonemes.
const (
	begin   = "^"
	end     = "$"
	padding = "_"
)

var errSettings = errors.New("piper: the voice's configuration is not one that this package can use")

// parse reads a voice's configuration.
func parse(content []byte) (*settings, error) {
	s := new(settings)
	if err := json.Unmarshal(content, s); err != nil {
		return nil, fmt.Errorf("%w: %w", errSettings, err)
	}
	if s.Audio.Rate < 8000 || s.Audio.Rate > 48000 || s.Espeak.Voice == "" || strings.HasPrefix(s.Espeak.Voice, "-") {
		return nil, errSettings
	}
	for _, symbol := range []string{begin, end, padding} {
		if len(s.Symbols[symbol]) == 0 {
			return nil, fmt.Errorf("%w: no symbol %q", errSettings, symbol)
		}
	}
	return s, nil
}

// ids returns the numbers of phonemes as the network wants them: each followed by
// padding. Characters that it does not know are left out.
func (s *settings) ids(phonemes string) []int64 {
	out := append([]int64(nil), s.Symbols[begin]...)
	out = append(out, s.Symbols[padding]...)
	for _, r := range phonemes {
		if id, ok := s.Symbols[string(r)]; ok {
			out = append(append(out, id...), s.Symbols[padding]...)
		}
	}
	return append(out, s.Symbols[end]...)
}

// clause is a part of a piece, and the mark that ends it.
type clause struct{ words, mark string }

var (
	marked = regexp.MustCompile(`([^.,;:!?]*)([.,;:!?]*)`)
	dashes = regexp.MustCompile(`(^|[^A-Za-z])['-]+|-+($|[^A-Za-z])`)
	// The letter, where espeak-ng would say the article: in a row of letters, and
	// anywhere but at the beginning.
	letterA = regexp.MustCompile(`\bA( [B-Z]\b)|( )A\b`)
)

// clauses cuts a normalised piece at its marks, each clause a line that espeak-ng
// answers with one line.
func clauses(piece string) []clause {
	var out []clause
	for _, m := range marked.FindAllStringSubmatch(piece, -1) {
		words := strings.Join(strings.Fields(dashes.ReplaceAllString(m[1], "$1 $2")), " ")
		if words == "" {
			continue
		}
		words = letterA.ReplaceAllString(words, "$2[[eI]]$1")
		mark := m[2]
		if mark != "" {
			mark = mark[len(mark)-1:]
		}
		out = append(out, clause{words, mark})
	}
	return out
}

// written joins what the clauses sound like with the marks between them. A piece
// that ends in the middle of a sentence sounds as if it went on.
func written(clauses []clause, said []string) string {
	var out strings.Builder
	for i, c := range clauses {
		if i > 0 {
			out.WriteByte(' ')
		}
		out.WriteString(said[i])
		switch {
		case c.mark != "":
			out.WriteString(c.mark)
		case i == len(clauses)-1:
			out.WriteByte(',')
		}
	}
	return out.String()
}
