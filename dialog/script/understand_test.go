package script

import (
	"testing"

	"sidetone/dialog"
)

func limits(least, most float64) *dialog.Question {
	return &dialog.Question{Kind: dialog.KindNumber, Min: &least, Max: &most}
}

var (
	anyNumber = &dialog.Question{Kind: dialog.KindNumber}
	phone     = &dialog.Question{Kind: dialog.KindPhone, MinDigits: 7, MaxDigits: 15}
	order     = &dialog.Question{Kind: dialog.KindDigits, MinDigits: 4, MaxDigits: 10}
	topics    = &dialog.Question{Kind: dialog.KindChoice, Choices: []dialog.Choice{
		{Value: "order", Say: "an order", Also: dialog.Wordings{"delivery", "parcel", "package"}},
		{Value: "billing", Also: dialog.Wordings{"invoice", "payment", "credit card"}},
		{Value: "something_else", Say: "something else", Also: dialog.Wordings{"other", "another thing"}},
	}}
	yesno = &dialog.Question{Kind: dialog.KindYesNo}
	email = &dialog.Question{Kind: dialog.KindEmail}
	text  = &dialog.Question{Kind: dialog.KindText}
)

// TestUnderstand holds what a caller may say or press against what it means;
// nil is for what must be asked again.
func TestUnderstand(t *testing.T) {
	tests := []struct {
		q    *dialog.Question
		said string
		keys bool
		want any
	}{
		{text, "  We use spreadsheets. ", false, "We use spreadsheets."},
		{text, "5", true, nil},

		{yesno, "Yes.", false, true},
		{yesno, "Yeah, sure.", false, true},
		{yesno, "Um, yes please", false, true},
		{yesno, "I do", false, true},
		{yesno, "That's right.", false, true},
		{yesno, "Yes, I don't mind.", false, true},
		{yesno, "Uh-huh", false, true},
		{yesno, "No problem.", false, true},
		{yesno, "Of course", false, true},
		{yesno, "Why not?", false, true},
		{yesno, "No.", false, false},
		{yesno, "Know.", false, false},
		{yesno, "Nope, sorry", false, false},
		{yesno, "Of course not.", false, false},
		{yesno, "Not really", false, false},
		{yesno, "I don’t think so", false, false},
		{yesno, "No, I haven't.", false, false},
		{yesno, "That's not right.", false, false},
		{yesno, "Maybe", false, nil},
		{yesno, "I'm not sure", false, nil},
		{yesno, "Bananas", false, nil},
		{yesno, "I would say yes and no", false, nil},
		{yesno, "one", false, true},
		{yesno, "1", true, true},
		{yesno, "2", true, false},
		{yesno, "3", true, nil},

		{anyNumber, "25", false, 25.0},
		{anyNumber, "twenty five", false, 25.0},
		{anyNumber, "Twenty-five.", false, 25.0},
		{anyNumber, "two five", false, 25.0},
		{anyNumber, "I have about a hundred and five of them", false, 105.0},
		{anyNumber, "one thousand two hundred thirty four", false, 1234.0},
		{anyNumber, "1,234", false, 1234.0},
		{anyNumber, "twelve hundred", false, 1200.0},
		{anyNumber, "a thousand", false, 1000.0},
		{anyNumber, "two million and five", false, 2000005.0},
		{anyNumber, "nineteen eighty four", false, 1984.0},
		{anyNumber, "five oh five", false, 505.0},
		{anyNumber, "three point five", false, 3.5},
		{anyNumber, "3.5", false, 3.5},
		{anyNumber, "two and a half", false, 2.5},
		{anyNumber, "minus ten", false, -10.0},
		{anyNumber, "-10", false, -10.0},
		{anyNumber, "a dozen", false, 12.0},
		{anyNumber, "None.", false, 0.0},
		{anyNumber, "Too.", false, 2.0},
		{anyNumber, "Absolutely none.", false, 0.0},
		{anyNumber, "A couple.", false, 2.0},
		{anyNumber, "For,", false, 4.0},
		{anyNumber, "Do.", false, 2.0},
		{anyNumber, "I would say, for.", false, 4.0},
		{anyNumber, "Um, I'd say about to.", false, 2.0},
		{anyNumber, "I'd give it a for", false, 4.0},
		{anyNumber, "Too, please.", false, 2.0},
		{anyNumber, "Ate points, I think.", false, 8.0},
		{anyNumber, "I would give it to", false, nil},
		{anyNumber, "That's too", false, nil},
		{anyNumber, "Me too.", false, nil},
		{anyNumber, "What for?", false, nil},
		{anyNumber, "I do.", false, nil},
		{anyNumber, "To be honest", false, nil},
		{anyNumber, "I would say", false, nil},
		{anyNumber, "five or six", false, nil},
		{anyNumber, "a lot", false, nil},
		{anyNumber, "42", true, 42.0},
		{limits(0, 10), "I would say an eight out of ten", false, 8.0},
		{limits(0, 10), "8/10", false, 8.0},
		{limits(0, 10), "Eight of ten", false, 8.0},
		{limits(0, 10), "For out of ten.", false, 4.0},
		{limits(0, 10), "In out of ten.", false, nil},
		{limits(0, 10), "Out of 10, I would say eight.", false, 8.0},
		{limits(0, 10), "Ten out of ten!", false, 10.0},
		{limits(0, 10), "I would give it an a.", false, nil},
		{limits(0, 10), "I would say it.", false, nil},
		{limits(0, 100), "seventy out of a hundred", false, 70.0},
		{limits(0, 10), "In the 1990s I said eleven, today eight", false, 8.0},
		{limits(0, 10), "eleven", false, nil},
		{limits(0, 10), "1 0", true, 10.0},

		{order, "double five one oh", false, "5510"},
		{order, "It's four two, um, seven one.", false, "4271"},
		{order, "0042", false, "0042"},
		{order, "zero zero forty two", false, "0042"},
		{order, "forty two fifty", false, "4250"},
		{order, "triple nine one", false, "9991"},
		{order, "one to three four", false, "1234"},
		{order, "I am waiting for it", false, nil},
		{order, "seven", false, nil},
		{order, "4 2 7 1 #", true, "4271"},
		{phone, "555-0142-7", false, "55501427"},
		{phone, "My number is five five five, zero one four two.", false, "5550142"},
		{phone, "plus one eight hundred five five five zero one four two", false, "+18005550142"},
		{phone, "+44 20 7946 0018", false, "+442079460018"},
		{phone, "oh two oh seven nine four six double oh eighteen", false, "02079460018"},
		{phone, "one two three", false, nil},

		{topics, "It's about an order.", false, "order"},
		{topics, "My orders", false, "order"},
		{topics, "where is my parcel", false, "order"},
		{topics, "Building.", false, "billing"},
		{topics, "Not billing, the other one", false, "something_else"},
		{topics, "I want to pay with my credit card", false, "billing"},
		{topics, "something else", false, "something_else"},
		{topics, "Sam thing else", false, "something_else"},
		{topics, "The second one please", false, "billing"},
		{topics, "the last one", false, "something_else"},
		{topics, "two", false, "billing"},
		{topics, "order or billing", false, nil},
		{topics, "Good morning", false, nil},
		{topics, "2", true, "billing"},
		{topics, "7", true, nil},

		{email, "jane dot doe at example dot com", false, "jane.doe@example.com"},
		{email, "It's Jane.Doe@Example.com.", false, "jane.doe@example.com"},
		{email, "My email address is j a n e at g mail dot com, thank you", false, "jane@gmail.com"},
		{email, "jane.doe at example.com", false, "jane.doe@example.com"},
		{email, "Sure, it is jim underscore forty two at mail dash host dot co dot uk", false, "jim_42@mail-host.co.uk"},
		{email, "d a v i d at example dot c o m", false, "david@example.com"},
		{email, "b as in bravo o double b at example dot org", false, "bobb@example.org"},
		{email, "me at example dot com", false, "me@example.com"},
		{email, "I look at it", false, nil},
		{email, "example dot com", false, nil},
		{email, "5", true, nil},
	}
	for _, test := range tests {
		got, ok := understand(test.q, test.said, test.keys)
		if !ok {
			got = nil
		}
		if got != test.want {
			t.Errorf("%s %q (keys %v): got %v, want %v", test.q.Kind, test.said, test.keys, got, test.want)
		}
	}
}

func TestCommands(t *testing.T) {
	tests := []struct {
		said string
		want command
	}{
		{"Sorry, what was that?", repeatIt},
		{"Could you repeat that, please?", repeatIt},
		{"What?", repeatIt},
		{"Uh, say that again", repeatIt},
		{"Skip.", skipIt},
		{"I'd rather not say.", skipIt},
		{"I don't know.", dontKnow},
		{"Um, no idea, sorry", dontKnow},
		{"Goodbye!", leave},
		{"Are you a robot?", whatAreYou},
		{"Sorry, am I talking to a machine?", whatAreYou},
		{"I skip breakfast", none},
		{"What I like is the price", none},
		{"yes", none},
		{"", none},
	}
	for _, test := range tests {
		if got := commandIn(test.said); got != test.want {
			t.Errorf("%q: got %v, want %v", test.said, got, test.want)
		}
	}
}

func FuzzUnderstand(f *testing.F) {
	for _, said := range []string{"twenty five", "double five oh", "jane dot doe at example dot com", "+1,234.5 hundred", "a", "b for", "at dot", "the last one", "no, yes", "１２", "1e300", "- 5", "i'd say for out of ten", "a a"} {
		f.Add(said)
	}
	f.Fuzz(func(t *testing.T, said string) {
		for _, q := range []*dialog.Question{text, yesno, limits(-5, 1e6), anyNumber, phone, order, topics, email} {
			for _, keys := range []bool{false, true} {
				value, ok := understand(q, said, keys)
				if !ok {
					continue
				}
				switch q.Kind {
				case dialog.KindNumber:
					if n := value.(float64); !inRange(q, n) {
						t.Fatalf("%q: %v is out of range", said, n)
					}
				case dialog.KindPhone, dialog.KindDigits:
					if d := digitsOf(value.(string)); len(d) < q.MinDigits || len(d) > q.MaxDigits {
						t.Fatalf("%q: %q has a wrong length", said, value)
					}
				case dialog.KindEmail:
					if !address.MatchString(value.(string)) {
						t.Fatalf("%q: %q is no address", said, value)
					}
				}
				if readBack(q, value) == "" && q.Kind != dialog.KindText {
					t.Fatalf("%q: nothing to read back of %v", said, value)
				}
			}
		}
		commandIn(said)
		commandWithin(said)
	})
}

// TestReadBack checks that what is read back is understood as the same answer.
func TestReadBack(t *testing.T) {
	tests := []struct {
		q     *dialog.Question
		value string
		want  string
	}{
		{phone, "5550142", "five five five, zero one four two"},
		{phone, "+18005550142", "plus one eight zero, zero five five, five zero one, four two"},
		{order, "4271", "four two seven one"},
		{email, "jane.doe_42@mail-host.com", "jane dot doe underscore four two at mail dash host dot com"},
		{topics, "something_else", "something else"},
	}
	for _, test := range tests {
		got := readBack(test.q, test.value)
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.value, got, test.want)
		}
		if again, ok := understand(test.q, got, false); !ok || again != test.value {
			t.Errorf("%q is understood as %v", got, again)
		}
	}
}
