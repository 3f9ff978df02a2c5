package configs

import "fmt"

func (c *Config) validateSpeech(f *faults) {
	s := c.Speech
	f.check(s.ModelsDir != "", "speech.models_dir", "must not be empty")
	for i, term := range s.KeyTerms {
		f.check(term != "", fmt.Sprintf("speech.key_terms[%d]", i), "must not be empty")
	}
	f.vendor("speech.deepgram", s.STT == STTDeepgram, s.Deepgram.URL, s.Deepgram.APIKey, s.Deepgram.Model)
	f.vendor("speech.openai", s.STT == STTOpenAI, s.OpenAI.URL, s.OpenAI.APIKey, s.OpenAI.Model)
}

// vendor checks an engine elsewhere: sound and key go to its URL. What is not
// used may lack a key.
func (f *faults) vendor(path string, used bool, address string, key Secret, model string) {
	u, err := plainURL(address)
	switch {
	case err != nil:
		f.add(path+".url", "%v", err)
	case u.Scheme == "http" && !isLoopbackHost(u.Hostname()):
		f.add(path+".url", "must be https, since callers' voices are sent there")
	case used && key == "" && !isLoopbackHost(u.Hostname()):
		f.add(path+".api_key", "must be set, or api_key_file")
	}
	f.check(model != "", path+".model", "must not be empty")
}
