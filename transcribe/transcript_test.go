package transcribe_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"sidetone/media"
	"sidetone/transcribe"
)

// transcript is what the notes of a short call make.
func transcript(t *testing.T) transcribe.Transcript {
	t.Helper()
	tr := transcribe.Transcript{Call: "c1"}
	for _, n := range []struct {
		kind     string
		from, to media.Tick
		text     string
		doc      any
		snippet  string
	}{
		{transcribe.NoteTurn, 0, media.TickRate, "How many?", transcribe.Manner{Speaker: transcribe.Agent, Interrupted: true, Engine: "flite"}, ""},
		{transcribe.NoteTurn, 2 * media.TickRate, 3*media.TickRate + media.TickRate/2, "<seven> & a half", transcribe.Manner{Speaker: transcribe.Caller, Confidence: 0.5}, "000001"},
		{transcribe.NoteAnswer, 2 * media.TickRate, 3 * media.TickRate, "seven", transcribe.Meaning{Key: "count", Kind: "number", Value: 7}, ""},
		{"of another day", 0, 0, "", nil, ""},
		{transcribe.NoteTurn, 3725 * media.TickRate, 3726 * media.TickRate, "Eight.", transcribe.Manner{Speaker: transcribe.Caller, Keyed: true}, ""},
		{transcribe.NoteAnswer, 4 * media.TickRate, 5 * media.TickRate, "eight", transcribe.Meaning{Key: "count", Kind: "number", Value: 8}, "000002"},
	} {
		doc, err := json.Marshal(n.doc)
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.Add(n.kind, n.from, n.to, n.text, doc, n.snippet); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

func TestTranscriptText(t *testing.T) {
	var out strings.Builder
	if err := transcript(t).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	want := "[00:00:00.000] agent   How many? -\n" +
		"[00:00:02.000] caller  <seven> & a half  [snippet 000001]\n" +
		"[01:02:05.000] caller  Eight.\n"
	if out.String() != want {
		t.Errorf("text is\n%swant\n%s", out.String(), want)
	}
	linked := transcript(t)
	linked.SnippetURL = func(id string) string { return "https://x/" + id + "?a=1&b" }
	out.Reset()
	if err := linked.WriteText(&out); err != nil || strings.Count(out.String(), "https") != 1 || !strings.Contains(out.String(), "half  [snippet https://x/000001?a=1&b]\n") {
		t.Errorf("%v, with links it is\n%s", err, out.String())
	}
}

func TestTranscriptWebVTT(t *testing.T) {
	var out strings.Builder
	if err := transcript(t).WriteWebVTT(&out); err != nil {
		t.Fatal(err)
	}
	want := "WEBVTT\n" +
		"\n00:00:00.000 --> 00:00:01.000\n<v agent>How many?\n" +
		"\n000001\n00:00:02.000 --> 00:00:03.500\n<v caller>&lt;seven&gt; &amp; a half\n" +
		"\n01:02:05.000 --> 01:02:06.000\n<v caller>Eight.\n"
	if out.String() != want {
		t.Errorf("WebVTT is\n%swant\n%s", out.String(), want)
	}
	linked := transcript(t)
	linked.SnippetURL = func(id string) string { return "https://x/" + id + "?a=-->&b" }
	out.Reset()
	if err := linked.WriteWebVTT(&out); err != nil || !strings.Contains(out.String(), "\n\nNOTE snippet 000001 https://x/000001?a=&b\n\n000001\n00:00:02.000 --> ") {
		t.Errorf("%v, with links it is\n%s", err, out.String())
	}
}

func TestTranscriptJSON(t *testing.T) {
	var out strings.Builder
	if err := transcript(t).WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var back transcribe.Transcript
	if err := json.Unmarshal([]byte(out.String()), &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Turns) != 3 || !back.Turns[0].Interrupted || !back.Turns[2].Keyed || back.Turns[1].To != 3.5 {
		t.Errorf("the turns are %+v", back.Turns)
	}
	if back.Turns[0].Snippet != "" || back.Turns[1].Snippet != "000001" || back.Answers[0].Snippet != "000002" {
		t.Errorf("other snippets: %s", out.String())
	}
	if len(back.Answers) != 1 || back.Answers[0].Value != 8.0 {
		t.Errorf("the answers are %+v, want the last one to the question alone", back.Answers)
	}
}

func TestTranscriptNamesABrokenNote(t *testing.T) {
	var tr transcribe.Transcript
	if err := tr.Add(transcribe.NoteAnswer, 0, 1, "x", []byte("{"), ""); err == nil || !strings.Contains(err.Error(), transcribe.NoteAnswer) {
		t.Errorf("a broken note: %v", err)
	}
}

// TestCorrectionsAreShown: behind the line of which they are, in each form.
func TestCorrectionsAreShown(t *testing.T) {
	tr := transcript(t)
	made := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	at := func(s float64) *float64 { return &s }
	tr.Corrections = []transcribe.Correction{
		{ID: "1", Made: made, At: at(2), Text: "Seventeen -->\nand a half."},
		{ID: "2", Made: made, Text: "They called back."},
		{ID: "3", Made: made, At: at(0), Lost: true},
	}
	var text, vtt, doc strings.Builder
	if err := errors.Join(tr.WriteText(&text), tr.WriteWebVTT(&vtt), tr.WriteJSON(&doc)); err != nil {
		t.Fatal(err)
	}
	want := "[00:00:00.000] agent   How many? -\n" +
		"  (correction of 00:00:00.000, 2026-11-22: (a correction that can not be read))\n" +
		"[00:00:02.000] caller  <seven> & a half  [snippet 000001]\n" +
		"  (correction of 00:00:02.000, 2026-11-22: Seventeen --> and a half.)\n" +
		"[01:02:05.000] caller  Eight.\n" +
		"  (correction of the call, 2026-11-22: They called back.)\n"
	if text.String() != want {
		t.Errorf("text is\n%swant\n%s", text.String(), want)
	}
	if !strings.Contains(vtt.String(), "a half\n\nNOTE correction, 2026-11-22: Seventeen -> and a half.\n\n01:02:05") {
		t.Errorf("WebVTT is\n%s", vtt.String())
	}
	if !strings.Contains(doc.String(), `"corrections"`) || !strings.Contains(doc.String(), `"at": 2`) {
		t.Errorf("JSON is\n%s", doc.String())
	}
}
