package configs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// voiceName is what vendors call a voice. It may become part of a URL.
var voiceName = regexp.MustCompile(`^[^\s/?#%\\\pC]{1,200}$`)

func (c *Config) validateSpeech(f *faults) {
	s := c.Speech
	f.check(s.ModelsDir != "", "speech.models_dir", "must not be empty")
	for i, term := range s.KeyTerms {
		f.check(term != "", fmt.Sprintf("speech.key_terms[%d]", i), "must not be empty")
	}
	f.check(s.FirstAudio >= Duration(500*time.Millisecond) && s.FirstAudio <= Duration(10*time.Second), "speech.first_audio", "must be between 500ms and 10s")
	f.check(s.STTTakeover >= Duration(500*time.Millisecond) && s.STTTakeover <= Duration(3*time.Second), "speech.stt_takeover", "must be between 500ms and 3s")
	f.check(s.TTSTakeover >= Duration(250*time.Millisecond) && s.TTSTakeover <= s.FirstAudio, "speech.tts_takeover", "must be at least 250ms, and not more than speech.first_audio")
	f.check(s.Voice == "" || voiceName.MatchString(s.Voice), "speech.voice", "must be a name without spaces and slashes")
	f.check(s.STT != STTNone || len(s.STTFallbacks) == 0, "speech.stt_fallbacks", "must be empty where speech.stt is none")
	seen := map[STT]bool{s.STT: true}
	for i, name := range s.STTFallbacks {
		at := fmt.Sprintf("speech.stt_fallbacks[%d]", i)
		f.check(slices.Contains(name.choices(), string(name)) && name != STTNone, at, "must be moonshine, deepgram or openai")
		f.check(!seen[name], at, "is asked before as well")
		seen[name] = true
	}
	f.vendor("speech.deepgram", seen[STTDeepgram] || s.TTS == TTSDeepgram || slices.Contains(s.TTSFallbacks, TTSDeepgram), s.Deepgram.URL, s.Deepgram.APIKey, s.Deepgram.Model)
	f.vendor("speech.openai", seen[STTOpenAI], s.OpenAI.URL, s.OpenAI.APIKey, s.OpenAI.Model)
	f.voices(s)
}

// voices checks the voices elsewhere.
func (f *faults) voices(s Speech) {
	seen := map[TTS]bool{s.TTS: true}
	for i, name := range s.TTSFallbacks {
		at := fmt.Sprintf("speech.tts_fallbacks[%d]", i)
		f.check(slices.Contains(name.choices(), string(name)), at, "must be one of "+strings.Join(name.choices(), ", "))
		f.check(!seen[name], at, "is asked before as well")
		seen[name] = true
	}
	address, key := s.OpenAI.Voice()
	f.vendor("speech.openai.tts", seen[TTSOpenAI], address, key, s.OpenAI.TTS.Model)
	f.vendor("speech.elevenlabs", seen[TTSElevenLabs], s.ElevenLabs.URL, s.ElevenLabs.APIKey, s.ElevenLabs.Model)
	for path, name := range map[string]string{"openai.tts": s.OpenAI.TTS.Voice, "elevenlabs": s.ElevenLabs.Voice, "deepgram": s.Deepgram.Voice} {
		f.check(voiceName.MatchString(name), "speech."+path+".voice", "must be a name without spaces and slashes")
	}
	n := s.OpenAI.TTS.FirstPiece
	f.check(n == 0 || n >= 20 && n <= 4000, "speech.openai.tts.first_piece", "must be 0, or between 20 and 4000")
}

// vendor checks an engine elsewhere: sound and key go to its URL. What is not
// used may lack a key.
func (f *faults) vendor(path string, used bool, address string, key Secret, model string) {
	u, err := plainURL(address)
	switch {
	case err != nil:
		f.add(path+".url", "%v", err)
	case u.Scheme == "http" && !isLoopbackHost(u.Hostname()):
		f.add(path+".url", "must be https, since what is said is sent there")
	case used && key == "" && !isLoopbackHost(u.Hostname()):
		f.add(path+".api_key", "must be set, or api_key_file")
	}
	f.check(model != "", path+".model", "must not be empty")
}
