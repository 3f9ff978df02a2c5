package moonshine

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"sidetone/internal/models"
	"sidetone/internal/onnx"
)

// The shape of Moonshine tiny (the .config files beside the published model).
const (
	sampleRate     = 16000
	layers         = 6
	heads          = 8
	headSize       = 36
	hiddenSize     = heads * headSize
	vocabularySize = 32768
	startToken     = 1
	endToken       = 2
)

// model is Moonshine tiny in memory, shared by all workspaces.
type model struct {
	encoder, decoder *onnx.Session
	vocabulary       []string
	wordless         []bool // by token: it ends the words, or adds no letter or digit to them
}

// load reads the model from the models folder dir.
func load(dir string) (*model, error) {
	js, err := models.Read(dir, models.Vocabulary)
	if err != nil {
		return nil, err
	}
	m := &model{}
	if m.vocabulary, err = parseVocabulary(string(js)); err != nil {
		return nil, err
	}
	m.wordless = wordless(m.vocabulary)
	if m.encoder, err = onnx.Open(dir, models.Encoder); err != nil {
		return nil, err
	}
	if m.decoder, err = onnx.Open(dir, models.Decoder); err != nil {
		return nil, errors.Join(err, m.encoder.Close())
	}
	return m, nil
}

func (m *model) close() error { return errors.Join(m.encoder.Close(), m.decoder.Close()) }

// parseVocabulary finds the pieces of the Llama vocabulary, by token, in the
// source of llama-tokenizer-js: one base64 string of lines.
func parseVocabulary(js string) ([]string, error) {
	_, rest, found := strings.Cut(js, `const llama_vocab_base64 = "`)
	encoded, _, closed := strings.Cut(rest, `"`)
	if !found || !closed {
		return nil, errors.New("moonshine: the vocabulary file holds no vocabulary")
	}
	lines, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("moonshine: parsing the vocabulary: %w", err)
	}
	pieces := strings.Split(string(lines), "\n")
	for i, p := range pieces {
		pieces[i] = spell(p)
	}
	return pieces, nil
}

// spell turns a piece into the bytes it stands for: <0xNN> is one byte, and
// U+2581 is a space.
func spell(piece string) string {
	if hex, ok := strings.CutPrefix(piece, "<0x"); ok && len(hex) == 3 && hex[2] == '>' {
		if b, err := strconv.ParseUint(hex[:2], 16, 8); err == nil {
			return string([]byte{byte(b)})
		}
	}
	return strings.ReplaceAll(piece, "\u2581", " ")
}

// wordless marks the tokens of the model that say nothing: the markers, pieces
// without a letter or a digit, and the unused tail. A piece of one byte may be
// part of a letter.
func wordless(vocabulary []string) []bool {
	marks := make([]bool, vocabularySize)
	for t := range marks {
		marks[t] = t <= endToken || t >= len(vocabulary) ||
			utf8.ValidString(vocabulary[t]) && !strings.ContainsFunc(vocabulary[t], spells)
	}
	return marks
}

// spells says whether a rune is a letter or a digit.
func spells(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// text joins the pieces of tokens, without the markers of the vocabulary's
// head (unknown, start, end) and its unused tail, into words with single
// spaces between them. Without a letter or a digit, such as for music, there
// are no words.
func (m *model) text(tokens []int64) string {
	var b strings.Builder
	for _, t := range tokens {
		if t > endToken && t < int64(len(m.vocabulary)) {
			b.WriteString(m.vocabulary[t])
		}
	}
	s := strings.ToValidUTF8(b.String(), "")
	if !strings.ContainsFunc(s, spells) {
		return ""
	}
	return strings.Join(strings.Fields(s), " ")
}
