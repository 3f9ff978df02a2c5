package tts

import (
	"cmp"
	"regexp"
	"strings"
)

var german = &language{
	cardinal: germanCardinal,
	year: func(n int64) string {
		return germanBelow100(n/100, "") + "hundert" + germanRest(n%100, "s")
	},
	marks: map[rune]string{
		'.': "Punkt", '@': "ät", '-': "Bindestrich", '_': "Unterstrich", '/': "Schrägstrich", '+': "plus", '?': "Fragezeichen",
		'=': "gleich", '&': "und", '%': "Prozent", ':': "Doppelpunkt", '#': "Raute", '~': "Tilde",
	},
	signs: strings.NewReplacer("&", " und ", "@", " ät ", "+", " plus ", "=", " gleich ", "#", " Nummer ", "°", " Grad ",
		"%", " Prozent ", "×", " mal ", "½", " ein halb ", "(", ", ", ")", ", ", "/", " "),
	comma:  "Komma",
	until:  "bis",
	minus:  "minus",
	months: strings.Fields("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
	date: func(day int64, month, year string) string {
		return germanOrdinal(day) + "r " + month + " " + year
	},
	time: func(hour, minute int64) string {
		said := germanCardinal(hour, masculine) + " Uhr"
		if minute > 0 {
			said += " " + germanCardinal(minute, alone)
		}
		return said
	},
	units: map[string]noun{
		"%": {"Prozent", "Prozent", neuter}, "°C": {"Grad Celsius", "Grad Celsius", masculine}, "°": {"Grad", "Grad", masculine},
		"km/h": {"Kilometer pro Stunde", "Kilometer pro Stunde", masculine}, "km": {"Kilometer", "Kilometer", masculine},
		"m²": {"Quadratmeter", "Quadratmeter", masculine}, "cm": {"Zentimeter", "Zentimeter", masculine}, "kg": {"Kilogramm", "Kilogramm", neuter},
		"GB": {"Gigabyte", "Gigabyte", neuter}, "kWh": {"Kilowattstunde", "Kilowattstunden", feminine},
		"Min.": {"Minute", "Minuten", feminine}, "Std.": {"Stunde", "Stunden", feminine},
		"Euro": {"Euro", "Euro", masculine}, "Dollar": {"Dollar", "Dollar", masculine}, "Franken": {"Franken", "Franken", masculine},
	},
	money: map[string]noun{
		"€": {"Euro", "Euro", masculine}, "EUR": {"Euro", "Euro", masculine}, "$": {"Dollar", "Dollar", masculine}, "USD": {"Dollar", "Dollar", masculine},
		"£": {"Pfund", "Pfund", neuter}, "GBP": {"Pfund", "Pfund", neuter}, "CHF": {"Franken", "Franken", masculine},
	},
	and:     " ",
	grouped: `\d{1,3}(?:\.\d{3})+`,
	called:  `Code|PIN|Kennwort|Nummer|Nr\.|Zimmer|Raum|Durchwahl|Konto|Kontonummer|Kundennummer|Bestellnummer|Postleitzahl|PLZ|Flug`,
	own:     germanRules,
}

// germanRules are those of days with the name of a month, of clocks, and of places in
// a row, which stand after an article.
func germanRules(l *language) []rule {
	months := strings.Join(l.months, "|")
	return []rule{
		{regexp.MustCompile(`(?i)\b((?:der|die|das|am|dem|den|des|vom|zum|beim|ab|bis|seit) )(\d{1,2})\.(\d{1,2})\.(\d{4}|\d{2})?`), func(m []string) string {
			day, ok := dayOf(m[2], m[3], cmp.Or(m[4], "2000"))
			if !ok {
				return m[0]
			}
			said := m[1] + germanPlace(m[1], m[2]) + " " + l.months[day.Month()-1]
			if m[4] != "" {
				said += " " + l.sayYear(int64(day.Year()))
			}
			return said
		}},
		{regexp.MustCompile(`(?i)(\b(?:der|die|das|am|dem|den|des|vom|zum|beim|ab|bis|seit) )?\b(\d{1,2})\. ?(` + months + `)\b`), func(m []string) string {
			return m[1] + germanPlace(m[1], m[2]) + " " + m[3]
		}},
		{regexp.MustCompile(`(?i)\b(der |die |das |am |dem |den |des |vom |zum |beim |im )(\d{1,3})\.( \pL)`), func(m []string) string {
			return m[1] + germanPlace(m[1], m[2]) + m[3]
		}},
		{regexp.MustCompile(`\b([01]?\d|2[0-4])[:.]([0-5]\d)(?: ?Uhr\b)?`), func(m []string) string {
			if strings.Contains(m[0], ".") && !strings.HasSuffix(m[0], "Uhr") {
				return m[0] // an amount, or a section
			}
			return l.sayTime(m[1], m[2])
		}},
		{regexp.MustCompile(`\b([01]?\d|2[0-4]) ?Uhr\b`), func(m []string) string { return l.sayTime(m[1], "") }},
		{regexp.MustCompile(`\bz\. ?B\.`), func([]string) string { return "zum Beispiel" }},
		{regexp.MustCompile(`\bd\. ?h\.`), func([]string) string { return "das heißt" }},
		{regexp.MustCompile(`\b(bzw|ca|usw|Nr|Str)\.( |,|$)`), func(m []string) string { return germanShort[m[1]] + m[2] }},
		{regexp.MustCompile(`(\pL)str\.( |,|$)`), func(m []string) string { return m[1] + "straße" + m[2] }},
	}
}

var germanShort = map[string]string{"bzw": "beziehungsweise", "ca": "circa", "usw": "und so weiter", "Nr": "Nummer", "Str": "Straße"}

// germanPlace is a place in a row in the case that the word before it asks for.
func germanPlace(before, digits string) string {
	n, _ := integer(digits)
	switch strings.ToLower(strings.TrimSpace(before)) {
	case "":
		return germanOrdinal(n) + "r"
	case "der", "die", "das":
		return germanOrdinal(n)
	}
	return germanOrdinal(n) + "n"
}

var (
	germanSmall = strings.Fields("null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn")
	germanTens  = strings.Fields("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")
)

func germanCardinal(n int64, g gender) string {
	switch {
	case n == 1 && g == feminine:
		return "eine"
	case n == 1 && g != alone:
		return "ein"
	case n < 1e6:
		return germanBelow1e6(n, "s")
	}
	unit, one, many := int64(1e6), "eine Million", " Millionen"
	switch {
	case n >= 1e12:
		unit, one, many = 1e12, "eine Billion", " Billionen"
	case n >= 1e9:
		unit, one, many = 1e9, "eine Milliarde", " Milliarden"
	}
	said := one
	if n/unit > 1 {
		said = germanCardinal(n/unit, feminine) + many
	}
	if n%unit > 0 {
		said += " " + germanCardinal(n%unit, alone)
	}
	return said
}

// germanBelow1e6 says a number; a one at its end ends so.
func germanBelow1e6(n int64, one string) string {
	switch {
	case n < 100:
		return germanBelow100(n, one)
	case n < 1000:
		return germanBelow100(n/100, "") + "hundert" + germanRest(n%100, one)
	}
	return germanBelow1e6(n/1000, "") + "tausend" + germanRest(n%1000, one)
}

func germanBelow100(n int64, one string) string {
	switch {
	case n == 1:
		return "ein" + one
	case n < 20:
		return germanSmall[n]
	case n%10 == 0:
		return germanTens[n/10-2]
	}
	return germanSmall[n%10] + "und" + germanTens[n/10-2]
}

// germanRest is what follows hundreds or thousands.
func germanRest(n int64, one string) string {
	if n == 0 {
		return ""
	}
	return germanBelow1e6(n, one)
}

var germanPlaces = map[int64]string{1: "erste", 3: "dritte", 7: "siebte", 8: "achte"}

// germanOrdinal ends in e, as after an article.
func germanOrdinal(n int64) string {
	last := n % 100
	head := germanCardinal(n, alone)
	switch place, irregular := germanPlaces[last]; {
	case irregular:
		return strings.TrimSuffix(head, germanBelow100(last, "s")) + place
	case last > 0 && last < 20:
		return head + "te"
	}
	return head + "ste"
}
