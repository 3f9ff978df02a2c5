package spoken

import (
	"slices"
	"strings"
	"testing"
)

func TestNormalise(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "",
		" ... ":                           "",
		"Yes, please!":                    "yes , please",
		"I'm 12. Stop;  recording?":       "i am 12 . stop . recording",
		"I don\u2019t, I CAN\u2019T":      "i do not , i can not",
		"they shouldn't've":               "they should not have",
		"Are you an A.I.?":                "are you an ai",
		"A.I. or not":                     "ai . or not",
		"yes.stop":                        "yes . stop",
		"1,000 miles, 2.5 percent":        "1 point 000 miles , 2 point 5 percent",
		"a 12-year-old":                   "a 12 year old",
		"five o'clock":                    "five o'clock",
		"'quoted' don't":                  "quoted do not",
		"one,, two.,three":                "one , two . three",
		"\xff\xfeyes\x00no\u00a0\u2003no": "yes no no",
	} {
		if got := known("en").normalise(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestLanguages(t *testing.T) {
	for _, tag := range []string{"en", "EN", "en-US", "en-GB-oed"} {
		if known(tag) == nil {
			t.Errorf("%q is not known", tag)
		}
	}
	for _, tag := range []string{"", "de", "eng", "e", "-en"} {
		if known(tag) != nil || Phrase(tag, "stop recording") != NoPhrase {
			t.Errorf("%q is known", tag)
		}
	}
}

func TestAnswerOfWords(t *testing.T) {
	for want, texts := range map[Answer][]string{
		Yes: {
			"Yes, I agree.", "I agree.", "i agree", "Yes, please.", "Yes I do", "Yeah, I do.", "Yep, that's fine.", "Um, yes, I agree, thank you.", "Well, I consent.", "I accept.", "Yes, okay.",
			"Yes, sure.", "Yes, of course.", "Yes, go ahead.", "Yes, you may.", "Yes, it's all right with me.", "I agree to the recording.", "I agreed to the recording.", "I agree to be recorded.",
			"You have my consent.", "Yes,, of course.,", "I'm fine with being recorded.", "Yes, I'm okay with that.", "Yes, thanks.", "Yeah. I consent.",
		},
		No: {
			"No.", "No, no, no.", "Nope.", "Nah", "No thanks", "I don't agree.", "I do not agree", "I dont agree", "I disagree.", "I won't.", "I can't agree.", "Never.", "I refuse.", "Don't record.",
			"Yes, no.", "Yes, but don't record.", "Yes but only my voice.", "I agree if you delete it later.", "Yes or no?", "Yes, maybe.", "Sure, but later.", "I agree, not.", "Without recording.",
			"Yes, unless it is kept.", "No problem.", "Yes, I don't.", "I would rather not.", "Please stop.",
		},
		Unclear: {
			"", "...", "Yes.", "Yes!", "Yeah.", "Yep.", "Yes, yes.", "Yes?", "Yes, I agree?", "Do I agree?", "Okay.", "Sure.", "Fine.", "Mm-hmm.", "Uh-huh.", "Of course.", "Go ahead.", "Maybe.",
			"Yesterday.", "Yes, I know.", "Yes, I did.", "I agreed with him.", "I do agree.", "You can record.", "You agree.", "He agrees.", "Agree.", "I grieve.", "Yes sir, three bags full.",
			"I don't understand.", "Sorry, I didn't hear you.", "I do not know.", "Why not?", "What?", "Hello?", "Who is this?", "But why?",
		},
	} {
		for _, text := range texts {
			for _, said := range []string{text, strings.ToUpper(text), "  " + text} {
				if got := known("en").answer(said); got != want {
					t.Errorf("%q: %v, want %v", said, got, want)
					break
				}
			}
		}
	}
}

// TestListsHoldTogether checks the lists of all languages against each other: what
// is a yes is no phrase against the recording, and the other way round.
func TestListsHoldTogether(t *testing.T) {
	l := known("en")
	for kind, texts := range phraseTable {
		for _, text := range texts {
			if (kind == StopRecording || kind == DeleteRecording) && l.answer(text) == Yes {
				t.Errorf("%q is a yes and %v", text, kind)
			}
		}
	}
	for _, text := range yeses {
		if l.answer(text) != Yes || Phrase("en", text) != NoPhrase {
			t.Errorf("%q: %v, %v", text, l.answer(text), Phrase("en", text))
		}
	}
	for _, text := range slices.Concat(bare, noes, mixtures, nearMisses, others, homophones) {
		if l.answer(text) == Yes {
			t.Errorf("%q is on the list and in the corpus of what is not a yes", text)
		}
	}
}

func FuzzWords(f *testing.F) {
	for _, texts := range phraseTable {
		for _, text := range texts {
			f.Add(text)
		}
	}
	for _, text := range slices.Concat(yeses, noes, mixtures) {
		f.Add(text)
	}
	l := known("en")
	f.Fuzz(func(t *testing.T, text string) {
		once := l.normalise(text)
		if twice := l.normalise(once); twice != once {
			t.Errorf("%q is normalised to %q, and that to %q", text, once, twice)
		}
		if kind := Phrase("en", text); kind != Phrase("en", once) {
			t.Errorf("%q: %v, normalised %v", text, kind, Phrase("en", once))
		}
		answer := l.answer(text)
		if answer == None || answer == Yes && (strings.Contains(text, "?") || l.negation.MatchString(once)) {
			t.Errorf("%q: %v", text, answer)
		}
	})
}

// BenchmarkPhrase is the time for a sentence, and for a long text that a visitor
// may type.
func BenchmarkPhrase(b *testing.B) {
	for name, text := range map[string]string{
		"sentence": "Well, I was wondering whether you could tell me when the shop opens tomorrow.",
		"long":     strings.Repeat("and please stop, ", 250),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Phrase("en", text)
			}
		})
	}
}
