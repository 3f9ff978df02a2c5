package tts

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	monthName = `(January|February|March|April|May|June|July|August|September|October|November|December|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?`
	dayNames  = `(Mon|Tues?|Wed|Thurs?|Thu|Fri|Sat|Sun)`
	dayNumber = `([12]?\d|3[01])`
)

// dates are what people say of days and hours. They run in this order.
var dates = []rule{
	{regexp.MustCompile(`(\d\s?[aApP])\.?([mM])\.(["']?$|\s+([A-Z](?:[a-z]\w*|\b)))`), endsAfterHour},
	{regexp.MustCompile(`\b([eE]tc)\.$`), func(m []string) string { return m[1] + ".." }},
	{regexp.MustCompile(`\b(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?\b`), func(m []string) string { return m[1] + " at " + m[2] }},
	{regexp.MustCompile(`\b(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\b`), sayDate},
	{regexp.MustCompile(`\b(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\b`), saySlashes},
	{regexp.MustCompile(`\b` + dayNames + `\.?(,? )` + monthName), func(m []string) string { return weekday(m[1]) + m[2] + month(m[3]) }},
	{regexp.MustCompile(`\b` + dayNames + `\.?(,? )` + `(\d)`), func(m []string) string { return weekday(m[1]) + m[2] + m[3] }},
	{regexp.MustCompile(`\b` + dayNames + `\.?\s?-\s?` + dayNames + `\b`), func(m []string) string { return weekday(m[1]) + " to " + weekday(m[2]) }},
	{regexp.MustCompile(`\b` + monthName + ` ` + dayNumber + `\s?-\s?` + dayNumber + `\b`), func(m []string) string { return month(m[1]) + " " + ordinal(m[2]) + " to " + ordinal(m[3]) }},
	{regexp.MustCompile(`\b` + monthName + ` ` + dayNumber + `(?:st|nd|rd|th)?\b`), func(m []string) string { return month(m[1]) + " " + ordinal(m[2]) }},
	{regexp.MustCompile(`\b(the )?` + dayNumber + `(?:st|nd|rd|th)? ` + monthName), func(m []string) string { return "the " + ordinal(m[2]) + " of " + month(m[3]) }},
	{regexp.MustCompile(`(?i)(\d|[ap]\.?m\.?)\s?-\s?(\d{1,2}(?::\d\d|\s?[ap]\.?m\b))`), func(m []string) string { return m[1] + " to " + m[2] }},
	{regexp.MustCompile(`\b([01]?\d|2[0-3])(?::([0-5]\d))?\s?([aApP])\.?[mM]\b\.?`), sayTime},
	{regexp.MustCompile(`\b([01]?\d|2[0-3]):([0-5]\d)(?::[0-5]\d)?()\b`), sayTime},
	{regexp.MustCompile(`\b(\d{4})'?s\b`), func(m []string) string { return plural(year(m[1])) }},
	{regexp.MustCompile(`'([1-9]0)s\b`), func(m []string) string { return plural(cardinal(m[1])) }},
}

// afterHour are words with a capital that go on after an hour, besides months and days:
// those of the zones of time.
var afterHour = []string{"Eastern", "Central", "Mountain", "Pacific", "Greenwich"}

// endsAfterHour doubles the dot of "p.m." that ends a sentence too: one is the
// abbreviation's.
func endsAfterHour(m []string) string {
	if next := m[4]; slices.Contains(afterHour, next) || isDay(next) {
		return m[0]
	}
	return m[1] + m[2] + ".." + m[3]
}

// isDay reports whether a word begins as a month or a day of the week does.
func isDay(word string) bool {
	for m := time.January; m <= time.December && len(word) > 2; m++ {
		if strings.HasPrefix(m.String(), word[:3]) || strings.HasPrefix(time.Weekday(m%7).String(), word[:3]) {
			return true
		}
	}
	return false
}

// sayDate says an ISO date the American way.
func sayDate(m []string) string {
	day, err := time.Parse(time.DateOnly, m[0])
	if err != nil {
		return m[0] // such as 30 February: say what stands there
	}
	return day.Month().String() + " " + ordinal(m[3]) + ", " + year(m[1])
}

// saySlashes says a date as Americans write it, month first; the other way round
// where it can be nothing else.
func saySlashes(m []string) string {
	mm, dd, yy := m[1], m[2], m[3]
	if n, _ := strconv.Atoi(mm); n > 12 {
		mm, dd = dd, mm
	}
	if len(yy) == 2 {
		yy = "20" + yy
	}
	day, err := time.Parse("2006/1/2", yy+"/"+strings.TrimPrefix(mm, "0")+"/"+strings.TrimPrefix(dd, "0"))
	if err != nil {
		return m[0]
	}
	return day.Month().String() + " " + ordinal(strconv.Itoa(day.Day())) + ", " + year(yy)
}

// month writes the name of a month out, and weekday that of a day.
func month(name string) string {
	for m := time.January; m <= time.December; m++ {
		if strings.HasPrefix(m.String(), name[:3]) {
			return m.String()
		}
	}
	return name
}

func weekday(name string) string {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.HasPrefix(d.String(), name[:3]) {
			return d.String()
		}
	}
	return name
}

// plural is that of a number in words: nineties.
func plural(said string) string {
	if head, ok := strings.CutSuffix(said, "y"); ok {
		return head + "ies"
	}
	return said + "s"
}

// sayTime says hour, minute and half of the day; the last two may be empty. After
// noon it says the half of the day, also where the clock has 24 hours.
func sayTime(m []string) string {
	hour, minute, half := m[1], m[2], strings.ToUpper(m[3])
	if n, _ := strconv.Atoi(hour); half == "" && (n > 12 || n == 0) {
		half = "A"
		if n > 12 {
			half = "P"
		}
		hour = strconv.Itoa((n+11)%12 + 1)
	}
	hour = cardinal(hour)
	switch {
	case minute == "" || minute == "00":
		minute = ""
		if half == "" {
			minute = " o'clock"
		}
	case minute[0] == '0':
		minute = " oh " + cardinal(minute)
	default:
		minute = " " + cardinal(minute)
	}
	if half != "" {
		half = " " + half + " M "
	}
	return hour + minute + half
}

// fractions are said as such; others are numbers with a slash.
var fractions = map[string]string{
	"1/2": "half", "1/3": "third", "2/3": "thirds", "1/4": "quarter", "3/4": "quarters",
	"1/5": "fifth", "1/8": "eighth", "3/8": "eighths", "5/8": "eighths", "7/8": "eighths",
}

// sayFraction says a fraction, also after a whole number.
func sayFraction(m []string) string {
	whole, name := strings.TrimSpace(m[1]), fractions[m[2]+"/"+m[3]]
	if name == "" {
		return m[0]
	}
	said := cardinal(m[2]) + " " + name
	if whole == "" {
		return said
	}
	if m[2] == "1" {
		said = "a " + name
	}
	return cardinal(whole) + " and " + said
}

// unit is a measure, of one and of many.
type unit struct{ one, many string }

var units = map[string]unit{
	"°C": {"degree Celsius", "degrees Celsius"}, "°F": {"degree Fahrenheit", "degrees Fahrenheit"}, "°": {"degree", "degrees"},
	"%": {"percent", "percent"}, "km/h": {"kilometer an hour", "kilometers an hour"}, "mph": {"mile an hour", "miles an hour"},
	"km": {"kilometer", "kilometers"}, "cm": {"centimeter", "centimeters"}, "mm": {"millimeter", "millimeters"},
	"kg": {"kilogram", "kilograms"}, "mg": {"milligram", "milligrams"}, "ml": {"milliliter", "milliliters"},
	"GB": {"gigabyte", "gigabytes"}, "MB": {"megabyte", "megabytes"}, "kWh": {"kilowatt hour", "kilowatt hours"},
	"lb": {"pound", "pounds"}, "lbs": {"pound", "pounds"}, "oz": {"ounce", "ounces"}, "ft": {"foot", "feet"},
	"min": {"minute", "minutes"}, "mins": {"minute", "minutes"}, "hr": {"hour", "hours"}, "hrs": {"hour", "hours"},
	"sec": {"second", "seconds"}, "secs": {"second", "seconds"}, "sq ft": {"square foot", "square feet"},
}

// unitPattern matches a number and a unit of the table, the longest first.
var unitPattern = func() *regexp.Regexp {
	var names []string
	for name := range units {
		names = append(names, regexp.QuoteMeta(name))
	}
	slices.SortFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return regexp.MustCompile(`(\d(?:[\d,.]*\d)?)\s?(` + strings.Join(names, "|") + `)\.?(\s|$|[,;:!?)])`)
}()

// sayUnit says a measure with its number's unit.
func sayUnit(m []string) string {
	u, end := units[m[2]], m[3]
	if strings.HasSuffix(m[0], ".") {
		end = "." // of the text
	}
	if m[1] == "1" {
		return m[1] + " " + u.one + end
	}
	return m[1] + " " + u.many + end
}
