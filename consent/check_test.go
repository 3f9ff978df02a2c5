package consent

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// rowsOf returns the rows that words make of a call, as they are read from the
// ledger.
func rowsOf(t *testing.T, mode Mode, words string) []Row {
	t.Helper()
	terms := under(t, mode)
	terms.Policy = terms.Policy.For(true)
	r := newRig(t, terms, notice)
	r.say(words)
	text, err := json.Marshal(r.proved())
	if err != nil {
		t.Fatal(err)
	}
	var rows []Row
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

// lively are the words of a call with every kind of row but those of a child and
// of an abandoned call.
const lively = "hear 1 ok pause hear unpause ok hear 9 hear ask hear 1 ok whole gone hear end"

// TestCheckRows forges rows, one thing at a time, and wants the row and the rule
// to be named.
func TestCheckRows(t *testing.T) {
	const granted, paused, resumed, withdrawn, asked, again, whole, destroyed, ended = 0, 1, 2, 3, 4, 5, 6, 7, 8
	for _, c := range []struct {
		name  string
		row   int // that is named
		rule  string
		forge func(rows []Row) []Row
	}{
		{"unknown event", paused, "no such event", at(paused, func(r *Row) { r.Event = "opened" })},
		{"valve missing", granted, "record", at(granted, func(r *Row) { delete(r.Valves, "record") })},
		{"rule missing", paused, "snippet", at(paused, func(r *Row) { delete(r.Policy, "snippet") })},
		{"rule unknown", granted, "snippet", at(granted, func(r *Row) { r.Policy["snippet"] = "opt_in{wink}" })},
		{"valve unknown", granted, "unknown valves", at(granted, func(r *Row) { r.Valves["train"] = true })},
		{"another mode", granted, "does not ask in this mode", at(granted, func(r *Row) { r.Mode = OptInEither })},
		{"another caller", resumed, "have changed", at(resumed, func(r *Row) { r.Subject = "other" })},
		{"another policy", resumed, "policy has changed", at(resumed, func(r *Row) { r.Policy["converse"] = "opt_out" })},
		{"time goes back", withdrawn, "time goes back", at(withdrawn, func(r *Row) { r.At = 3 })},
		{"after the end", ended + 1, "over", func(rows []Row) []Row { return append(rows, delayed(rows[paused], rows[ended])) }},
		{"granted by nobody", granted, "come by policy", at(granted, func(r *Row) { r.How = HowPolicy })},
		{"granted by going on", granted, "going on", at(granted, func(r *Row) { r.How = HowContinued })},
		{"granted by a word", granted, "spoken", at(granted, func(r *Row) { r.How = HowSpeech })},
		{"granted by a button on the telephone", granted, "button", at(granted, func(r *Row) { r.How = HowButton })},
		{"granted by a key on a screen", granted, "button", at(granted, func(r *Row) { r.Message.Shown = true })},
		{"refused, and kept", granted, "does not open", at(granted, func(r *Row) { r.Event = string(Refused) })},
		{"undecided, and kept", granted, "does not open", at(granted, func(r *Row) { r.Event, r.How = string(Undecided), HowSilent })},
		{"not asked where something is kept", granted, "asked for", at(granted, func(r *Row) {
			r.Event, r.How, r.Valves = string(NotAsked), HowPolicy, map[string]bool{"converse": true, "record": false, "transcript": false, "snippet": false}
		})},
		{"no message", granted, "no message", at(granted, func(r *Row) { r.Message.ID = "" })},
		{"not told of the recording", granted, "recorded", at(granted, func(r *Row) { r.Message.Parts = slices.Delete(r.Message.Parts, 1, 2) })},
		{"recording not confirmed", granted, "recorded", at(granted, func(r *Row) { r.Message.Parts[1].Confirmed = false })},
		{"not told how to answer", granted, "how to answer", at(granted, func(r *Row) { r.Message.Parts = r.Message.Parts[:2] })},
		{"no decision", granted, "by which rules", at(granted, func(r *Row) { r.Decision = nil })},
		{"paused, and kept", paused, "keeps", at(paused, func(r *Row) { r.Valves["record"] = true })},
		{"paused, and heard", paused, "keeps", at(paused, func(r *Row) { r.Valves["converse"] = true })},
		{"paused twice", paused + 1, "nothing to pause", func(rows []Row) []Row { return slices.Insert(rows, paused, rows[paused]) }},
		{"paused before the answer", granted, "nothing to pause", func(rows []Row) []Row { return rows[paused:] }},
		{"asked in a pause", paused + 1, "in a pause", func(rows []Row) []Row { return slices.Delete(at(asked, shutAll)(rows), resumed, asked) }},
		{"answered in a pause", paused + 1, "in a pause", func(rows []Row) []Row { return slices.Delete(rows, resumed, again) }},
		{"withdrawn in a pause, and heard", resumed, "opens a valve", func(rows []Row) []Row { return slices.Delete(rows, resumed, withdrawn) }},
		{"resumed after a withdrawal", withdrawn + 1, "had not shut", func(rows []Row) []Row { return slices.Insert(rows, asked, delayed(rows[resumed], rows[withdrawn])) }},
		{"withdrawn, and kept", withdrawn, "keeps", at(withdrawn, func(r *Row) { r.Valves["transcript"] = true })},
		{"withdrawn for ever", withdrawn, "what it takes back", at(withdrawn, func(r *Row) { r.Scope = "for_ever" })},
		{"withdrawn in the future", withdrawn, "not yet said", at(withdrawn, func(r *Row) { r.From = r.At + 0.1 })},
		{"withdrawn as a whole against the policy", whole, "whole calls", at(again, func(r *Row) { r.Decision.WholeCall = false })},
		{"withdrawn before the answer", granted, "nothing was granted", func(rows []Row) []Row { shutAll(&rows[withdrawn]); return rows[withdrawn:] }},
		{"kept after a withdrawal", asked, "opens a valve", at(asked, func(r *Row) { r.Valves["snippet"] = true })},
		{"asked before an answer", granted, "before an answer", func(rows []Row) []Row { shutAll(&rows[asked]); return rows[asked:] }},
		{"granted again by the first message", again, "played again", func(rows []Row) []Row { rows[again].Message.Parts = rows[granted].Message.Parts; return rows }},
		{"destroyed, and opened", destroyed, "opens a valve", at(destroyed, func(r *Row) { r.Valves["record"] = true })},
		{"ended, and open", ended, "keeps", at(ended, func(r *Row) { r.Valves["converse"] = true })},
		{"ended by a key", ended, "come by key", at(ended, func(r *Row) { r.How = HowKey })},
		{"open after the end", ended, "shut for good", func(rows []Row) []Row {
			rows[destroyed], rows[ended] = rows[ended], delayed(rows[destroyed], rows[ended])
			return rows
		}},
		{"abandoned after an answer", ended, "had been answered", at(ended, func(r *Row) { r.Event = string(Abandoned) })},
		{"unrecordable, and kept", granted + 1, "keeps", func(rows []Row) []Row {
			r := clone(rows[granted])
			r.Event, r.How = string(Unrecordable), HowSystem
			return slices.Insert(rows, paused, r)
		}},
		{"unrecordable without a grant", withdrawn, "nothing was granted", at(withdrawn, func(r *Row) { r.Event, r.How = string(Unrecordable), HowSystem })},
		{"resumed what could not be recorded", paused + 2, "had not shut", func(rows []Row) []Row { return slices.Insert(rows, paused, clone(rows[granted]).Unrecordable()) }},
		{"a child goes on", paused + 1, "only ends", func(rows []Row) []Row { rows[paused].Event = rowMinor; return rows }},
		{"too many", maxRows, "at most 200", func(rows []Row) []Row {
			for len(rows) <= maxRows {
				rows = slices.Insert(rows, paused, rows[paused], delayed(rows[resumed], rows[paused]))
			}
			return rows
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckRows(c.forge(rowsOf(t, OptInDTMF, lively)))
			want := fmt.Sprintf("row %d (", c.row)
			if !errors.Is(err, ErrRows) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), c.rule) {
				t.Errorf("%v: want %s and %q", err, want, c.rule)
			}
		})
	}
}

// at changes one row.
func at(i int, change func(*Row)) func([]Row) []Row {
	return func(rows []Row) []Row {
		change(&rows[i])
		return rows
	}
}

func shutAll(r *Row) {
	for p := range r.Valves {
		r.Valves[p] = false
	}
}

// clone copies a row, delayed with the tick of another.
func clone(r Row) Row {
	valves := map[string]bool{}
	for p, open := range r.Valves {
		valves[p] = open
	}
	r.Valves = valves
	return r
}

func delayed(r, than Row) Row {
	r = clone(r)
	r.At = than.At
	return r
}

// Rows that the ledger really gets pass, also those of a call that was cut off
// after any of them.
func TestCheckRowsOfCalls(t *testing.T) {
	for mode, words := range map[Mode]string{
		OptInDTMF:   lively,
		OptInSpeech: "hear 1s yes ok hear lost hear ask hear 1s no ok hear minor hear gone",
		OptOutMode:  "9 hear 1500ms ok hear ask hear 1500ms un pause unpause withdraw ok whole gone end",
		NoticeMode:  "hear 1500ms end",
		NoRecord:    "hear 1500ms ok pause unpause ok ask:other over over 1500ms ok end",
	} {
		rows := rowsOf(t, mode, words)
		for n := range rows {
			if err := CheckRows(rows[:n]); err != nil {
				t.Errorf("%s, cut off after %d rows: %v", mode, n, err)
			}
		}
	}
}

// A row that the ledger lost while it failed opened nothing, so the others stand
// without it, unless they say that something is open which it opened.
func TestCheckRowsWithoutOne(t *testing.T) {
	rows := rowsOf(t, OptInDTMF, lively)
	for i := range rows {
		err := CheckRows(slices.Delete(slices.Clone(rows), i, i+1))
		if needed := i == 0 || rows[i].Event == rowResumed; (err != nil) != needed {
			t.Errorf("without row %d (%s): %v", i, rows[i].Event, err)
		}
	}
}

func FuzzCheckRows(f *testing.F) {
	f.Add([]byte(`[{"event":"granted","mode":"notice"},{"event":"ended"}]`))
	f.Add([]byte(`[{"event":"not_asked","how":"policy","mode":"no_record","at":1e300,` +
		`"policy":{"converse":"never","record":"never","transcript":"never","snippet":"never"},` +
		`"valves":{"converse":false,"record":false,"transcript":false,"snippet":false},"decision":{}}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var rows []Row
		if json.Unmarshal(text, &rows) != nil {
			return
		}
		if err := CheckRows(rows); err != nil && !errors.Is(err, ErrRows) {
			t.Errorf("%v is no ErrRows", err)
		}
	})
}
