package webrtc

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"sidetone/media"
	"sidetone/telephony"
)

func TestParseMessage(t *testing.T) {
	e := func(e telephony.Event) telephony.Event { return e }
	for name, test := range map[string]struct {
		in   string
		want telephony.Event
		bad  string
	}{
		"agree":             {`{"type":"choose","choice":"agree","message":"9f"}`, e(telephony.Event{Kind: telephony.Chose, Choice: telephony.Agree, Text: "9f"}), ""},
		"unrecorded":        {`{"type":"choose","choice":"unrecorded","message":""}`, e(telephony.Event{Kind: telephony.Chose, Choice: telephony.Unrecorded}), ""},
		"delete":            {`{"type":"choose","choice":"delete","message":"9f"}`, e(telephony.Event{Kind: telephony.Chose, Choice: telephony.Delete, Text: "9f"}), ""},
		"again":             {`{"type":"choose","choice":"again","message":"9f"}`, e(telephony.Event{Kind: telephony.Chose, Choice: telephony.Again, Text: "9f"}), ""},
		"again, of nothing": {`{"type":"choose","choice":"again","message":""}`, e(telephony.Event{Kind: telephony.Chose, Choice: telephony.Again}), ""},
		"again, no message": {`{"type":"choose","choice":"again"}`, e(telephony.Event{Kind: telephony.Chose, Choice: telephony.Again}), ""},
		"in capitals":       {`{"type":"choose","choice":"Delete","message":"9f"}`, telephony.Event{}, badChoice},
		"an outcome":        {`{"type":"choose","choice":"withdrawn","message":"9f"}`, telephony.Event{}, badChoice},
		"several choices":   {`{"type":"choose","choice":["delete"],"message":"9f"}`, telephony.Event{}, badJSON},
		"no choice":         {`{"type":"choose","message":"9f"}`, telephony.Event{}, badChoice},
		"another choice":    {`{"type":"choose","choice":"maybe","message":"9f"}`, telephony.Event{}, badChoice},
		"long id":           {`{"type":"choose","choice":"agree","message":"` + strings.Repeat("9", 129) + `"}`, telephony.Event{}, badChoice},
		"id with a control": {`{"type":"choose","choice":"agree","message":"9\u0000"}`, telephony.Event{}, badChoice},
		"text":              {`{"type":"text","text":" Grüße 👋\n<b> "}`, e(telephony.Event{Kind: telephony.Typed, Text: "Grüße 👋 <b>"}), ""},
		"longest":           {`{"type":"text","text":"` + strings.Repeat("字", 2000) + `"}`, e(telephony.Event{Kind: telephony.Typed, Text: strings.Repeat("字", 2000)}), ""},
		"too long a text":   {`{"type":"text","text":"` + strings.Repeat("x", 2001) + `"}`, telephony.Event{}, badText},
		"no text":           {`{"type":"text"}`, telephony.Event{}, badText},
		"nothing to see":    {`{"type":"text","text":" \u0007\u202e\t"}`, telephony.Event{}, badText},
		"controls":          {`{"type":"text","text":"a\u0000b\u001b[31m\u202ec\u2028d"}`, e(telephony.Event{Kind: telephony.Typed, Text: "ab[31mc d"}), ""},
		"text is a number":  {`{"type":"text","text":7}`, telephony.Event{}, badJSON},
		"typing":            {`{"type":"typing"}`, e(telephony.Event{Kind: telephony.Typing}), ""},
		"key":               {`{"type":"key","digit":"#"}`, e(telephony.Event{Kind: telephony.DTMF, Digit: '#'}), ""},
		"no key":            {`{"type":"key"}`, telephony.Event{}, badDigit},
		"two keys":          {`{"type":"key","digit":"12"}`, telephony.Event{}, badDigit},
		"another key":       {`{"type":"key","digit":"A"}`, telephony.Event{}, badDigit},
		"name":              {`{"type":"about","field":"name","text":"Zoë"}`, e(telephony.Event{Kind: telephony.Told, Field: "name", Text: "Zoë"}), ""},
		"e-mail":            {`{"type":"about","field":"email","text":"z@example.com"}`, e(telephony.Event{Kind: telephony.Told, Field: "email", Text: "z@example.com"}), ""},
		"another field":     {`{"type":"about","field":"iban","text":"1"}`, telephony.Event{}, badField},
		"too much about":    {`{"type":"about","field":"name","text":"` + strings.Repeat("x", 201) + `"}`, telephony.Event{}, badText},
		"muted":             {`{"type":"mute","on":true}`, e(telephony.Event{Kind: telephony.Muted}), ""},
		"unmuted":           {`{"type":"mute","on":false}`, e(telephony.Event{Kind: telephony.Unmuted}), ""},
		"mute what":         {`{"type":"mute"}`, telephony.Event{}, badField},
		"bye":               {`{"type":"bye","text":7}`, telephony.Event{}, ""},
		"unknown":           {`{"type":"wave","text":7}`, telephony.Event{}, ""},
		"unknown field":     {`{"type":"key","digit":"1","on":"yes"}`, e(telephony.Event{Kind: telephony.DTMF, Digit: '1'}), ""},
		"negative stats":    {`{"type":"stats","jitter_buffer_ms":-1}`, telephony.Event{}, badStats},
		"endless stats":     {`{"type":"stats","rtt_ms":1e300}`, telephony.Event{}, badStats},
		"hushed of nothing": {`{"type":"hushed"}`, telephony.Event{}, badField},
		"hushed before all": {`{"type":"hushed","before":-1}`, telephony.Event{}, badJSON},
		"no type":           {`{"text":"x"}`, telephony.Event{}, badJSON},
		"null":              {`null`, telephony.Event{}, badJSON},
		"a list":            {`["type"]`, telephony.Event{}, badJSON},
		"two objects":       {`{"type":"bye"}{}`, telephony.Event{}, badJSON},
		"nothing":           {``, telephony.Event{}, badJSON},
		"not UTF-8":         {"{\"type\":\"text\",\"text\":\"\xff\"}", telephony.Event{}, badUTF8},
	} {
		t.Run(name, func(t *testing.T) {
			m, bad := parseMessage([]byte(test.in))
			if m.event != test.want || bad != test.bad {
				t.Errorf("%+v, bad %q, want %+v, %q", m.event, bad, test.want, test.bad)
			}
		})
	}
}

func TestParseStats(t *testing.T) {
	for in, want := range map[string]stats{
		`{"type":"stats","jitter_buffer_ms":42.5,"rtt_ms":30}`: {42500 * time.Microsecond, true, 30 * ms},
		`{"type":"stats","jitter_buffer_ms":0}`:                {0, true, 0},
		`{"type":"stats","rtt_ms":12}`:                         {0, false, 12 * ms},
		`{"type":"stats","rtt_ms":null}`:                       {},
	} {
		if m, bad := parseMessage([]byte(in)); bad != "" || m.stats != want {
			t.Errorf("%s is %+v, %q", in, m.stats, bad)
		}
	}
}

// FuzzMessage holds whatever a page sends against what an event may hold.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"type":"choose","choice":"agree","message":"9f"}`, `{"type":"choose","choice":"delete","message":"9f"}`, `{"type":"choose","choice":"again"}`,
		`{"type":"text","text":"a\u0000\ud800b"}`, `{"type":"typing"}`,
		`{"type":"key","digit":"5"}`, `{"type":"about","field":"email","text":"a@b"}`, `{"type":"mute","on":true}`,
		`{"type":"stats","jitter_buffer_ms":42.5,"rtt_ms":1e9}`, `{"type":"hushed","before":4294967295}`, `{"type":"bye"}`, `{"TYPE":"text","TEXT":"x"}`, `[[[[`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	types := []string{typeChoose, typeText, typeTyping, typeKey, typeAbout, typeMute, typeStats, typeHushed, typeBye, typeUnknown}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, bad := parseMessage(b)
		if bad != "" {
			if m.event != (telephony.Event{}) {
				t.Errorf("bad as %s, and an event: %+v", bad, m.event)
			}
			return
		}
		if !json.Valid(b) || !strings.Contains(strings.Join(types, " "), m.kind) {
			t.Errorf("taken as %q", m.kind)
		}
		e := m.event
		length := utf8.RuneCountInString(e.Text)
		odd := strings.IndexFunc(e.Text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) })
		if !utf8.ValidString(e.Text) || odd >= 0 || e.At != 0 || e.Mark != 0 {
			t.Errorf("event %+v", e)
		}
		right := true
		switch e.Kind {
		case 0:
			right = e == telephony.Event{}
		case telephony.Typed:
			right = length >= 1 && length <= maxText
		case telephony.Told:
			right = length >= 1 && length <= maxAbout && (e.Field == "name" || e.Field == "email")
		case telephony.DTMF:
			right = strings.IndexByte("0123456789*#", e.Digit) >= 0
		case telephony.Chose:
			right = len(e.Text) <= maxID && strings.Contains("|agree|unrecorded|delete|again|", "|"+string(e.Choice)+"|")
		case telephony.Muted, telephony.Unmuted, telephony.Typing:
			right = length == 0
		default:
			right = false
		}
		s := m.stats
		if !right || s.buffer < 0 || s.buffer > maxStat || s.rtt < 0 || s.rtt > maxStat {
			t.Errorf("%s became %+v", b, m)
		}
	})
}

// Messages become events in order, each stamped with the newest inbound tick; bad
// ones are counted.
func TestMessagesBecomeEvents(t *testing.T) {
	withLive(t, func(t *testing.T, l *live) {
		l.speak(0, 3)
		synctest.Wait()
		const at = 3 * media.FrameTicks
		l.text(`{"type":"choose","choice":"agree","message":"9f"}`)
		l.text(`{"type":"key","digit":"x"}`)
		l.text(`{"type":"mute","on":true}`)
		l.text(`{"type":"mystery"}`)
		l.text(`{"type":"text","text":"hello"}`)
		l.wantEvent(telephony.Event{Kind: telephony.Chose, At: at, Choice: telephony.Agree, Text: "9f"})
		l.wantEvent(telephony.Event{Kind: telephony.Muted, At: at})
		l.wantEvent(telephony.Event{Kind: telephony.Typed, At: at, Text: "hello"})
		l.wantNoEvent()
		l.wantCount("bad_messages_total", badDigit, 1)
		l.wantCount("messages_total", typeText, 1)
		l.wantCount("messages_total", typeUnknown, 1)
	})
}

func TestFlood(t *testing.T) {
	for name, test := range map[string]struct {
		message string
		n       int
		pause   time.Duration
		ends    bool
	}{
		"a busy page":       {`{"type":"typing"}`, 49, 0, false},
		"one too many":      {`{"type":"typing"}`, 51, 0, true},
		"nonsense":          {`{`, 51, 0, true},
		"spread":            {`{"type":"mystery"}`, 200, 21 * ms, false},
		"stats beside that": {`{"type":"stats"}`, 50, 0, false},
		"too many stats":    {`{"type":"stats"}`, 51, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			withLive(t, func(t *testing.T, l *live) {
				for range test.n {
					l.text(test.message)
					time.Sleep(test.pause)
				}
				if test.ends {
					l.wantCause(telephony.Protocol)
					l.wantCount("bad_messages_total", badFlood, 1)
					return
				}
				l.text(`{"type":"bye"}`)
				if test.message != `{"type":"stats"}` {
					time.Sleep(time.Second)
					l.text(`{"type":"bye"}`)
				}
				l.wantCause(telephony.HungUp)
			})
		})
	}
}

func TestShow(t *testing.T) {
	for _, test := range []struct {
		show telephony.Show
		want string
	}{
		{telephony.Question{Message: "9f", Language: "de", Parts: []telephony.QuestionPart{{Kind: "notice", Text: "<Wir> & Sie"}}, Choices: []telephony.Choice{telephony.Agree}},
			`{"type":"consent","message":"9f","language":"de","parts":[{"kind":"notice","text":"<Wir> & Sie"}],"choices":["agree"]}`},
		{telephony.Question{}, `{"type":"consent","message":"","language":"","parts":[],"choices":[]}`},
		{telephony.Settled{Outcome: "granted", Recording: true}, `{"type":"consent_settled","outcome":"granted","recording":true,"transcript":false,"choices":[]}`},
		{telephony.Settled{Outcome: "paused", Choices: []telephony.Choice{telephony.Unrecorded, telephony.Delete}},
			`{"type":"consent_settled","outcome":"paused","recording":false,"transcript":false,"choices":["unrecorded","delete"]}`},
		{telephony.State{State: telephony.Thinking}, `{"type":"state","state":"thinking"}`},
		{telephony.Caption{ID: 3, Text: "hi", Final: true, How: "spoken", From: 480, To: 48016}, `{"type":"caption","id":3,"text":"hi","final":true,"how":"spoken","from":0.01,"to":1}`},
		{telephony.Saying{Turn: 1, Clip: 2, Text: "One two", Played: 1}, `{"type":"saying","turn":1,"clip":2,"text":"One two","played":1,"done":false}`},
		{telephony.Said{Turn: 1, Text: "One", Interrupted: true, From: 96000, To: 96960}, `{"type":"said","turn":1,"text":"One","interrupted":true,"from":2,"to":2.02}`},
		{telephony.Problem{Code: "say", Text: "x"}, `{"type":"problem","code":"say","text":"x"}`},
		{telephony.Over{Outcome: "caller", Reason: "hung_up"}, `{"type":"over","outcome":"caller","reason":"hung_up"}`},
	} {
		got, err := marshalShow(test.show)
		if err != nil || string(got) != test.want {
			t.Errorf("%+v is shown as\n%s, %v, want\n%s", test.show, got, err, test.want)
		}
	}
	if _, err := marshalShow(nil); err == nil {
		t.Error("nothing was shown")
	}
}

// The page's types are those of docs/web-events.md.
func TestTypesAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/web-events.md")
	if err != nil {
		t.Fatal(err)
	}
	_, page, ok := strings.Cut(string(doc), "\n## From the browser\n")
	if !ok {
		t.Fatal("the document says nothing about the browser")
	}
	page, _, _ = strings.Cut(page, "\n## ")
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(page, -1) {
		documented[m[1]] = true
	}
	delete(documented, "type") // the table's head
	_, row, _ := strings.Cut(page, "\n| `choose` |")
	row, _, _ = strings.Cut(row, "\n")
	for _, choice := range choices {
		if !strings.Contains(row, "`"+string(choice)+"`") {
			t.Errorf("the choice %s is not documented", choice)
		}
	}
	for kind := range documented {
		if m, _ := parseMessage([]byte(`{"type":"` + kind + `"}`)); m.kind != kind {
			t.Errorf("%s is documented, and not known", kind)
		}
	}
	for _, kind := range []string{typeChoose, typeText, typeTyping, typeKey, typeAbout, typeMute, typeStats, typeBye} {
		if !documented[kind] {
			t.Errorf("%s is not documented", kind)
		}
	}
}
