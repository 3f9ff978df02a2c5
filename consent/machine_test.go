package consent

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sidetone/media"
)

var notice = message("m", PartAI, PartRecording, PartChoice)

// TestAnswers tells for each mode and each way to answer what is done, in order,
// and what is open then.
func TestAnswers(t *testing.T) {
	const wait = "1500ms"
	talk := []Purpose{Converse}
	for _, c := range []struct {
		mode  Mode
		words string
		want  string
		open  []Purpose
	}{
		{NoticeMode, "hear " + wait + " ok", "row granted continued; opened granted, settled granted", everything},
		{NoticeMode, "hear 9 1 2 " + wait + " ok", "row granted continued; opened granted, settled granted", everything},
		{NoticeMode, "hear * 9 " + wait + " ok hear", "taken; row refused key, play refused; opened refused; settled refused", talk},
		{NoticeMode, "hear:1 * 9 hear " + wait + " ok", "taken; row refused key, play refused; opened refused", talk},
		{NoticeMode, "hear yes no unclear " + wait + " ok", "row granted continued; opened granted, settled granted", everything},
		{NoticeMode, "hear " + wait + " un hear", "row granted continued; opened unrecordable, play unable; settled unrecordable", talk},

		{OptOutMode, "hear " + wait + " ok", "row granted continued; opened granted, settled granted", everything},
		{OptOutMode, "hear 1 2 " + wait + " ok", "row granted continued; opened granted, settled granted", everything},
		{OptOutMode, "hear 9 " + wait + " ok hear", "taken; row refused key, play refused; opened refused; settled refused", talk},
		{OptOutMode, "9 hear " + wait + " ok hear", "taken; row refused key, play refused; opened refused; settled refused", talk},
		{OptOutMode, "hear withdraw ok hear", "row refused operator, play refused; opened refused; settled refused", talk},

		{NoRecord, "hear " + wait + " ok", "row not_asked policy; opened not_asked, settled not_asked", talk},
		{NoRecord, "hear 9 1 " + wait + " ok", "row not_asked policy; opened not_asked, settled not_asked", talk},
		{NoRecord, "hear * 9 " + wait + " ok hear", "taken; row refused key, play refused; opened refused; settled refused", talk},

		{OptInDTMF, "hear 1 ok", "taken, row granted key; opened granted, settled granted", everything},
		{OptInDTMF, "hear 5 1 un hear", "taken; taken, row granted key; opened unrecordable, play unable; settled unrecordable", talk},
		{OptInDTMF, "hear:2 1 hear 1 ok", "taken; taken, row granted key; opened granted, settled granted", everything},
		{OptInDTMF, "hear:2 1 9 2 hear 12s", "taken; taken; taken; play again", nil},
		{OptInDTMF, "hear 2 ok hear", "taken, row refused key, play refused; opened refused; settled refused", talk},
		{OptInDTMF, "hear 9 ok hear", "taken, row refused key, play refused; opened refused; settled refused", talk},
		{OptInDTMF, "hear:1 * 9 ok hear", "taken; taken, hush, row refused key, play refused; opened refused; settled refused", talk},
		{OptInDTMF, "hear yes unclear no 5900ms", "", nil},
		{OptInDTMF, "hear 6s hear 6s ok hear", "play again; row undecided silent, play refused; opened undecided; settled undecided", talk},

		{OptInSpeech, "hear 1s yes hear ok", "row granted speech, play heard_yes; opened granted, settled granted", everything},
		{OptInSpeech, "hear 1s yes ok hear", "row granted speech, play heard_yes; opened granted; settled granted", everything},
		{OptInSpeech, "hear 1s no ok hear", "row refused speech, play heard_no; opened refused; settled refused", talk},
		{OptInSpeech, "hear yes 5s", "", nil}, // begun before the end of the message
		{OptInSpeech, "hear 1 ok", "taken, row granted key; opened granted, settled granted", everything},
		{OptInSpeech, "hear 1s unclear hear 1s yes hear ok", "play unclear; row granted speech, play heard_yes; opened granted, settled granted", everything},
		{OptInSpeech, "hear 1s unclear hear 1s unclear hear 1s yes 1 ok",
			"play unclear; play key; taken, row granted key; opened granted, settled granted", everything},
		{OptInSpeech, "hear 1s unclear hear 1s unclear hear 6s ok", "play unclear; play key; row undecided unclear, play refused; opened undecided", talk},
		{OptInSpeech, "hear 1s unclear hear 6s hear 6s ok", "play unclear; play again; row undecided unclear, play refused; opened undecided", talk},
		{OptInSpeech, "hear 6s hear:1 1s yes ok", "play again; row granted speech, play heard_yes; opened granted", everything},
		{OptInSpeech, "hear 6s 1s yes ok", "play again; hush, row granted speech, play heard_yes; opened granted", everything},

		{OptInEither, "hear 1s yes hear ok", "row granted speech, play heard_yes; opened granted, settled granted", everything},
		{OptInEither, "hear 1 ok", "taken, row granted key; opened granted, settled granted", everything},
		{OptInEither, "hear 1s no hear ok", "row refused speech, play heard_no; opened refused, settled refused", talk},
		{OptInEither, "hear 1s unclear 1 ok", "play unclear; taken, hush, row granted key; opened granted, settled granted", everything},
	} {
		t.Run(fmt.Sprintf("%s_%s", c.mode, strings.ReplaceAll(c.words, " ", "_")), func(t *testing.T) {
			terms := under(t, c.mode)
			terms.Policy = terms.Policy.For(true)
			r := newRig(t, terms, notice)
			if got := r.say(c.words); got != c.want {
				t.Errorf("did   %s\nwant  %s", got, c.want)
			}
			r.wantOpen("then", c.open)
			r.proved()
		})
	}
}

func TestOpeningPlaysTheMessage(t *testing.T) {
	r := newRig(t, under(t, NoticeMode), notice)
	if got, want := r.log[0], "question, play ai, play recording, play choice"; got != want {
		t.Errorf("did %s, want %s", got, want)
	}
	r.wantOpen("while it plays", nil)
	if got := r.say("hear"); got != "" {
		t.Errorf("did %s, before the caller could hang up", got)
	}
	if a := r.m.Step(Answered{At: r.now}); a != nil {
		t.Errorf("answered twice: %v", a)
	}
}

// TestConverseOpensByItsOwnRule tells what the conversation may have after each
// answer, where engines elsewhere hear the caller.
func TestConverseOpensByItsOwnRule(t *testing.T) {
	farewell := "opened refused, settled refused leaves, quiet, play goodbye; row ended policy, leave"
	for _, c := range []struct {
		converse Rule
		words    string
		want     string
		open     []Purpose
	}{
		{Rule{}, "hear 2 ok", "opened refused", []Purpose{Converse}},
		{Rule{Level: OptOut}, "hear 2 ok hear", farewell, nil},
		{Rule{OptIn, ByKey}, "hear 2 ok hear", farewell, nil},
		{Rule{OptIn, ByKey}, "hear 1 ok", "opened granted, settled granted", everything},
		{Rule{Level: Never}, "hear 1 ok hear", strings.ReplaceAll(farewell, "refused", "granted"), nil},
	} {
		terms := under(t, OptInDTMF)
		terms.Policy.Converse = c.converse
		r := newRig(t, terms, notice)
		words := strings.Fields(c.words)
		r.say(strings.Join(words[:2], " "))
		if got := r.say(strings.Join(words[2:], " ")); got != c.want {
			t.Errorf("converse %s, %s: did %s, want %s", c.converse, c.words, got, c.want)
		}
		r.wantOpen(c.converse.String(), c.open)
		r.proved()
	}
}

func TestLeaveUnrecorded(t *testing.T) {
	for _, c := range []struct{ words, want string }{
		{"hear 2 ok hear", "taken, row refused key; opened refused, settled refused leaves, quiet, play transfer; row ended policy, leave"},
		{"hear 1 ok", "taken, row granted key; opened granted, settled granted"},
		{"hear 1 un hear", "taken, row granted key; opened unrecordable, play unable; settled unrecordable"},
		{"hear 1 ok 9 hear", "taken, row granted key; opened granted, settled granted; " +
			"taken, row withdrawn key, shut, withdrawn, quiet, play transfer; row ended policy, leave"},
	} {
		terms := under(t, OptInDTMF)
		terms.Policy, terms.LeaveUnrecorded, terms.HandOn = terms.Policy.For(true), true, true
		r := newRig(t, terms, notice)
		if got := r.say(c.words); got != c.want {
			t.Errorf("%s: did %s, want %s", c.words, got, c.want)
		}
		r.proved()
	}
}

// A goodbye for which there are no words ends the call where it stands, and takes
// nothing back.
func TestGoodbyeWithoutWords(t *testing.T) {
	m := message("m", PartRecording)
	delete(m.Prompts, PromptGoodbye)
	terms := under(t, OptOutMode)
	terms.LeaveUnrecorded = true
	r := newRig(t, terms, m)
	got := r.say("hear 1500ms ok 10s 9")
	if want := "taken, row withdrawn key, shut, withdrawn, row ended policy, leave"; !strings.HasSuffix(got, want) {
		t.Errorf("did %s, want %s", got, want)
	}
	if _, ok := r.m.gate.Converse(media.Frame{At: r.now - 5*second}); !ok {
		t.Error("what was said before the goodbye is refused")
	}
	r.proved()
}

// TestTimes holds the limits of the question, to the frame.
func TestTimes(t *testing.T) {
	for _, c := range []struct {
		mode Mode
		hear string
		last media.Tick // at which nothing has been decided yet
		row  string
		at   media.Tick // of the row, after the message
	}{
		{NoticeMode, "hear", ClearWait - 960, "granted", ClearWait},
		{OptInDTMF, "hear 6s hear", AnswerWait - 960, "undecided", 2*AnswerWait + second},
		{OptInSpeech, "hear 6s hear", AnswerWait - 960, "undecided", 2*AnswerWait + second},
	} {
		r := newRig(t, under(t, c.mode), notice)
		r.say(c.hear)
		r.wait(c.last)
		if len(r.rows) > 0 {
			t.Errorf("%s: row %s too early", c.mode, r.newest().Row.Event)
			continue
		}
		r.wait(960)
		if row := r.newest().Row; row.Event != c.row || row.At != (3*second+c.at).Seconds() {
			t.Errorf("%s: row %s at %.2f s, want %s at %.2f s", c.mode, row.Event, row.At, c.row, (3*second + c.at).Seconds())
		}
	}
}

// Who talks on and on is not waited for longer than 45 s, nor is who never stops.
func TestAskedAtMost(t *testing.T) {
	r := newRig(t, under(t, OptInDTMF), notice)
	r.say("hear")
	r.step(Speech{At: r.now, On: true})
	if got := r.say("44980ms"); got != "" {
		t.Fatalf("did %s within 45 s", got)
	}
	if got, want := r.say("20ms ok"), "row undecided silent; opened undecided, settled undecided leaves, quiet, play goodbye"; got != want {
		t.Errorf("did %s, want %s", got, want)
	}
	if row := r.rows[0].Row; row.Answer.Waited != 45 {
		t.Errorf("waited %v s, want 45", row.Answer.Waited)
	}
}

// Speech restarts the wait for an answer; while it lasts nobody is hurried.
func TestSilenceIsSinceTheCallerSpoke(t *testing.T) {
	r := newRig(t, under(t, OptInSpeech), notice)
	r.say("hear 5s")
	r.step(Speech{At: r.now, On: true})
	if got := r.say("8s"); got != "" {
		t.Errorf("did %s while the caller spoke", got)
	}
	r.step(Speech{At: r.now})
	if got := r.say("5980ms"); got != "" {
		t.Errorf("did %s within 6 s of the caller's speech", got)
	}
	if got := r.say("20ms"); got != "play again" {
		t.Errorf("did %q after 6 s, want the question again", got)
	}
}

// TestTalkOver: a message that was talked over is repeated once, in short, and
// then is no ground for anything.
func TestTalkOver(t *testing.T) {
	const again = "play recording, play choice"
	for _, c := range []struct {
		name  string
		mode  Mode
		words string
		want  string
	}{
		{"once, going on", NoticeMode, "over hear 1500ms", again + "; row granted continued"},
		{"once, by key", OptInDTMF, "over hear 1", again + "; taken, row granted key"},
		{"twice", NoticeMode, "over over", again + "; row undecided talked, play refused"},
		{"twice, opt-in", OptInEither, "over over", again + "; row undecided talked"},
		{"twice, nothing kept", NoRecord, "over over 1500ms", again + "; row not_asked policy"},
		{"a key in the repeat is early", OptInDTMF, "over 1 hear 1s 1", again + "; taken; taken, row granted key"},
		{"refused before", OptOutMode, "9 over 1500ms", "taken; row refused key, play refused"},
		{"only one part, by less than a third", NoticeMode, "speak:300ms hear 1500ms", "row granted continued"},
		{"only one part, by more", NoticeMode, "speak:301ms hear", again},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, under(t, c.mode), notice)
			if got := r.say(c.words); got != c.want {
				t.Errorf("did %s, want %s", got, c.want)
			}
		})
	}
}

// A third of no part, but more than 2 s of the message, is too much as well.
func TestTalkOverOfTheWhole(t *testing.T) {
	for _, c := range []struct {
		speech media.Tick // in each of three parts of 10 s
		want   int        // pieces to be played then
	}{{2 * second / 3, 0}, {2*second/3 + 1, 2}} {
		r := newRig(t, under(t, NoticeMode), notice)
		for n := range 3 {
			from := media.Tick(n) * 10 * second
			r.step(Speech{At: from + second, On: true})
			r.step(Speech{At: from + second + c.speech})
			r.playing = r.playing[1:]
			r.step(Played{At: from + 10*second, From: from, To: from + 10*second, N: n})
		}
		if len(r.playing) != c.want {
			t.Errorf("%d ticks over each part: %d pieces are played again, want %d", c.speech, len(r.playing), c.want)
		}
	}
}

// A message without a short form is repeated as a whole.
func TestTalkOverWithoutShortForm(t *testing.T) {
	r := newRig(t, under(t, NoRecord), message("m", PartAI, PartWho))
	if got, want := r.say("over hear 1500ms"), "play ai, play who; row not_asked policy"; got != want {
		t.Errorf("did %s, want %s", got, want)
	}
}

// More turns of speech than are kept count for too much, never for too little.
func TestTalkOverInBits(t *testing.T) {
	r := newRig(t, under(t, NoticeMode), notice)
	bit := media.Tick(second / 300)
	for i := range media.Tick(300) { // a third and more of 1 s, in bits
		r.step(Speech{At: i * second / 300, On: true})
		r.step(Speech{At: i*second/300 + bit/2})
	}
	r.say("hear")
	if len(r.playing) != 2 {
		t.Error("300 bits of speech over a part are not noticed")
	}
}

// TestRowOfAnAnswer holds every field of the row.
func TestRowOfAnAnswer(t *testing.T) {
	r := newRig(t, under(t, OptInEither), notice)
	r.m.Chosen(HowKey)
	r.say("speak:200ms hear:1 5 hear 1s unclear hear 6s hear 1s yes")
	a := r.newest()
	row := a.Row
	want := "granted speech opt_in_either subject m en key parts 3 repeats 0 talked 0.2 early 1"
	got := fmt.Sprint(row.Event, " ", row.How, " ", row.Mode, " ", row.Subject, " ", row.Message.ID, " ", row.Message.Language, " ", row.Message.Chosen,
		" parts ", len(row.Message.Parts), " repeats ", row.Message.Repeats, " talked ", row.Message.TalkedOver, " early ", row.Message.EarlyKeys)
	if got != want {
		t.Errorf("row  %s\nwant %s", got, want)
	}
	if !a.Keep || a.Origin != 0 || row.Decision == nil || !row.Decision.WholeCall {
		t.Errorf("keep %v from %d on, by %+v", a.Keep, a.Origin, row.Decision)
	}
	if w := *row.Answer; w != (AnswerRow{Waited: 10, Score: 0.9, Unclear: 1, Silences: 1}) {
		t.Errorf("answer %+v", w)
	}
	part := PartRow{Kind: PartAI, SHA256: "sound of ai", From: 0, To: 1, TalkedOver: 0.2, Confirmed: true}
	if row.Message.Parts[0] != part {
		t.Errorf("part %+v, want %+v", row.Message.Parts[0], part)
	}
	for p := range purposes {
		if row.Policy[p.String()] != "opt_in{key,speech}" || !row.Valves[p.String()] {
			t.Errorf("%s: %s, open %v", p, row.Policy[p.String()], row.Valves[p.String()])
		}
	}
}

// TestOpensAsOfTheAnswer: frames wait in memory for the row, and no frame of
// before the answer passes.
func TestOpensAsOfTheAnswer(t *testing.T) {
	r := newRig(t, under(t, NoticeMode), notice)
	r.say("hear 1980ms")
	const want media.Tick = 3*second + ClearWait
	if from, pending := r.m.Pending(); !pending || from != want {
		t.Errorf("pending %v from %d on, want %d", pending, from, want)
	}
	r.wantOpen("before the row is on disk", nil)
	r.say("ok")
	for p := range purposes {
		if since, ok := r.m.gate.Since(p); !ok || since != want {
			t.Errorf("%s open since %d, want %d", p, since, want)
		}
	}
	if _, pending := r.m.Pending(); pending {
		t.Error("frames still wait")
	}
}

// TestHangUp ends calls at every point.
func TestHangUp(t *testing.T) {
	const abandoned = "settled abandoned leaves, row abandoned hung_up"
	for _, c := range []struct {
		mode        Mode
		words, want string
	}{
		{NoticeMode, "", abandoned},
		{NoticeMode, "hear:2", abandoned},
		{NoticeMode, "hear 1s", abandoned},
		{OptOutMode, "9", abandoned},
		{OptInDTMF, "hear 2s", abandoned},
		{OptInDTMF, "hear 6s", abandoned},
		{NoticeMode, "hear 2s", abandoned}, // the row is on its way
		{OptInSpeech, "hear 1s yes ok", "settled granted leaves, row ended hung_up"},
		{OptInSpeech, "hear 1s yes hear ok", "row ended hung_up"},
		{NoticeMode, "hear 2s ok pause", "row ended hung_up"},
		{NoticeMode, "hear 2s ok pause unpause", "row ended hung_up"},
		{NoticeMode, "hear 2s ok ask", "row ended hung_up"},
		{NoticeMode, "hear 2s ok ask hear 2s", "row ended hung_up"},
		{NoticeMode, "hear 2s ok withdraw", "row ended hung_up"},
		{OptInSpeech, "hear 1s no ok", "settled refused leaves, row ended hung_up"},
		{OptInSpeech, "hear 1s no ok hear", "row ended hung_up"}, // in the goodbye
		{OptInSpeech, "hear 1s no ok hear hear", ""},             // after it
		{NoticeMode, "hear 2s fail", ""},
		{NoticeMode, "hear 2s fail hear", ""},
	} {
		t.Run(fmt.Sprintf("%s_%s", c.mode, strings.ReplaceAll(c.words, " ", "_")), func(t *testing.T) {
			r := newRig(t, under(t, c.mode), notice)
			r.say(c.words)
			ledger := slices.Contains(strings.Fields(c.words), "fail")
			if got := r.say("end"); got != c.want {
				t.Errorf("did %s, want %s", got, c.want)
			}
			r.wantOpen("after the end", nil)
			if got := r.say("10s 1 9 yes keep ok hear withdraw ask pause unpause minor lost end"); got != "" {
				t.Errorf("after the end: %s", got)
			}
			if !ledger {
				r.proved()
			}
		})
	}
}

// TestNothingOpensWithoutTheLedger: a row that fails, or is late, opens nothing.
func TestNothingOpensWithoutTheLedger(t *testing.T) {
	for _, words := range []string{"hear 2s fail hear", "hear 1500ms 2020ms ok hear", "hear lost hear", "lost hear"} {
		r := newRig(t, under(t, NoticeMode), notice)
		got := r.say(words)
		if !strings.Contains(got, "settled ledger_failed leaves") || !strings.HasSuffix(got, "play unprovable; give up") {
			t.Errorf("%s: did %s", words, got)
		}
		r.wantOpen(words, nil)
	}
	r := newRig(t, under(t, NoticeMode), notice)
	r.say("hear 1500ms 2s ok")
	r.wantOpen("a row within 2 s", everything)
}

// Without words for it the call is given up all the same.
func TestGiveUpWithoutWords(t *testing.T) {
	r := newRig(t, under(t, NoticeMode), Message{ID: "m", Parts: notice.Parts, Wait: ClearWait})
	if got, want := r.say("hear 1500ms fail"), "row granted continued; settled ledger_failed leaves, give up"; got != want {
		t.Errorf("did %s, want %s", got, want)
	}
}

func TestOnlyItsOwnRowOpens(t *testing.T) {
	r := newRig(t, under(t, NoticeMode), notice)
	r.say("hear 1500ms")
	for _, e := range []Event{Written{Row: 0, Recordable: true}, Written{Row: 2, Recordable: true}} {
		if a := r.m.Step(e); a != nil {
			t.Errorf("%+v: %v", e, a)
		}
	}
	r.wantOpen("by other rows", nil)
}
