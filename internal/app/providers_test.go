package app_test

import (
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/dialog/tts/flite"
	"sidetone/internal/app"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
	"sidetone/media"
)

// spokenFile is a WAV file with words of the tone language.
func spokenFile(t *testing.T, words string) string {
	t.Helper()
	pcm := sim.SayTones(16000, words)
	wav := media.AppendWAVHeader(nil, media.WAVFormat{Coding: media.PCM16, Channels: 1, Rate: 16000}, uint32(2*len(pcm)))
	for _, x := range pcm {
		wav = append(wav, byte(x), byte(uint16(x)>>8))
	}
	path := filepath.Join(t.TempDir(), "said.wav")
	if err := os.WriteFile(path, wav, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCheckProviders holds a vendor against the contract that keeps it, one that
// is in trouble, and one that hears other words.
func TestCheckProviders(t *testing.T) {
	const said = "alpha bravo charlie delta"
	for name, c := range map[string]struct {
		faults sim.RecogniserFaults
		words  string
		failed bool
	}{
		"keeps it":    {sim.RecogniserFaults{Duplicates: true, Unknown: true}, said, false},
		"other words": {sim.RecogniserFaults{}, "one two three four", true},
		"refuses":     {sim.RecogniserFaults{Status: 401, Echo: true}, said, true},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &sim.Deepgram{Recogniser: sim.Recogniser{Key: vendorKey, Faults: c.faults}}
			server := httptest.NewServer(fake)
			t.Cleanup(server.Close)
			config := configure(t, "SIDETONE_SPEECH_STT=deepgram", "SIDETONE_SPEECH_DEEPGRAM_URL="+server.URL, "SIDETONE_SPEECH_DEEPGRAM_API_KEY="+vendorKey)
			var told []string
			all, err := app.CheckProviders(t.Context(), config, app.ProviderSpeech{File: spokenFile(t, said), Words: c.words, Fast: true},
				func(c app.ProviderCase) { told = append(told, c.Name) })
			if err != nil || len(all) != 1 || all[0].Part != "recognition" {
				t.Fatalf("%+v and %v, want the check of recognition", all, err)
			}
			p := all[0]
			if p.Failed() != c.failed {
				t.Errorf("failed %v, want %v: %+v", p.Failed(), c.failed, p.Cases)
			}
			if len(p.Cases) < 13 || len(told) != len(p.Cases) || !slices.Contains(told, "one final each finalize") {
				t.Errorf("%d cases, told of %q", len(p.Cases), told)
			}
			for _, done := range p.Cases {
				if strings.Contains(strings.Join(done.Faults, " "), vendorKey) {
					t.Errorf("the key is in a fault: %q", done.Faults)
				}
			}
		})
	}
}

// TestCheckProvidersOfVoices holds a vendor's voice against its contract: one that
// says the words, as the built-in recognition hears, and one that refuses.
func TestCheckProvidersOfVoices(t *testing.T) {
	voice, err := flite.New(t.Context(), flite.Options{ModelsDir: modelstest.Dir(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { voice.Close() })
	var mu sync.Mutex
	kept := map[string][]int16{} // sentences are said often
	speak := func(text string, rate int) (pcm []int16) {
		mu.Lock()
		defer mu.Unlock()
		for sentence := range strings.SplitSeq(strings.Trim(text, ". "), ". ") {
			if kept[sentence] == nil {
				for chunk, err := range voice.Speak(t.Context(), sentence, rate) {
					if err != nil {
						t.Errorf("saying %q: %v", sentence, err)
					}
					kept[sentence] = append(kept[sentence], chunk...)
				}
			}
			pcm = append(pcm, kept[sentence]...)
		}
		return pcm
	}
	for name, c := range map[string]struct {
		faults sim.SynthesiserFaults
		fault  string // of one case
	}{
		"says the words": {sim.SynthesiserFaults{Unknown: true, Odd: true}, ""},
		"refuses":        {sim.SynthesiserFaults{Status: 402, Echo: true}, "auth, status 402"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &sim.SpeechAPI{Synthesiser: sim.Synthesiser{Key: vendorKey, Faults: c.faults, Say: speak, Speed: 60, Latency: time.Millisecond}}
			server := httptest.NewServer(fake)
			t.Cleanup(server.Close)
			config := configure(t, "SIDETONE_SPEECH_TTS=openai", "SIDETONE_SPEECH_OPENAI_TTS_URL="+server.URL+"/v1", "SIDETONE_SPEECH_OPENAI_TTS_API_KEY="+vendorKey)
			all, err := app.CheckProviders(t.Context(), config, app.ProviderSpeech{}, func(app.ProviderCase) {})
			if err != nil || len(all) != 1 || all[0].Part != "voice" || all[0].Engine != "openai" || len(all[0].Cases) != 14 {
				t.Fatalf("%+v and %v, want 14 cases of a voice", all, err)
			}
			var faults []string
			for _, done := range all[0].Cases {
				faults = append(faults, done.Faults...)
			}
			if all[0].Failed() != (c.fault != "") || !strings.Contains(strings.Join(faults, "\n"), c.fault) || strings.Contains(strings.Join(faults, "\n"), vendorKey) {
				t.Errorf("the faults are %q, want %q", faults, c.fault)
			}
		})
	}
}

func TestCheckProvidersWithoutOne(t *testing.T) {
	if _, err := app.CheckProviders(t.Context(), configure(t), app.ProviderSpeech{}, nil); err == nil {
		t.Error("the built-in recognition was taken for a provider")
	}
}

// TestCheckProvidersThatTakeOver holds all that may come to serve a call: those that
// can not be reached are told by name, with the agents whose calls are without them.
func TestCheckProvidersThatTakeOver(t *testing.T) {
	nobody := "http://" + closedPort(t)
	model := httptest.NewServer(sim.NewChatServer(sim.ChatOptions{APIKey: vendorKey, Reply: func(r sim.ChatRequest) sim.ChatReply {
		switch {
		case len(r.Tools) == 0:
			return sim.ChatReply{Text: "Fine, thank you."}
		case r.Messages[len(r.Messages)-1].Role == "tool":
			return sim.ChatReply{Text: "It is in Hamburg."}
		}
		return sim.ChatReply{ToolCalls: []sim.ChatToolCall{{ID: "1", Name: "look_up", Arguments: `{"number": "1234"}`}}}
	}}))
	t.Cleanup(model.Close)
	agents := t.TempDir()
	for name, more := range map[string]string{
		"alone": "stt: [moonshine]\nscript: {greeting: Hello, questions: [{key: a, ask: \"Well?\", kind: text}], goodbye: Bye}\n",
		"baker": "stt: [openai, moonshine]\nvoice: {name: nova}\nllm: {prompt: You bake., model: large}\n",
	} {
		file := "name: " + name + "\nlanguage: en\nnotice: {mode: notice, parts: [{kind: ai, text: I am a machine.}, {kind: recording, text: This is recorded.}]}\n"
		if err := os.WriteFile(filepath.Join(agents, name+".yaml"), []byte(file+more), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := configure(t, "SIDETONE_AGENTS_DIR="+agents, "SIDETONE_AGENTS_DEFAULT=alone",
		"SIDETONE_SPEECH_STT_FALLBACKS=openai", "SIDETONE_SPEECH_OPENAI_URL="+nobody, "SIDETONE_SPEECH_OPENAI_API_KEY="+vendorKey,
		"SIDETONE_SPEECH_TTS=openai", "SIDETONE_SPEECH_OPENAI_TTS_URL="+nobody, "SIDETONE_SPEECH_TTS_FALLBACKS=elevenlabs,flite",
		"SIDETONE_SPEECH_ELEVENLABS_URL="+nobody, "SIDETONE_SPEECH_ELEVENLABS_API_KEY="+vendorKey,
		"SIDETONE_LLM_BASE_URL="+model.URL+"/v1", "SIDETONE_LLM_MODEL=small", "SIDETONE_LLM_API_KEY="+vendorKey,
		"SIDETONE_LLM_FALLBACKS=[{name: spare, base_url: '"+nobody+"', model: other}]")
	all, err := app.CheckProviders(t.Context(), config, app.ProviderSpeech{Fast: true}, func(app.ProviderCase) {})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range all {
		line := fmt.Sprintf("%s %s %s for %s: %d", p.Part, p.Engine, p.Model, strings.Join(p.Agents, "+"), len(p.Cases))
		for _, done := range p.Cases {
			for _, fault := range done.Faults {
				what, _, _ := strings.Cut(fault, ": dial")
				line += ", " + what
			}
		}
		got = append(got, line)
	}
	want := []string{
		"recognition openai  for baker: 1, openai can not be reached",
		"voice openai alloy for alone: 1, openai can not be reached",
		"voice openai nova for baker: 1, openai can not be reached",
		"voice elevenlabs " + config.Speech.ElevenLabs.Voice + " for alone+baker: 1, elevenlabs can not be reached",
		"language model main small for : 5",
		"language model main large for baker: 5",
		"language model spare other for baker: 1, spare can not be reached",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
