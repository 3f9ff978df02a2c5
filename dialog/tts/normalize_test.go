package tts

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
)

func TestNormalize(t *testing.T) {
	for text, want := range map[string]string{
		"":                                            "",
		"😀 👍🏽":                                        "",
		"Hello, Anna.":                                "Hello, Anna.",
		"Call +1 (555) 010-9999 or 555-0123.":         "Call plus one, five five five, zero one zero, nine nine nine nine or five five five, zero one two three.",
		"Your code is 482913.":                        "Your code is four eight two, nine one three.",
		"My pin is 0042":                              "My pin is zero zero four two",
		"PIN: 1984":                                   "PIN: one nine eight four",
		"room 101, extension 4410":                    "room one zero one, extension four four one zero",
		"mail anna.b_k42@example.co.uk, please":       "mail anna dot b underscore k four two at example dot co dot uk, please",
		"See https://www.example.com/help-me.":        "See example dot com slash help dash me.",
		"at support.example.org":                      "at support dot example dot org",
		"It is $5.30, or $1,200, or £0.01!":           "It is five dollars and thirty cents, or one thousand two hundred dollars, or one penny!",
		"€3.5 million; $1.01; 5 € each; -$2":          "three point five million euros; one dollar and one cent; five euros each; minus two dollars",
		"We close at 3 p.m.":                          "We close at three P M.",
		"It is 3 pm.":                                 "It is three P M.",
		"We close at 3 p.m. Come then, at 4 p.m.!":    "We close at three P M. Come then, at four P M!",
		"At 3 P.M. I leave.":                          "At three P M. I leave.",
		"from 9 a.m. Monday to 5 p.m. March 1":        "from nine A M Monday to five P M March first",
		"at 9 a.m. ET or 5 p.m. Pacific":              "at nine A M ET or five P M Pacific",
		"Bring pens etc.":                             "Bring pens et cetera.",
		"at 10:30, 3:00 pm or 9 a.m. daily":           "at ten thirty, three P M or nine A M daily",
		"at 10:05 and 14:00":                          "at ten oh five and two P M",
		"on 2026-11-21.":                              "on November twenty-first, twenty twenty-six.",
		"on 2026-02-30.":                              "on two zero two six, zero two, three zero.",
		"1905, 2005, 1999, 2000, 1,200 and 4821":      "nineteen oh five, two thousand five, nineteen ninety-nine, two thousand, one thousand two hundred and four thousand eight hundred twenty-one",
		"3.5 or 0.25":                                 "three point five or zero point two five",
		"5%, -4 degrees, 20°C.":                       "five percent, minus four degrees, twenty degrees Celsius.",
		"Booking AB12C3, flight BA284":                "Booking A B one two C three, flight B A two eight four",
		"order XY-1234":                               "order X Y, one two three four",
		"MP3, COVID-19":                               "MP three, COVID nineteen",
		"1st 2nd 3rd 12th 21st 30th 40th":             "first second third twelfth twenty-first thirtieth fortieth",
		"version 1.2.3":                               "version one dot two dot three",
		"9-5 or 10–12":                                "nine to five or ten to twelve",
		"Dr. Smith vs. Mr. Jones, e.g. this (maybe).": "doctor Smith versus mister Jones, for example this, maybe.",
		"No. 5 is alive. No. Really.":                 "number five is alive. No. Really.",
		"24/7 and/or":                                 "twenty-four seven and or",
		"José's café — naïve… “ok”":                   "Jose's cafe, naive... ok",
		"# Title\n- **bold** _it_ `x`\n> [site](http://a.example/b)": "Title bold it x site",
		"<speak>Hi <break time='1s'/>there</speak>":                  "Hi there",
		"1234567890123456789":                                        "one two three, four five six, seven eight nine, zero one two, three four five, six seven eight nine",
		"1,000,000,000,000":                                          "one trillion",
	} {
		if got := Normalize(text); got != want {
			t.Errorf("Normalize(%q)\n got %q\nwant %q", text, got, want)
		}
	}
}

// TestNormalizeAsPeopleSayIt holds what language models write, by kind.
func TestNormalizeAsPeopleSayIt(t *testing.T) {
	for text, want := range map[string]string{
		// Dates.
		"by 12/25/2026, or 25/12/26":          "by December twenty-fifth, twenty twenty-six, or December twenty-fifth, twenty twenty-six",
		"March 5, 2026 and Jan. 21st":         "March fifth, twenty twenty-six and January twenty-first",
		"on 5 March and the 1st September":    "on the fifth of March and the first of September",
		"Mon, Jan 5th; Tues 3 May; Mon–Fri":   "Monday, January fifth; Tuesday the third of May; Monday to Friday",
		"May 5–7, and we may 5 times":         "May fifth to seventh, and we may five times",
		"2026-03-05T15:00:00Z":                "March fifth, twenty twenty-six at three P M",
		"the 1990s, the '90s and 2020's":      "the nineteen nineties, the nineties and twenty twenties",
		"13/13/2026 and 2/30/2026 are no day": "thirteen slash thirteen slash twenty twenty-six and two slash thirty slash twenty twenty-six are no day",
		// Times.
		"at 15:00, 17:30, 00:10 or 12:00":    "at three P M, five thirty P M, twelve ten A M or twelve o'clock",
		"9am-5pm, 9–11 a.m., 10:00 - 11:30":  "nine A M to five P M, nine to eleven A M, ten o'clock to eleven thirty",
		"for 90 sec., 5 min or 1 hr, 2 hrs.": "for ninety seconds, five minutes or one hour, two hours.",
		// Money.
		"5 USD, EUR 20, 12,50 €, ¥500, $1.5M": "five dollars, twenty euros, twelve euros and fifty cents, five hundred yen, one point five million dollars",
		// Numbers and measures.
		"1/2, 3/4, 2 1/2 cups, 5/7":            "one half, three quarters, two and a half cups, five slash seven",
		"10000, 1000000, 12345, 1,2,3 or 3,14": "ten thousand, one million, one two three, four five, one, two, three or three, fourteen",
		"1 km, 2 km, 50 km/h, 1 lb, 20 °C":     "one kilometer, two kilometers, fifty kilometers an hour, one pound, twenty degrees Celsius",
		"5'10\" and 98.6°F.":                   "five foot ten and ninety-eight point six degrees Fahrenheit.",
		// Codes and telephone numbers.
		"card ending in 4242":               "card ending in four two four two",
		"4242 4242 4242 4242":               "four two four two, four two four two, four two four two, four two four two",
		"IBAN DE89 3704 0044 0532 0130 00.": "IBAN D E eight nine, three seven zero four, zero zero four four, zero five three two, zero one three zero, zero zero.",
		"911, dial 112, text 74174":         "nine one one, dial one one two, text seven four one, seven four",
		"1-800-555-0123 or 1-800-FLOWERS":   "one, eight hundred, five five five, zero one two three or one eight hundred, flowers",
		// What is written short.
		"10 Elm St., St. Louis; Apt. 4":   "ten Elm Street, Saint Louis; apartment four",
		"AT&amp;T &lt;b&gt; C#, C++":      "AT and T b C sharp, C plus plus",
		"| a | b |\n|---|:-:|\n| c | d |": "a, b c, d",
		"wi-fi - and well-known":          "wi-fi - and well-known",
	} {
		if got := Normalize(text); got != want {
			t.Errorf("Normalize(%q)\n got %q\nwant %q", text, got, want)
		}
	}
}

// TestWriteOut keeps the letters that a vendor's voice knows.
func TestWriteOut(t *testing.T) {
	for text, want := range map[string]string{
		"José pays **$5** at 10:30 😀":  "José pays five dollars at ten thirty",
		"Grüße, Ünal & Søren: 50 %":    "Grüße, Ünal and Søren: fifty percent",
		"東京 at 3 p.m.":                 "東京 at three P M.",
		"See https://example.com/a-b.": "See example dot com slash a dash b.",
	} {
		if got := WriteOut("en-GB")(text); got != want {
			t.Errorf("WriteOut(%q)\n got %q\nwant %q", text, got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"**Sure!** 😀 Your _order_ #5 is `on` its way.": "Sure! Your order #5 is on its way.",
		"anna_b@example.com and snake_case_word":       "anna_b@example.com and snake_case_word",
		"1. First\n2. Second":                          "1. First 2. Second",
		"20°C, José, “quoted”":                         "20°C, José, “quoted”",
		"a\u202eb\u200dc\x00d\ufe0f":                   "abc d",
		"```go\nx\n```":                                "x",
		"a | b":                                        "a, b",
		"AT&amp;T":                                     "AT&T",
		"\xff\xfe":                                     "",
		"2 < 3 and 4 > 1":                              "2 < 3 and 4 > 1",
	} {
		if got := Plain(text); got != want {
			t.Errorf("Plain(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestEveryNumberIsSaid(t *testing.T) {
	for n, want := range map[string]string{
		"0": "zero", "13": "thirteen", "20": "twenty", "99": "ninety-nine", "100": "one hundred", "101": "one hundred one",
		"999,999": "nine hundred ninety-nine thousand nine hundred ninety-nine", "1000000": "one million",
	} {
		if got := cardinal(n); got != want {
			t.Errorf("cardinal(%q) = %q, want %q", n, got, want)
		}
	}
}

var spokenForm = regexp.MustCompile(`^[A-Za-z.,;:!?' -]*$`)

func FuzzNormalize(f *testing.F) {
	for _, s := range []string{"", "$1.5m at 10:61pm", "a@b.co 2026-13-01", "+49 (0)30 1234", "\xf0\x9f", "A1-B2-", "٣٤", "5°%€", "<a", "[x](", "1.2.3.4,5,,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Normalize(text)
		if !spokenForm.MatchString(got) {
			t.Errorf("Normalize(%q) = %q holds what no voice can say", text, got)
		}
		if strings.Contains(got, "  ") || got != strings.TrimSpace(got) {
			t.Errorf("Normalize(%q) = %q is not trimmed", text, got)
		}
		// Each digit is at most a word, or an unbounded text could follow a short one.
		if len(got) > 40*len(text)+40 {
			t.Errorf("Normalize(%q) grew to %d bytes", text, len(got))
		}
		for _, r := range Plain(text) {
			if unicode.IsControl(r) {
				t.Errorf("Plain(%q) holds the control character %U", text, r)
			}
		}
	})
}

func BenchmarkNormalize(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Normalize("Thanks, Dr. Smith: your code AB12C3 of $5.30 is valid until 10:30 on 2026-11-21; call 555-0123.")
	}
}
