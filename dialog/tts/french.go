package tts

import (
	"regexp"
	"strings"
)

var french = &language{
	cardinal: frenchCardinal,
	year:     func(n int64) string { return frenchCardinal(n, alone) },
	marks: map[rune]string{
		'.': "point", '@': "arobase", '-': "tiret", '_': "tiret bas", '/': "barre oblique", '+': "plus", '?': "point d'interrogation",
		'=': "égale", '&': "et", '%': "pour cent", ':': "deux points", '#': "dièse", '~': "tilde",
	},
	signs: strings.NewReplacer("&", " et ", "@", " arobase ", "+", " plus ", "=", " égale ", "#", " numéro ", "n°", " numéro ", "N°", " numéro ",
		"°", " degrés ", "%", " pour cent ", "×", " fois ", "½", " et demi ", "«", "", "»", "", "(", ", ", ")", ", ", "/", " "),
	comma:  "virgule",
	until:  "à",
	minus:  "moins",
	months: strings.Fields("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
	date: func(day int64, month, year string) string {
		said := "premier"
		if day > 1 {
			said = frenchCardinal(day, alone)
		}
		return said + " " + month + " " + year
	},
	time: func(hour, minute int64) string {
		said := frenchCardinal(hour, feminine) + " heures"
		if hour < 2 {
			said = frenchCardinal(hour, feminine) + " heure"
		}
		if minute > 0 {
			said += " " + frenchCardinal(minute, feminine)
		}
		return said
	},
	units: map[string]noun{
		"%": {"pour cent", "pour cent", alone}, "°C": {"degré Celsius", "degrés Celsius", masculine}, "°": {"degré", "degrés", masculine},
		"km/h": {"kilomètre à l'heure", "kilomètres à l'heure", masculine}, "km": {"kilomètre", "kilomètres", masculine},
		"m²": {"mètre carré", "mètres carrés", masculine}, "cm": {"centimètre", "centimètres", masculine}, "kg": {"kilogramme", "kilogrammes", masculine},
		"Go": {"gigaoctet", "gigaoctets", masculine}, "kWh": {"kilowattheure", "kilowattheures", masculine}, "min": {"minute", "minutes", feminine},
	},
	money: map[string]noun{
		"€": {"euro", "euros", masculine}, "EUR": {"euro", "euros", masculine}, "$": {"dollar", "dollars", masculine}, "USD": {"dollar", "dollars", masculine},
		"£": {"livre", "livres", feminine}, "GBP": {"livre", "livres", feminine}, "CHF": {"franc", "francs", masculine},
	},
	and:     " ",
	grouped: `\d{1,3}(?:[ \x{a0}\x{202f}.]\d{3})+`,
	called:  `code|PIN|mot de passe|numéro|n°|chambre|salle|poste|compte|commande|code postal|vol|référence|dossier`,
	own:     frenchRules,
}

// frenchRules are those of clocks and of places in a row.
func frenchRules(l *language) []rule {
	return []rule{
		{regexp.MustCompile(`\b([01]?\d|2[0-4]) ?(?:[hH:]|heures?\b) ?([0-5]\d)\b`), func(m []string) string { return l.sayTime(m[1], m[2]) }},
		{regexp.MustCompile(`\b([01]?\d|2[0-4]) ?(?:[hH]|heures?)(\b)`), func(m []string) string { return l.sayTime(m[1], m[2]) }},
		{regexp.MustCompile(`\b1(ers?|res?|ère)`), func(m []string) string {
			if strings.HasPrefix(m[1], "e") {
				return "premier"
			}
			return "première"
		}},
		{regexp.MustCompile(`\b(\d{1,3})(?:e|es|ème|ième)(\s|$|[.,;:!?])`), func(m []string) string {
			n, _ := integer(m[1])
			return frenchOrdinal(n) + m[2]
		}},
		{regexp.MustCompile(`\bM\. (\p{Lu})`), func(m []string) string { return "monsieur " + m[1] }},
		{regexp.MustCompile(`\b(Mme|Mlle|Dr|env|etc)\b\.?`), func(m []string) string { return frenchShort[m[1]] }},
	}
}

var frenchShort = map[string]string{"Mme": "madame", "Mlle": "mademoiselle", "Dr": "docteur", "env": "environ", "etc": "et cetera"}

var (
	frenchSmall = strings.Fields("zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf")
	frenchTens  = strings.Fields("vingt trente quarante cinquante soixante soixante quatre-vingt quatre-vingt")
)

func frenchCardinal(n int64, g gender) string {
	said := frenchWords(n)
	if head, ok := strings.CutSuffix(said, "un"); ok && g == feminine {
		return head + "une"
	}
	return said
}

func frenchWords(n int64) string {
	switch {
	case n < 100:
		return frenchBelow100(n)
	case n < 1000:
		head := "cent"
		if n/100 > 1 {
			head = frenchSmall[n/100] + " cent"
			if n%100 == 0 {
				return head + "s"
			}
		}
		return frenchJoin(head, n%100)
	case n < 1e6:
		head := "mille"
		if n/1000 > 1 {
			head = frenchGoingOn(frenchWords(n/1000)) + " mille"
		}
		return frenchJoin(head, n%1000)
	}
	unit, name := int64(1e6), " million"
	switch {
	case n >= 1e12:
		unit, name = 1e12, " billion"
	case n >= 1e9:
		unit, name = 1e9, " milliard"
	}
	head := frenchWords(n/unit) + name
	if n/unit > 1 {
		head += "s"
	}
	return frenchJoin(head, n%unit)
}

// frenchGoingOn is a number before another: hundreds and twenties lose their s.
func frenchGoingOn(said string) string {
	if strings.HasSuffix(said, "cents") || strings.HasSuffix(said, "vingts") {
		return strings.TrimSuffix(said, "s")
	}
	return said
}

func frenchJoin(head string, rest int64) string {
	if rest == 0 {
		return head
	}
	return head + " " + frenchWords(rest)
}

func frenchBelow100(n int64) string {
	if n < 20 {
		return frenchSmall[n]
	}
	ten, rest := n/10, n%10
	if ten == 7 || ten == 9 {
		rest += 10 // sixty and ten, four twenties and ten
	}
	head := frenchTens[ten-2]
	switch {
	case n == 80:
		return head + "s"
	case rest == 0:
		return head
	case rest == 1 && ten < 8, n == 71:
		return head + " et " + frenchSmall[rest]
	}
	return head + "-" + frenchSmall[rest]
}

// frenchOrdinal is a place in a row.
func frenchOrdinal(n int64) string {
	said := frenchGoingOn(frenchWords(n))
	switch {
	case n == 1:
		return "premier"
	case strings.HasSuffix(said, "cinq"):
		return said + "uième"
	case strings.HasSuffix(said, "neuf"):
		return strings.TrimSuffix(said, "f") + "vième"
	}
	return strings.TrimSuffix(said, "e") + "ième"
}
