package tts

import (
	"context"
	"iter"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDictionary(t *testing.T) {
	d := NewDictionary(map[string]string{
		"Sidetone": "side tone", "Sidetone GmbH": "side tone, a company", "iban": "eye bahn", "US": "U S", "us": "uss", "C++": "see plus plus",
		".NET": "dot net", "Nguyễn": "win", "św. anna": "święta anna", "Dr": "doctor",
	})
	for text, want := range map[string]string{
		"":                                     "",
		"Welcome to Sidetone.":                 "Welcome to side tone.",
		"Sidetone, Sidetone's (Sidetone)":      "side tone, side tone's (side tone)",
		"sidetone and SIDETONE":                "sidetone and SIDETONE",
		"Sidetones and MySidetone, Sidetone_x": "Sidetones and MySidetone, Sidetone_x",
		"Sidetone-made by Sidetone GmbH":       "side tone-made by side tone, a company",
		"your IBAN, Iban or iban":              "your eye bahn, eye bahn or eye bahn",
		"the US and us, Us":                    "the U S and uss, uss",
		"C++, C++x and .NET":                   "see plus plus, see plus plusx and dot net",
		"Ms Nguyễn, nguyễn":                    "Ms win, nguyễn",
		"ŚW. ANNA":                             "święta anna",
		"**Sidetone** and Dr. No":              "**side tone** and doctor. No",
		"us@us.example or https://Sidetone.com/Sidetone, us": "us@us.example or https://Sidetone.com/Sidetone, uss",
	} {
		if got := d.Apply(text); got != want {
			t.Errorf("Apply(%q)\n got %q\nwant %q", text, got, want)
		}
	}
}

// told is a voice that notes what it is told to say.
type told struct{ text *string }

func (told) Name() string { return "told" }
func (told) Local() bool  { return true }
func (v told) Speak(_ context.Context, text string, _ int) iter.Seq2[[]int16, error] {
	*v.text = text
	return func(func([]int16, error) bool) {}
}

// TestReading is what a voice is told to say, and what nobody changes.
func TestReading(t *testing.T) {
	const text = "**Sidetone** takes $5, José."
	for _, c := range []struct {
		reading     Reading
		want, named string
	}{
		{Reading{}, text, "v"},
		{Reading{Pronounce: map[string]string{"Sidetone": "side tone"}}, "**side tone** takes $5, José.", "v#"},
		{Reading{WriteOut: WriteOut("en")}, "Sidetone takes five dollars, José.", "v"},
		{Reading{Pronounce: map[string]string{"Sidetone": "3 tones"}, WriteOut: WriteOut("en")}, "three tones takes five dollars, José.", "v#"},
		{Reading{WriteOut: Plain}, "Sidetone takes $5, José.", "v"},
	} {
		var said string
		for range c.reading.By(told{&said}).Speak(t.Context(), text, 8000) {
		}
		if said != c.want {
			t.Errorf("%v: it says %q, want %q", c.reading.Pronounce, said, c.want)
		}
		if got := c.reading.Named("v"); !strings.HasPrefix(got, c.named) || len(got) > len(c.named)+8 {
			t.Errorf("%v: it is named %q, want %q", c.reading.Pronounce, got, c.named)
		}
	}
	a, b := Reading{Pronounce: map[string]string{"x": "y"}}, Reading{Pronounce: map[string]string{"x": "z"}}
	if a.Named("v") == b.Named("v") {
		t.Error("what sounds otherwise has the same name")
	}
}

func FuzzDictionary(f *testing.F) {
	f.Add("Sidetone", "side tone", "a Sidetone b")
	f.Add("ſ", "s", "S \xff ſS K")
	f.Fuzz(func(t *testing.T, written, said, text string) {
		if written == "" || !utf8.ValidString(text) || !utf8.ValidString(said) {
			return
		}
		got := NewDictionary(map[string]string{written: said}).Apply(text)
		if !utf8.ValidString(got) {
			t.Errorf("%q for %q in %q: %q", said, written, text, got)
		}
		if got := NewDictionary(map[string]string{written: written}).Apply(text); !strings.EqualFold(got, text) {
			t.Errorf("%q for itself in %q: %q", written, text, got)
		}
	})
}
