package tts

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// cutUp feeds text in pieces of n bytes and returns what comes out.
func cutUp(text string, n int) []string {
	var s Sentences
	var out []string
	for chunk := range slices.Chunk([]byte(text), n) {
		out = append(out, s.Feed(string(chunk))...)
	}
	if rest := s.Flush(); rest != "" {
		out = append(out, rest)
	}
	return out
}

func TestSentences(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                               nil,
		"  \n\n ":                                        nil,
		"Hello there. How are you?":                      {"Hello there.", "How are you?"},
		"Wait! What?! Really":                            {"Wait!", "What?!", "Really"},
		"It costs 3.5 dollars. Ok?":                      {"It costs 3.5 dollars.", "Ok?"},
		"See example.com. Then call.":                    {"See example.com.", "Then call."},
		"Ask Dr. Smith vs. Mr. J. Doe.":                  {"Ask Dr. Smith vs. Mr. J. Doe."},
		"Some, e.g. this one. Next.":                     {"Some, e.g. this one.", "Next."},
		"Open at 9 a.m. on Monday. Yes":                  {"Open at 9 a.m. on Monday.", "Yes"},
		"It was 5 p.m. He left.":                         {"It was 5 p.m.", "He left."},
		"Pens, paper, etc. are here.":                    {"Pens, paper, etc. are here."},
		"Pens, paper, etc. They are.":                    {"Pens, paper, etc.", "They are."},
		"No. 5 is here. No. Not me.":                     {"No. 5 is here.", "No.", "Not me."},
		"Well... let me see. Hm... Ok.":                  {"Well... let me see.", "Hm...", "Ok."},
		"Well… let me. Hm… Ok.":                          {"Well… let me.", "Hm…", "Ok."},
		"He said \"Go.\" She (too.) ok":                  {"He said \"Go.\"", "She (too.)", "ok"},
		"One\nTwo\n- three":                              {"One", "Two", "- three"},
		"So did I. Then we left.":                        {"So did I.", "Then we left."},
		"你好。再见！":                                         {"你好。", "再见！"},
		"Am 5. März. Bis 3. Mai. Nr. 5. Es sind 5. Gut.": {"Am 5. März.", "Bis 3. Mai.", "Nr. 5.", "Es sind 5.", "Gut."},
		"Das heißt, z. B. Montag, d. h. bald. Ja.":       {"Das heißt, z. B. Montag, d. h. bald.", "Ja."},
		"La Sra. López y el Sr. Ruiz. Sí.":               {"La Sra. López y el Sr. Ruiz.", "Sí."},
		"I am the U.S. agent. Ok.":                       {"I am the U.S. agent.", "Ok."},
	} {
		for n := 1; n <= len(text)+1; n++ {
			if got := cutUp(text, n); !slices.Equal(got, want) {
				t.Errorf("%q in chunks of %d: got %q, want %q", text, n, got, want)
				break
			}
		}
	}
}

// A sentence is handed on at the white space after its mark, before the next
// word: waiting would delay the agent's first audio.
func TestSentenceIsNotHeldBack(t *testing.T) {
	var s Sentences
	if got := s.Feed("Hello there."); got != nil {
		t.Fatalf("handed on %q before it is known to be whole", got)
	}
	if got := s.Feed(" "); !slices.Equal(got, []string{"Hello there."}) {
		t.Fatalf("got %q", got)
	}
}

func TestLongSentenceIsCut(t *testing.T) {
	clauses := strings.Repeat("one two three, ", 40)
	for _, text := range []string{clauses, strings.ReplaceAll(clauses, ",", ""), strings.Repeat("x", 1000), strings.Repeat("é", 500)} {
		for _, sentence := range cutUp(text, 7) {
			if len(sentence) > MaxSentence {
				t.Errorf("a sentence of %d bytes", len(sentence))
			}
		}
	}
	if first := cutUp(clauses, 50)[0]; !strings.HasSuffix(first, "three,") {
		t.Errorf("cut at %q, not at a clause", first)
	}
}

func FuzzSentences(f *testing.F) {
	for _, s := range []string{"", "Hi. You. ", "e.g. \"x.\" 3.5... ok… a", "\xe2\x80", strings.Repeat("a. ", 200), strings.Repeat(".", 400)} {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, text string, n int) {
		n = max(1, min(n, 64))
		chunked, whole := cutUp(text, n), cutUp(text, len(text)+1)
		if !slices.Equal(chunked, whole) {
			t.Errorf("chunks of %d change the sentences of %q:\n%q\n%q", n, text, chunked, whole)
		}
		if utf8.ValidString(text) && squeeze(strings.Join(whole, "")) != squeeze(text) {
			t.Errorf("%q lost characters: %q", text, whole)
		}
		for _, sentence := range whole {
			if sentence == "" || len(sentence) > MaxSentence {
				t.Errorf("a sentence of %d bytes", len(sentence))
			}
		}
	})
}

func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}
