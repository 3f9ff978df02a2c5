package app_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/store"
)

// A story that takes the agent a quarter of a minute to tell.
const story = "I will begin with a long story about a ship that went around the world, and about the people on it and what they ate and drank, " +
	"and about the islands where they took in water and fruit, and about the storms that they met on their way home to their families."

// teller is an agent that tells a story and then asks about books.
func teller(mode consent.Mode, notice string) string {
	return strings.Replace(reader(mode, "  whole_call: true\n"+notice), hello, story, 1) + "silence: {after: 40s}\n"
}

// interrupts waits until the agent is in the midst of its story.
var interrupts = steps(settled, speaks, waits(2*time.Second))

// takenBack is what comes of a grant that is taken back from then on.
func takenBack(how consent.How, then ...any) want {
	return want{mode: consent.OptOutMode, outcome: consent.Granted, how: consent.HowContinued, events: "granted withdrawn ended",
		consent: "withdrawn", takes: 1, hears: asks(consent.OptOutMode, append([]any{consent.PromptWithdrawn}, then...)...),
		never: told(consent.OptOutMode, consent.PromptDeleted), also: stopped(how)}
}

// allBack is what comes of a call all of which is destroyed.
func allBack(events string, also func(*testing.T, *left), told ...any) want {
	return want{mode: consent.OptOutMode, outcome: consent.Granted, how: consent.HowContinued, events: events, consent: "withdrawn",
		hears: asks(consent.OptOutMode, append(told, consent.PromptDeleted, firstAsk)...), also: also}
}

// withdrawals are the ways to take a grant back, but for saying that nothing shall
// be recorded.
func withdrawals(people []sim.Utterance) []caller {
	talk := talks(people[4])
	return []caller{
		{name: "nine", agent: "teller", does: steps(interrupts, presses("9"), talk), want: takenBack(consent.HowKey, conversation[1:])},
		{name: "operator", agent: "teller", does: steps(interrupts, notes("asked"), orders(app.StopRecording), talk),
			want: takenBack(consent.HowOperator, conversation[1:])},
		{name: "nine twice", agent: "teller", does: steps(interrupts, copies, presses("9"), hears(firstAsk), presses("9"), goesOn),
			want: allBack("granted withdrawn withdrawn destroyed ended", unreadable(consent.HowKey), consent.PromptWithdrawn, firstAsk)},
		{name: "operator, all", agent: "teller", does: steps(interrupts, copies, orders(app.DestroyAll), goesOn),
			want: allBack("granted withdrawn destroyed ended", unreadable(consent.HowOperator))},
		{name: "delete everything", agent: "teller", does: steps(interrupts, voice("rms", "Delete everything you recorded."), goesOn),
			want: allBack("granted withdrawn destroyed ended", unreadable(consent.HowSpeech))},
	}
}

// stopped holds that nothing is kept of what came after a withdrawal.
func stopped(how consent.How) func(*testing.T, *left) {
	return func(t *testing.T, l *left) {
		row, k := l.row("withdrawn"), l.take(t, 1)
		if row.How != how || row.Scope != "from_now" {
			t.Errorf("taken back by %s for %s, want %s, from_now", row.How, row.Scope, how)
		}
		asked, ok := l.done["asked"], how == consent.HowOperator
		for _, e := range l.report.Events {
			if !ok && e.Kind == sim.EventKey {
				asked, ok = e.At, true
			}
		}
		t.Logf("%s: the recording ends %.0f ms after the wish came", how, (k.to-asked).Seconds()*1000)
		if late := (k.to - asked).Duration(); late > 500*time.Millisecond {
			t.Errorf("the recording goes on for %v", late)
		}
		if said := l.said[len(l.said)-1]; contains(k.caller, said.pcm) || strings.Contains(k.text(), "amiable") || strings.Contains(k.text(), "himself") {
			t.Error("what the caller said after that is kept")
		}
		if at, _, err := l.x.voices.heardAt(k.agent, "", firstAsk, 0); err != nil || at >= 0 {
			t.Errorf("what the agent said after that is kept, at sample %d (%v)", at, err)
		}
		if len(l.seenBy(app.Answered)) > 0 {
			t.Error("an answer was shown that may not be kept")
		}
	}
}

// copies waits until a segment of the recording is in the bucket, and keeps a copy
// of all objects of the call, as a backup would. It takes about as long as the story:
// what is heard next is what comes after it.
func copies(p *phone) error {
	e, err := p.x.event(p.ctx, p.SID(), app.ConsentSettled, 0)
	if err != nil {
		return err
	}
	objects, err := store.OpenS3(p.ctx, p.x.s3)
	if err != nil {
		return err
	}
	for p.ctx.Err() == nil {
		keys, err := objects.List(p.ctx, "")
		if err != nil {
			return err
		}
		keys = slices.DeleteFunc(keys, func(key string) bool { return !strings.Contains(key, e.Call) })
		if !slices.ContainsFunc(keys, isSegment) {
			if err := waits(500 * time.Millisecond)(p); err != nil {
				return err
			}
			continue
		}
		p.backup = map[string][]byte{}
		for _, key := range keys {
			if p.backup[key], err = objects.Get(p.ctx, key); err != nil {
				return err
			}
		}
		heard, err := p.Heard()
		p.at = len(heard)
		return err
	}
	return p.ctx.Err()
}

func isSegment(key string) bool { return strings.Contains(key, "/seg/") }

// unreadable holds that nothing opens what was kept: not the product, and neither
// does stock age with all keys that are left.
func unreadable(how consent.How) func(*testing.T, *left) {
	return func(t *testing.T, l *left) {
		if row := l.row("withdrawn"); row.How != how || row.Scope != "whole_call" {
			t.Errorf("taken back by %s for %s, want %s, whole_call", row.How, row.Scope, how)
		}
		if l.Recording != "destroyed" || l.Takes != 1 {
			t.Errorf("the call's row says %q of %d takes", l.Recording, l.Takes)
		}
		if l.backup == nil {
			return
		}
		epochs, err := filepath.Glob(filepath.Join(l.x.config.Keys.Dir, "*.agekey"))
		if err != nil || len(epochs) == 0 {
			t.Fatal(epochs, err)
		}
		var left [][]byte
		keys, err := l.bucket.List(t.Context(), "keys/")
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			wrapped, err := l.bucket.Get(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			left = append(left, wrapped)
		}
		opened, segments := 0, 0
		for key, sealed := range l.backup {
			if !isSegment(key) {
				continue
			}
			segments++
			if _, err := openByAge(t, sealed, epochs, left); err == nil {
				t.Errorf("the keys that are left open %s", key)
			}
			var own [][]byte
			for key, wrapped := range l.backup {
				if strings.HasPrefix(key, "keys/") {
					own = append(own, wrapped)
				}
			}
			if _, err := openByAge(t, sealed, epochs, own); err == nil {
				opened++
			}
		}
		if segments == 0 || opened != segments {
			t.Errorf("of %d segments %d could be opened before", segments, opened)
		}
	}
}

// errShut says that no key opens something.
var errShut = errors.New("no key opens it")

// openByAge opens something sealed with stock age, by identity files and by what
// they can unwrap of wrapped ones.
func openByAge(t *testing.T, sealed []byte, files []string, wrapped [][]byte) ([]byte, error) {
	t.Helper()
	dir := t.TempDir()
	for i, w := range wrapped {
		for _, file := range files {
			if key, err := ageDecrypt(t, w, file); err == nil {
				unwrapped := filepath.Join(dir, fmt.Sprint(i))
				if err := os.WriteFile(unwrapped, key, 0o600); err != nil {
					t.Fatal(err)
				}
				files = append(files, unwrapped)
				break
			}
		}
	}
	for _, file := range files {
		if plain, err := ageDecrypt(t, sealed, file); err == nil {
			return plain, nil
		}
	}
	return nil, errShut
}

func ageDecrypt(t *testing.T, sealed []byte, identity string) ([]byte, error) {
	cmd := exec.CommandContext(t.Context(), "age", "-d", "-i", identity)
	cmd.Stdin = bytes.NewReader(sealed)
	return cmd.Output()
}

// phrases are how callers say that they do not want to be recorded, in voices that
// recognition understands so.
var phrases = []struct{ voice, text string }{
	{"rms", "Please stop recording."}, {"kal16", "Stop the recording."}, {"rms", "I do not want to be recorded."}, {"kal", "Please stop recording."},
	{"awb", "Stop recording."}, {"rms", "I don't want to be recorded."}, {"kal", "I withdraw my consent."}, {"kal16", "Turn off the recording."},
	{"awb", "I withdraw my consent."}, {"kal", "I don't want you to record me."}, {"rms", "Please do not record me."}, {"awb", "I do not want to be recorded."},
}

// spokenWithdrawals are callers who say it while the agent tells its story.
func spokenWithdrawals() (all []caller) {
	for i, p := range phrases {
		all = append(all, caller{name: fmt.Sprintf("%s says %q", p.voice, p.text), agent: "teller", after: time.Second + time.Duration(i)*1300*time.Millisecond,
			does: steps(interrupts, voice(p.voice, p.text), hears(firstAsk), hangsUp),
			want: want{mode: consent.OptOutMode, outcome: consent.Granted, how: consent.HowContinued, events: "granted withdrawn ended",
				consent: "withdrawn", takes: 1, hears: asks(consent.OptOutMode, consent.PromptWithdrawn, firstAsk), also: cutBack}})
	}
	return all
}

// cutBack holds that a recording ends before the words that asked for that.
func cutBack(t *testing.T, l *left) {
	row, k := l.row("withdrawn"), l.take(t, 1)
	if row.How != consent.HowSpeech || row.Scope != "from_now" {
		t.Errorf("taken back by %s for %s", row.How, row.Scope)
	}
	words := l.report.Turns[0].From
	t.Logf("the words began at %.3f s, and what was said since %.3f s is taken back", words.Seconds(), row.From)
	if at := loudIn(k.caller); at >= 0 {
		t.Errorf("the recording holds the caller from %.3f s on, at up to %.1f dBFS", (k.from + media.TickOfSample(int64(at), 8000)).Seconds(), media.Peak(k.caller))
	}
	if at := loudIn(k.agent[k.sample(media.TicksIn(seconds(row.From))):]); at >= 0 {
		t.Error("the recording holds the agent after that")
	}
	if lead := words.Seconds() - row.From; lead > 1 {
		t.Errorf("%.1f s before the words is taken back, too", lead)
	}
	for _, turn := range k.words.Turns {
		if turn.Speaker == "caller" {
			t.Errorf("the transcript holds %q", turn.Text)
		}
	}
}

// afterPhrase is the time from the end of what a caller said to when the recording
// was shut, on the clock of the call.
func (l *left) afterPhrase() time.Duration {
	turn := l.report.Turns[0]
	return seconds(l.row("withdrawn").At) - turn.To.Duration()
}

// TestWithdrawalsByPhone takes grants back in every way.
func TestWithdrawalsByPhone(t *testing.T) {
	people, err := sim.LibriVox()
	if err != nil {
		t.Fatal(err)
	}
	spoken := spokenWithdrawals()
	callers := slices.Concat(spoken, withdrawals(people))
	x := openExchange(t, map[string]string{"teller": teller(consent.OptOutMode, "")})
	all := x.place(t, callers)
	metrics := x.scrape(t)
	x.inspect(t, all)
	for i, l := range all {
		t.Run(callers[i].name, l.check)
	}
	var took []time.Duration
	for i, l := range all[:len(spoken)] {
		took = append(took, l.afterPhrase())
		t.Logf("%4d ms from the end of the words to the shut recording: %s", took[i].Milliseconds(), spoken[i].name)
	}
	slices.Sort(took)
	t.Logf("shut after a phrase of %d: p50 %v, p95 %v", len(took), took[len(took)/2], took[(len(took)*95+99)/100-1])
	checkCounts(t, metrics, all)
	if n := metrics[`sidetone_recording_destructions_total{result="done"}`]; n != 3 {
		t.Errorf("%v calls were destroyed, want 3", n)
	}
}
