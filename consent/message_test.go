package consent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"sidetone/media"
)

// speaker renders text as so many samples of so loud a level as it has letters,
// and counts how often.
type speaker struct {
	mutex sync.Mutex
	times int
}

func (s *speaker) voice(name string) Renderer {
	return Renderer{Voice: name, Speak: func(_ context.Context, text string) (media.Audio, error) {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.times++
		return media.Audio{Rate: 8000, PCM: slices.Repeat([]int16{int16(len(text)), int16(len(name))}, 80)}, nil
	}}
}

func wav(t *testing.T, path string, sample int16) string {
	t.Helper()
	audio := media.Audio{Rate: 8000, PCM: slices.Repeat([]int16{sample}, 160)}
	format := media.WAVFormat{Coding: media.PCM16, Channels: 1, Rate: 8000}
	if err := os.WriteFile(path, appendPCM(media.AppendWAVHeader(nil, format, 320), audio), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sources(file string) []PartSource {
	return []PartSource{{Kind: PartAI, Text: "I am a machine."}, {Kind: PartRecording, Text: "This is recorded.", File: file}}
}

// prepared makes a message in dir.
func prepared(t *testing.T, dir, language string, sources []PartSource, prompts map[Prompt]string, r Renderer) Message {
	t.Helper()
	m, err := NewLibrary(dir).Prepare(t.Context(), language, sources, prompts, r)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// files returns what lies in a folder, by name.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	held := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		held[filepath.Base(path)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return held
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// TestMessageIsNamedByItsContent: what was said and how it sounded can be found by
// the names in a row, with nothing but a SHA-256.
func TestMessageIsNamedByItsContent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "messages")
	file := wav(t, filepath.Join(t.TempDir(), "recording.wav"), 7)
	m := prepared(t, dir, "en", sources(file), map[Prompt]string{PromptKey: "Press 1 or 2."}, new(speaker).voice("v"))
	held := files(t, dir)
	text, ok := held[m.ID+".json"]
	if !ok || sum([]byte(text)) != m.ID {
		t.Fatalf("%s.json is not what its name says", m.ID)
	}
	var said Message
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		t.Fatal(err)
	}
	for i, p := range append(slices.Clone(m.Parts), m.Prompts[PromptKey]) {
		sound, err := media.DecodeWAV([]byte(held[p.SHA256+".wav"]))
		if err != nil || !reflect.DeepEqual(sound, p.Audio) || sum(appendPCM(nil, sound)) != p.SHA256 {
			t.Errorf("part %d: %s.wav is not its sound: %v", i, p.SHA256, err)
		}
	}
	if len(said.Parts) != 2 || said.Parts[1].Text != "This is recorded." || said.Parts[0].SHA256 != m.Parts[0].SHA256 ||
		said.Language != "en" || said.Prompts[PromptKey].Text != "Press 1 or 2." {
		t.Errorf("the file says %+v", said)
	}
	if m.Wait != ClearWait {
		t.Errorf("wait %v s", m.Wait.Seconds())
	}
}

// TestMessageNeverChanges: whatever is different makes another message, and what
// was kept of the first stays as it is.
func TestMessageNeverChanges(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(t.TempDir(), "recording.wav")
	asks := map[Prompt]string{PromptKey: "Press 1."}
	s := new(speaker)
	wav(t, path, 7)
	first := prepared(t, dir, "en", sources(path), asks, s.voice("v"))
	before, times := files(t, dir), s.times
	if again := prepared(t, dir, "en", sources(path), asks, s.voice("v")); !reflect.DeepEqual(again, first) || s.times != times {
		t.Errorf("made twice: id %s and %s, rendered %d times more", first.ID, again.ID, s.times-times)
	}
	ids := map[string]string{first.ID: "the first"}
	for name, make := range map[string]func() Message{
		"a text that is rendered": func() Message {
			other := sources(path)
			other[0].Text = "I am an automaton."
			return prepared(t, dir, "en", other, asks, s.voice("v"))
		},
		"the text of a file": func() Message {
			other := sources(path)
			other[1].Text = "This is not recorded."
			return prepared(t, dir, "en", other, asks, s.voice("v"))
		},
		"a kind": func() Message {
			other := sources(path)
			other[0].Kind = PartWho
			return prepared(t, dir, "en", other, asks, s.voice("v"))
		},
		"the order": func() Message {
			other := sources(path)
			slices.Reverse(other)
			return prepared(t, dir, "en", other, asks, s.voice("v"))
		},
		"the language": func() Message { return prepared(t, dir, "en-GB", sources(path), asks, s.voice("v")) },
		"the voice":    func() Message { return prepared(t, dir, "en", sources(path), asks, s.voice("another")) },
		"a prompt": func() Message {
			return prepared(t, dir, "en", sources(path), map[Prompt]string{PromptKey: "Press 1 or 2."}, s.voice("v"))
		},
		"no prompt": func() Message { return prepared(t, dir, "en", sources(path), nil, s.voice("v")) },
		"a file under the same name": func() Message {
			wav(t, path, 8)
			defer wav(t, path, 7)
			return prepared(t, dir, "en", sources(path), asks, s.voice("v"))
		},
	} {
		m := make()
		if other, known := ids[m.ID]; known {
			t.Errorf("%s: the same message as %s", name, other)
		}
		ids[m.ID] = name
	}
	after := files(t, dir)
	for name, data := range before {
		if after[name] != data {
			t.Errorf("%s has changed", name)
		}
	}
}

// Several agents are made ready at once, with the same words.
func TestPrepareAtOnce(t *testing.T) {
	dir := t.TempDir()
	var ids [8]string
	var all sync.WaitGroup
	s := new(speaker)
	for i := range ids {
		all.Go(func() {
			m, err := NewLibrary(dir).Prepare(t.Context(), "en", sources(""), map[Prompt]string{PromptKey: "Press 1."}, s.voice("v"))
			if err != nil {
				t.Error(err)
			}
			ids[i] = m.ID
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("one message has two names: %s and %s", id, ids[0])
		}
	}
	for name := range files(t, dir) {
		if strings.HasSuffix(name, ".tmp") {
			t.Errorf("%s was left behind", name)
		}
	}
}

func TestPrepareRefuses(t *testing.T) {
	dir := t.TempDir()
	damaged := filepath.Join(dir, "damaged.wav")
	if err := os.WriteFile(damaged, []byte("RIFF and no more"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the voice is broken")
	r := new(speaker).voice("v")
	for _, c := range []struct {
		name    string
		sources []PartSource
		prompts map[Prompt]string
		r       Renderer
		want    string
		is      error
	}{
		{"unknown kind", []PartSource{{Kind: "joke", Text: "x"}}, nil, r, `part 1: unknown kind "joke"`, ErrMessage},
		{"nothing", []PartSource{{Kind: PartAI, Text: "x"}, {Kind: PartWho}}, nil, r, "part 2 (who): neither text nor file", ErrMessage},
		{"empty prompt", nil, map[Prompt]string{PromptKey: ""}, r, "prompt key: neither text nor file", ErrMessage},
		{"no voice", []PartSource{{Kind: PartAI, Text: "x"}}, nil, Renderer{}, "no voice", ErrMessage},
		{"no such file", []PartSource{{Kind: PartAI, File: filepath.Join(dir, "none.mp3")}}, nil, r, "part 1 (ai)", os.ErrNotExist},
		{"damaged file", []PartSource{{Kind: PartAI, File: damaged}}, nil, r, "part 1 (ai)", media.ErrMalformed},
		{"broken voice", []PartSource{{Kind: PartAI, Text: "x"}}, nil, Renderer{Speak: func(context.Context, string) (media.Audio, error) {
			return media.Audio{}, broken
		}}, "render", broken},
	} {
		_, err := NewLibrary(t.TempDir()).Prepare(t.Context(), "en", c.sources, c.prompts, c.r)
		if !errors.Is(err, ErrMessage) || !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// What is made of the same in a library sounds from the same memory, and is made once.
func TestSoundsAreShared(t *testing.T) {
	library, s := NewLibrary(t.TempDir()), new(speaker)
	var parts []*int16
	for range 2 {
		m, err := library.Prepare(t.Context(), "en", sources(""), map[Prompt]string{PromptKey: "I am a machine."}, s.voice("v"))
		if err != nil {
			t.Fatal(err)
		}
		prompt := m.Prompts[PromptKey]
		parts = append(parts, &m.Parts[0].Audio.PCM[0], &prompt.Audio.PCM[0])
	}
	for i := range parts {
		if parts[i] != parts[0] {
			t.Errorf("sound %d is held twice", i)
		}
	}
	other, err := library.Prepare(t.Context(), "en", sources(""), nil, s.voice("w"))
	if err != nil {
		t.Fatal(err)
	}
	if &other.Parts[0].Audio.PCM[0] == parts[0] || s.times != 4 {
		t.Errorf("two sentences in two voices were rendered %d times", s.times)
	}
}

// The built-in words are whole: every prompt, and a choice for every mode that
// asks.
func TestBuiltInWords(t *testing.T) {
	for language := range prompts {
		for _, mode := range Modes {
			words := Prompts(language+"-XX", mode)
			for _, p := range promptNames {
				if words[p] == "" {
					t.Errorf("%s: no words for %s", language, p)
				}
			}
			if Choice(language, mode) == "" && mode != NoRecord {
				t.Errorf("%s: no words to ask by in mode %s", language, mode)
			}
		}
	}
	if Prompts("tlh", OptInDTMF) != nil || Choice("tlh", OptInDTMF) != "" {
		t.Error("words in a language that is not built in")
	}
	Prompts("en", NoticeMode)[PromptKey] = "changed"
	if prompts["en"][PromptKey] == "changed" {
		t.Error("the built-in words can be changed")
	}
}
