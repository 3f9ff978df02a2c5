package dialog

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sidetone/consent"
)

// noticed returns an agent file with some keys and parts in its notice.
func noticed(keys string, parts ...string) []byte {
	file := strings.Replace(minimal, "notice:\n", "notice:\n"+keys, 1)
	added := ""
	for _, p := range parts {
		added += "    - " + p + "\n"
	}
	return []byte(strings.Replace(file, "script:", added+"script:", 1))
}

// TestNotice checks that every key of the notice arrives.
func TestNotice(t *testing.T) {
	a, err := ParseAgent("test", noticed(`
  mode: opt_in_either
  wait: 2s
  prompts: {again: "Well?", transfer: "One moment.", paused: ""}
  minors: true
  overlays: [pci, hipaa]
  on_refusal: transfer
  transfer: "+14155550100"
  whole_call: true
  beep: true
  languages:
    - {key: "1", text: "For English, press one."}
    - {key: "2", agent: encuesta, text: "Oprima dos."}
`, `{kind: choice, text: "Yes or no, or one or two?", web: "Choose below."}`, `{kind: choice, mode: opt_in_dtmf, text: "One or two?"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := Notice{
		Mode: consent.OptInEither, Wait: 2e9,
		Parts: []NoticePart{
			{Kind: consent.PartRecording, Text: "This call is recorded."},
			{Kind: consent.PartChoice, Text: "Yes or no, or one or two?", Web: "Choose below."},
			{Kind: consent.PartChoice, Mode: consent.OptInDTMF, Text: "One or two?"},
		},
		Prompts: map[consent.Prompt]string{consent.PromptAgain: "Well?", consent.PromptTransfer: "One moment.", consent.PromptPaused: ""},
		Minors:  true, Overlays: []string{"pci", "hipaa"}, WholeCall: true, Beep: true,
		OnRefusal: HandOn, Transfer: "+14155550100",
		Languages: []Language{{Key: "1", Text: "For English, press one."}, {Key: "2", Agent: "encuesta", Text: "Oprima dos."}},
	}
	if !reflect.DeepEqual(a.Notice, want) {
		t.Errorf("got  %+v\nwant %+v", a.Notice, want)
	}
}

func TestNoticeFaults(t *testing.T) {
	const choice = "{kind: choice, mode: opt_out, text: Nine.}"
	german := func(keys string, parts ...string) []byte {
		file := string(noticed(keys, parts...))
		head, _, _ := strings.Cut(file, "script:")
		return []byte("language: de\n" + head + "llm: {prompt: Hi}\n")
	}
	tests := []struct {
		name string
		file []byte
		want string // empty: no fault
	}{
		{"no key of it", noticed(""), ""},
		{"mode of a part", noticed("", "{kind: purpose, mode: opt_out, text: a}"), "notice.parts[1].mode: only a part of kind choice has one"},
		{"unknown mode of a part", noticed("", "{kind: choice, mode: silent, text: a}"), `notice.parts[1].mode: consent: unknown mode "silent"`},
		{"nothing to ask", noticed("", "{kind: choice, mode: no_record, text: a}"), "notice.parts[1].mode: in mode no_record nothing is asked"},
		{"a choice for each mode", noticed("", choice, "{kind: choice, mode: opt_in_dtmf, text: a}", "{kind: choice, text: a}"), ""},
		{"two for one mode", noticed("", choice, choice), "notice.parts[2].mode: there is a part of kind choice for mode opt_out already"},
		{"two for the agent's mode", noticed("  mode: opt_out\n", "{kind: choice, text: a}", choice), "notice.parts[2].mode: there is a part of kind choice for mode opt_out already"},
		{"two without a mode", noticed("", "{kind: choice, text: a}", "{kind: choice, text: a}"), "notice.parts[2].mode: there is a part of kind choice for mode notice already"},
		{"a choice of who keeps nothing", noticed("  mode: no_record\n", "{kind: choice, text: a}"), ""},
		{"asked though nothing is kept", noticed("  mode: no_record\n", choice), "notice.parts[1].mode: callers of an agent in mode no_record are never asked"},
		{"choices apart", noticed("", choice, "{kind: rights, text: a}", "{kind: choice, text: a}"), "notice.parts[3]: all parts of kind choice must stand together"},
		{"prompt", noticed("  prompts: {maybe: a}\n"), `notice.prompts: unknown prompt "maybe", want one of [again deleted`},
		{"prompts as a list", noticed("  prompts: [a]\n"), "found a list, want keys"},
		{"overlay", noticed("  overlays: [PCI DSS]\n"), `notice.overlays[0]: "PCI DSS" is no name of an overlay`},
		{"overlay twice", noticed("  overlays: [pci, hipaa, pci]\n"), `notice.overlays[2]: "pci" is named twice`},
		{"minors", noticed("  minors: maybe\n"), "found a text, want true or false"},
		{"refusal", noticed("  on_refusal: hang_up\n"), `notice.on_refusal: "hang_up" is none of [continue transfer goodbye]`},
		{"refusal as a list", noticed("  on_refusal: [goodbye]\n"), "found a list, want a text"},
		{"a goodbye", noticed("  on_refusal: goodbye\n"), ""},
		{"transfer to nobody", noticed("  on_refusal: transfer\n"), "notice.transfer: a number is needed for on_refusal: transfer"},
		{"transfer without a refusal", noticed("  transfer: \"+14155550100\"\n"), "notice.transfer: only for on_refusal: transfer"},
		{"transfer to a word", noticed("  on_refusal: transfer\n  transfer: Anna\n"), `notice.transfer: "Anna" is no number such as +14155550100, nor a sip: address`},
		{"one language", noticed("  languages: [{key: \"1\", text: a}]\n"), "notice.languages: a choice needs at least two"},
		{"language key", noticed("  languages: [{key: \"12\", text: a}, {key: \"#\", text: a}]\n"), `notice.languages[0].key: "12" is no key from 0 to 9`},
		{"language star", noticed("  languages: [{key: \"1\", text: a}, {key: \"*\", text: a}]\n"), `notice.languages[1].key: "*" is no key from 0 to 9`},
		{"language key twice", noticed("  languages: [{key: 1, text: a}, {key: \"1\", text: a}]\n"), `notice.languages[1].key: "1" is used twice`},
		{"language agent", noticed("  languages: [{key: \"1\", text: a}, {key: \"2\", agent: ../b, text: a}]\n"), `notice.languages[1].agent: "../b" is no name of an agent`},
		{"language text", noticed("  languages: [{key: \"1\", text: a}, {key: \"2\", agent: b}]\n"), "notice.languages[1].text: a text is needed"},
		{"language key unknown", noticed("  languages: [{key: \"1\", text: a, mode: b}]\n"), "unknown key mode"},
		{"asked in English", noticed("  mode: opt_in_speech\n"), ""},
		{"told in German", german("  mode: opt_out\n"), ""},
		{"asked in German", german("  mode: opt_in_dtmf\n"), `notice.parts: mode opt_in_dtmf asks, and "de" has no built-in words: a part of kind choice is needed`},
		{"asked in German for another mode", german("  mode: opt_in_dtmf\n", "{kind: choice, mode: opt_in_speech, text: a}"), "a part of kind choice is needed"},
		{"prompts in German", german("  mode: opt_in_either\n  prompts: {again: a, key: a, heard_yes: \"\", heard_no: a, refused: a}\n", "{kind: choice, text: a}"),
			`notice.prompts: mode opt_in_either asks, and "de" has no built-in words: needed are unclear, heard_yes`},
		{"all in German", german("  mode: opt_in_either\n  prompts: {again: a, unclear: a, key: a, heard_yes: a, heard_no: a, refused: a}\n", "{kind: choice, mode: opt_in_either, text: a}"), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseAgent("test", test.file)
			if test.want == "" && err == nil {
				return
			}
			if test.want == "" || !errors.Is(err, ErrAgent) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestOthersAreThere checks that agents must exist that callers may choose, or to
// whom one may hand over.
func TestOthersAreThere(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("here.yaml", noticed("  languages: [{key: \"1\", text: a}, {key: \"2\", agent: there, text: a}]\n"))
	_, err := LoadAgents(dir)
	if want := `here.yaml: dialog: unusable agent: notice.languages[1].agent: there is no agent "there"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want it to hold %q", err, want)
	}
	write("there.yaml", []byte(minimal))
	if _, err := LoadAgents(dir); err != nil {
		t.Error(err)
	}
	write("there.yaml", []byte(minimal+"hand_over: [here, there, nowhere]\n"))
	_, err = LoadAgents(dir)
	for _, want := range []string{`hand_over[1]: there is no other agent "there"`, `hand_over[2]: there is no other agent "nowhere"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to hold %q", err, want)
		}
	}
}
