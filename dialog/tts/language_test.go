package tts

import (
	"strings"
	"testing"
	"unicode"
)

// TestWriteOutGerman holds what language models write in German.
func TestWriteOutGerman(t *testing.T) {
	written(t, "de-DE", map[string]string{
		"**Danke!** 😀 Alles klar.":                            "Danke! Alles klar.",
		"am 5. März 2026, der 1. Mai, 3. Oktober":             "am fünften März zweitausendsechsundzwanzig, der erste Mai, dritter Oktober",
		"am 05.03.2026 oder 7.8.1999":                         "am fünften März zweitausendsechsundzwanzig oder siebter August neunzehnhundertneunundneunzig",
		"bis 24.12. um 18:30 Uhr":                             "bis vierundzwanzigsten Dezember um achtzehn Uhr dreißig",
		"2026-03-05T15:00:00Z":                                "fünfter März zweitausendsechsundzwanzig, fünfzehn Uhr",
		"um 1 Uhr, 12.15 Uhr oder 9:00":                       "um ein Uhr, zwölf Uhr fünfzehn oder neun Uhr",
		"der 2. Versuch im 21. Jahr, vom 3. Stock":            "der zweite Versuch im einundzwanzigsten Jahr, vom dritten Stock",
		"12,50 €, 1 Euro, € 1.200, 1 CHF, -3 €":               "zwölf Euro fünfzig, ein Euro, eintausendzweihundert Euro, ein Franken, minus drei Euro",
		"3,14 und 0,5 und 1.000.000":                          "drei Komma eins vier und null Komma fünf und eine Million",
		"21 %, 1 km, 20 °C, 100 km/h, 2 Std.":                 "einundzwanzig Prozent, ein Kilometer, zwanzig Grad Celsius, einhundert Kilometer pro Stunde, zwei Stunden",
		"Rufen Sie 030 1234567 oder +49 30 123456 an.":        "Rufen Sie null drei null, eins zwei drei vier fünf sechs sieben oder plus vier neun, drei null, eins zwei drei vier fünf sechs an.",
		"Ihr Code ist 4821. Zimmer 101":                       "Ihr Code ist vier acht zwei eins. Zimmer eins null eins",
		"Buchung AB12C3":                                      "Buchung A B eins zwei C drei",
		"IBAN DE89 3704 0044 0532 0130 00":                    "IBAN D E acht neun, drei sieben null vier, null null vier vier, null fünf drei zwei, null eins drei null, null null",
		"max-2@beispiel.de, https://www.beispiel.de/a_b":      "max Bindestrich zwei ät beispiel Punkt de, beispiel Punkt de Schrägstrich a Unterstrich b",
		"von 9-17 Uhr, z. B. heute bzw. morgen, Hauptstr. 12": "von neun bis siebzehn Uhr, zum Beispiel heute beziehungsweise morgen, Hauptstraße zwölf",
		"9:30 - 17:00, 9–12.30 Uhr":                           "neun Uhr dreißig bis siebzehn Uhr, neun bis zwölf Uhr dreißig",
		"12345, 00042, 7000, 1848":                            "eins zwei drei vier fünf, null null null vier zwei, siebentausend, achtzehnhundertachtundvierzig",
	})
	numbers(t, german, map[int64]string{
		0: "null", 1: "eins", 16: "sechzehn", 17: "siebzehn", 21: "einundzwanzig", 30: "dreißig", 101: "einhunderteins", 1001: "eintausendeins",
		21_000: "einundzwanzigtausend", 101_000: "einhunderteintausend", 2_000_001: "zwei Millionen eins", 1_000_000_000: "eine Milliarde",
	})
	for n, want := range map[int64]string{1: "erste", 3: "dritte", 7: "siebte", 11: "elfte", 20: "zwanzigste", 31: "einunddreißigste", 101: "einhunderterste"} {
		if got := germanOrdinal(n); got != want {
			t.Errorf("%d.: %q, want %q", n, got, want)
		}
	}
}

func TestWriteOutSpanish(t *testing.T) {
	written(t, "es", map[string]string{
		"¡Hola! ¿Qué tal, **José**?":                  "Hola! Qué tal, José?",
		"el 5 de marzo de 2026, el 1 de mayo":         "el cinco de marzo de dos mil veintiséis, el primero de mayo",
		"el 05/03/2026 o 2026-12-01":                  "el cinco de marzo de dos mil veintiséis o primero de diciembre de dos mil veintiséis",
		"a las 15:30, a la 1:00, 21:05 h":             "a las quince treinta, a la una, veintiuna cinco",
		"12,50 €, 1 €, $ 1.200, 21 USD, £1, 21 euros": "doce euros con cincuenta, un euro, mil doscientos dólares, veintiún dólares, una libra, veintiún euros",
		"3,14 y 1.000.000":                            "tres coma uno cuatro y un millón",
		"21 %, 1 km, 200 h":                           "veintiuno por ciento, un kilómetro, doscientas horas",
		"Llame al 91 123 45 67 o +34 911 234 567.":    "Llame al nueve uno, uno dos tres, cuatro cinco, seis siete o más tres cuatro, nueve uno uno, dos tres cuatro, cinco seis siete.",
		"Su código es 4821, habitación 101":           "Su código es cuatro ocho dos uno, habitación uno cero uno",
		"ana_b@ejemplo.es, www.ejemplo.com/a-b":       "ana guion bajo b arroba ejemplo punto es, ejemplo punto com barra a guion b",
		"de 9-17, el 1.er paso, la 2ª vez, Sr. López": "de nueve a diecisiete, el primer paso, la segunda vez, señor López",
		"reserva AB12C3, 1998, 12345":                 "reserva A B uno dos C tres, mil novecientos noventa y ocho, uno dos tres cuatro cinco",
		"9:00-17:30, 10-20 km":                        "nueve a diecisiete treinta, diez a veinte kilómetros",
		"hace -4 °C":                                  "hace menos cuatro grados Celsius",
	})
	numbers(t, spanish, map[int64]string{
		0: "cero", 16: "dieciséis", 21: "veintiuno", 31: "treinta y uno", 100: "cien", 101: "ciento uno", 500: "quinientos", 999: "novecientos noventa y nueve",
		1000: "mil", 21_000: "veintiún mil", 31_000: "treinta y un mil", 1_000_000: "un millón", 2_000_100: "dos millones cien", 1_000_000_000: "mil millones",
	})
	if got := spanish.cardinal(221_201, feminine); got != "doscientas veintiuna mil doscientas una" {
		t.Error(got)
	}
}

func TestWriteOutFrench(t *testing.T) {
	written(t, "fr-CA", map[string]string{
		"« Bonjour », **Éloïse** !":                       "Bonjour, Éloïse!",
		"le 5 mars 2026, le 1er mai, le 05/03/2026":       "le cinq mars deux mille vingt-six, le premier mai, le cinq mars deux mille vingt-six",
		"2026-12-01T08:05":                                "premier décembre deux mille vingt-six, huit heures cinq",
		"à 15h30, 1 h, 21:00 ou 8 heures":                 "à quinze heures trente, une heure, vingt et une heures ou huit heures",
		"12,50 €, 1 €, 1 200 €, 1\u00a0200,05 €, £1":      "douze euros cinquante, un euro, mille deux cents euros, mille deux cents euros cinq, une livre",
		"3,14 et 1 000 000":                               "trois virgule un quatre et un million",
		"80 %, 1 km, 71 kg, 20 °C, 2 min":                 "quatre-vingts pour cent, un kilomètre, soixante et onze kilogrammes, vingt degrés Celsius, deux minutes",
		"Appelez le 01 23 45 67 89 ou +33 1 23 45 67 89.": "Appelez le zéro un, deux trois, quatre cinq, six sept, huit neuf ou plus trois trois, un, deux trois, quatre cinq, six sept, huit neuf.",
		"Votre code est 4821, chambre 101":                "Votre code est quatre huit deux un, chambre un zéro un",
		"anne-b@exemple.fr et https://exemple.fr/a_b":     "anne tiret b arobase exemple point fr et exemple point fr barre oblique a tiret bas b",
		"de 9-17, la 2e fois, le 21ème, M. Petit, Mme Le": "de neuf à dix-sept, la deuxième fois, le vingt et unième, monsieur Petit, madame Le",
		"9h-17h, 9h30–12h":                                "neuf heures à dix-sept heures, neuf heures trente à douze heures",
		"dossier AB12C3, 1998, 12345":                     "dossier A B un deux C trois, mille neuf cent quatre-vingt-dix-huit, un deux trois quatre cinq",
	})
	numbers(t, french, map[int64]string{
		0: "zéro", 21: "vingt et un", 70: "soixante-dix", 71: "soixante et onze", 80: "quatre-vingts", 81: "quatre-vingt-un", 91: "quatre-vingt-onze",
		200: "deux cents", 201: "deux cent un", 1000: "mille", 80_000: "quatre-vingt mille", 200_000: "deux cent mille", 3_000: "trois mille", 2_000_000: "deux millions",
	})
	for n, want := range map[int64]string{1: "premier", 3: "troisième", 4: "quatrième", 5: "cinquième", 9: "neuvième", 80: "quatre-vingtième", 200: "deux centième"} {
		if got := frenchOrdinal(n); got != want {
			t.Errorf("%de: %q, want %q", n, got, want)
		}
	}
}

// TestWriteOutElsewhere takes out markup alone.
func TestWriteOutElsewhere(t *testing.T) {
	written(t, "pl", map[string]string{"**Cześć** 😀 12 zł": "Cześć 12 zł"})
	written(t, "", map[string]string{"_a_ 5": "a 5"})
}

func written(t *testing.T, tag string, all map[string]string) {
	t.Helper()
	for text, want := range all {
		if got := WriteOut(tag)(text); got != want {
			t.Errorf("%s: %q\n got %q\nwant %q", tag, text, got, want)
		}
	}
}

func numbers(t *testing.T, l *language, all map[int64]string) {
	t.Helper()
	for n, want := range all {
		if got := l.cardinal(n, alone); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

// FuzzWriteOut checks that whatever is written is said in words, and in no more than
// goes with its length.
func FuzzWriteOut(f *testing.F) {
	for _, s := range []string{"", "1.200,50 €", "am 31.2.2026", "25:61 Uhr", "1º de mayo", "999 999 999 999 999", "+33 (0)1 23", "a@b.de 2026-13-01", "5°%€", "0,0,0", "1er1e", "\xf0\x9f", "٣٤", "99999999999999999999 km"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, tag := range []string{"en", "de", "es", "fr"} {
			got := WriteOut(tag)(text)
			if strings.ContainsAny(got, "0123456789") {
				t.Errorf("%s: %q is said as %q", tag, text, got)
			}
			if strings.Contains(got, "  ") || got != strings.TrimSpace(got) || len(got) > 60*len(text)+60 {
				t.Errorf("%s: %q is said as %q", tag, text, got)
			}
			if strings.ContainsFunc(got, unicode.IsControl) {
				t.Errorf("%s: %q holds a control character", tag, got)
			}
		}
	})
}
