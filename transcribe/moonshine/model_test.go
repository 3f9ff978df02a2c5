package moonshine

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"sidetone/internal/models"
	"sidetone/internal/models/modelstest"
)

func vocabulary(pieces ...string) string {
	lines := base64.StdEncoding.EncodeToString([]byte(strings.Join(pieces, "\n")))
	return "// a comment\nconst llama_vocab_base64 = \"" + lines + "\";\n"
}

func TestParseVocabulary(t *testing.T) {
	got, err := parseVocabulary(vocabulary("<unk>", "\u2581the", "<0x41>", "<0xZZ>", "a\u2581b"))
	if want := []string{"<unk>", " the", "A", "<0xZZ>", "a b"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	for _, bad := range []string{"", "const llama_vocab_base64 = \"QUJD", "const llama_vocab_base64 = \"!\""} {
		if got, err := parseVocabulary(bad); err == nil {
			t.Errorf("%q was parsed to %q", bad, got)
		}
	}
}

func TestFetchedVocabulary(t *testing.T) {
	js, err := models.Read(modelstest.Dir(t), models.Vocabulary)
	if err != nil {
		t.Fatal(err)
	}
	pieces, err := parseVocabulary(string(js))
	if err != nil || len(pieces) != 32000 {
		t.Fatalf("%d pieces, %v; want 32000", len(pieces), err)
	}
	for i, want := range map[int]string{startToken: "<s>", endToken: "</s>", 13: "\n", 278: " the"} {
		if pieces[i] != want {
			t.Errorf("piece %d is %q, want %q", i, pieces[i], want)
		}
	}
}

func FuzzParseVocabulary(f *testing.F) {
	f.Add(vocabulary("a", "<0x0A>", "\u2581"))
	f.Add(`const llama_vocab_base64 = "`)
	f.Fuzz(func(t *testing.T, js string) {
		pieces, err := parseVocabulary(js)
		if (err == nil) != (len(pieces) > 0) {
			t.Errorf("%d pieces and error %v", len(pieces), err)
		}
	})
}

func TestText(t *testing.T) {
	m := &model{vocabulary: []string{"<unk>", "<s>", "</s>", " a", " ", "b", ".", "\xc3", "\xa9", "\u266a"}}
	for _, c := range []struct {
		tokens []int64
		want   string
	}{
		{nil, ""},
		{[]int64{3, 4, 4, 5, 6}, "a b."},
		{[]int64{1, 3, 0, 2, 31999}, "a"},
		{[]int64{5, 7, 8}, "b\u00e9"},
		{[]int64{5, 7}, "b"},
		{[]int64{9, 9, 6}, ""},
	} {
		if got := m.text(c.tokens); got != c.want {
			t.Errorf("text(%v) = %q, want %q", c.tokens, got, c.want)
		}
	}
}

func TestUnloop(t *testing.T) {
	m := &model{vocabulary: slices.Repeat([]string{" word"}, 11)}
	m.vocabulary[10] = "0"
	again := func(n int, tokens ...int64) []int64 { return slices.Repeat(tokens, n) }
	for _, c := range []struct {
		name   string
		tokens []int64
		cut    bool
		want   []int64
	}{
		{"nothing", nil, true, nil},
		{"no loop", []int64{1, 2, 3, 4}, true, []int64{1, 2, 3, 4}},
		{"said five times", again(5, 7), false, again(5, 7)},
		{"loop that ended", append(again(8, 7), 3), false, []int64{7, 3}},
		{"loop at the limit", append([]int64{1}, again(3, 7, 8)...), true, []int64{1, 7, 8}},
		{"limit in mid-loop", append(again(4, 7, 8, 9), 7, 8), true, []int64{7, 8, 9}},
		{"repetition before the limit", append(again(4, 7, 8), 1, 2), true, append(again(4, 7, 8), 1, 2)},
		{"long loop", append(again(3, 1, 2, 3, 4, 5, 6, 7, 8, 9), 1, 2), true, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{"zeros", again(9, 10), false, again(9, 10)},
		{"two loops", append(again(9, 7), again(9, 8)...), false, []int64{7, 8}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := m.unloop(decoded{tokens: c.tokens, cut: c.cut}); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestWordless(t *testing.T) {
	marks := wordless([]string{"<unk>", "<s>", "</s>", " a", " ", "7", ",", "\xc3", "\u266a"})
	if want := []bool{true, true, true, false, true, false, true, false, true}; !slices.Equal(marks[:9], want) {
		t.Errorf("got %v, want %v", marks[:9], want)
	}
	if len(marks) != vocabularySize || !marks[9] || !marks[vocabularySize-1] {
		t.Errorf("the tail of %d tokens is taken for words", len(marks))
	}
}

func TestLikeliest(t *testing.T) {
	token, p, none := likeliest([]float32{0, 0, 0, 0}, []bool{true, false, true, true})
	if token != 0 || p != 0.25 || none != 0.75 {
		t.Errorf("of four equal ones: %d with %v, wordless %v", token, p, none)
	}
	token, p, none = likeliest([]float32{-30, 30, -30}, []bool{true, false, true})
	if token != 1 || p != 1 || none != 0 {
		t.Errorf("of one: %d with %v, wordless %v", token, p, none)
	}
}
