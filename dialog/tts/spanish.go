package tts

import (
	"regexp"
	"strings"
)

var spanish = &language{
	cardinal: spanishCardinal,
	year:     func(n int64) string { return spanishCardinal(n, alone) },
	marks: map[rune]string{
		'.': "punto", '@': "arroba", '-': "guion", '_': "guion bajo", '/': "barra", '+': "más", '?': "signo de interrogación",
		'=': "igual", '&': "y", '%': "por ciento", ':': "dos puntos", '#': "almohadilla", '~': "tilde",
	},
	signs: strings.NewReplacer("&", " y ", "@", " arroba ", "+", " más ", "=", " igual a ", "#", " número ", "°", " grados ",
		"%", " por ciento ", "×", " por ", "½", " medio ", "¿", "", "¡", "", "(", ", ", ")", ", ", "/", " "),
	comma:  "coma",
	until:  "a",
	minus:  "menos",
	months: strings.Fields("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
	date: func(day int64, month, year string) string {
		return spanishDay(day) + " de " + month + " de " + year
	},
	time: func(hour, minute int64) string {
		said := spanishCardinal(hour, feminine)
		if minute > 0 {
			said += " " + spanishCardinal(minute, alone)
		}
		return said
	},
	units: map[string]noun{
		"%": {"por ciento", "por ciento", alone}, "°C": {"grado Celsius", "grados Celsius", masculine}, "°": {"grado", "grados", masculine},
		"km/h": {"kilómetro por hora", "kilómetros por hora", masculine}, "km": {"kilómetro", "kilómetros", masculine},
		"m²": {"metro cuadrado", "metros cuadrados", masculine}, "cm": {"centímetro", "centímetros", masculine}, "kg": {"kilogramo", "kilogramos", masculine},
		"GB": {"gigabyte", "gigabytes", masculine}, "kWh": {"kilovatio hora", "kilovatios hora", masculine},
		"min": {"minuto", "minutos", masculine}, "h": {"hora", "horas", feminine},
		"euro": {"euro", "euros", masculine}, "euros": {"euro", "euros", masculine}, "dólares": {"dólar", "dólares", masculine},
	},
	money: map[string]noun{
		"€": {"euro", "euros", masculine}, "EUR": {"euro", "euros", masculine}, "$": {"dólar", "dólares", masculine}, "USD": {"dólar", "dólares", masculine},
		"£": {"libra", "libras", feminine}, "GBP": {"libra", "libras", feminine}, "CHF": {"franco", "francos", masculine},
	},
	and:     " con ",
	grouped: `\d{1,3}(?:\.\d{3})+`,
	called:  `código|PIN|clave|contraseña|número|núm\.|habitación|sala|extensión|cuenta|pedido|código postal|vuelo|referencia`,
	own:     spanishRules,
}

// spanishRules are those of days with the name of a month, of clocks, and of places in
// a row.
func spanishRules(l *language) []rule {
	return []rule{
		{regexp.MustCompile(`(?i)\b1(?:º|°|ro\.?)? de (` + strings.Join(l.months, "|") + `)\b`), func(m []string) string { return "primero de " + m[1] }},
		{regexp.MustCompile(`\b([01]?\d|2[0-4]):([0-5]\d)(?: ?(?:h|hs|horas)\b\.?)?`), func(m []string) string { return l.sayTime(m[1], m[2]) }},
		{regexp.MustCompile(`\b(\d{1,2})\.?(º|ª|er\b|ra\b|ro\b)`), func(m []string) string {
			n, _ := integer(m[1])
			switch m[2] {
			case "ª", "ra":
				return spanishOrdinal(n, "a")
			case "er":
				return strings.TrimSuffix(spanishOrdinal(n, "o"), "o")
			}
			return spanishOrdinal(n, "o")
		}},
		{regexp.MustCompile(`\b(Sr|Sra|Srta|Dr|Dra|Ud|Uds|núm|aprox|etc)\.(,?)`), func(m []string) string { return spanishShort[m[1]] + m[2] }},
	}
}

var spanishShort = map[string]string{
	"Sr": "señor", "Sra": "señora", "Srta": "señorita", "Dr": "doctor", "Dra": "doctora", "Ud": "usted", "Uds": "ustedes",
	"núm": "número", "aprox": "aproximadamente", "etc": "etcétera",
}

func spanishDay(n int64) string {
	if n == 1 {
		return "primero"
	}
	return spanishCardinal(n, alone)
}

var (
	spanishSmall = strings.Fields("cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve " +
		"veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve")
	spanishTens     = strings.Fields("treinta cuarenta cincuenta sesenta setenta ochenta noventa")
	spanishHundreds = strings.Fields("ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos")
	spanishPlaces   = strings.Fields("primer segund tercer cuart quint sext séptim octav noven décim")
)

func spanishCardinal(n int64, g gender) string {
	switch {
	case n < 1000:
		return spanishGender(spanishBelow1000(n), g)
	case n < 1e6:
		thousands := "mil"
		if n/1000 > 1 {
			before := masculine
			if g == feminine {
				before = feminine
			}
			thousands = spanishGender(spanishBelow1000(n/1000), before) + " mil"
		}
		return spanishJoin(thousands, n%1000, g)
	}
	unit, one, many := int64(1e6), "un millón", " millones"
	if n >= 1e12 {
		unit, one, many = 1e12, "un billón", " billones"
	}
	said := one
	if n/unit > 1 {
		said = spanishCardinal(n/unit, masculine) + many
	}
	return spanishJoin(said, n%unit, g)
}

func spanishJoin(head string, rest int64, g gender) string {
	if rest == 0 {
		return head
	}
	return head + " " + spanishCardinal(rest, g)
}

func spanishBelow1000(n int64) string {
	switch {
	case n < 30:
		return spanishSmall[n]
	case n < 100:
		if n%10 == 0 {
			return spanishTens[n/10-3]
		}
		return spanishTens[n/10-3] + " y " + spanishSmall[n%10]
	case n == 100:
		return "cien"
	case n%100 == 0:
		return spanishHundreds[n/100-1]
	}
	return spanishHundreds[n/100-1] + " " + spanishBelow1000(n%100)
}

// spanishGender has a number below a thousand agree with what is counted.
func spanishGender(said string, g gender) string {
	switch g {
	case feminine:
		said = strings.Replace(said, "cientos", "cientas", 1)
		said = strings.Replace(said, "quinientos", "quinientas", 1)
		if head, ok := strings.CutSuffix(said, "uno"); ok {
			return head + "una"
		}
	case masculine:
		if head, ok := strings.CutSuffix(said, "veintiuno"); ok {
			return head + "veintiún"
		}
		if head, ok := strings.CutSuffix(said, "uno"); ok {
			return head + "un"
		}
	}
	return said
}

// spanishOrdinal is a place in a row that ends so. From the eleventh on people say the
// number.
func spanishOrdinal(n int64, ending string) string {
	if n >= 1 && n <= 10 {
		return spanishPlaces[n-1] + ending
	}
	return spanishCardinal(n, alone)
}
