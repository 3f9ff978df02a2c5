package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sidetone/configs"
	"sidetone/dialog"
	"sidetone/internal/breaker"
	"sidetone/transcribe"
	"sidetone/transcribe/chain"
	"sidetone/transcribe/deepgram"
	"sidetone/transcribe/moonshine"
	"sidetone/transcribe/openai"
	"sidetone/transcribe/remote"
	"sidetone/transcribe/spoken"
	"sidetone/transcribe/vad"
)

// openRecognition opens voice activity detection and speech recognition.
func (a *App) openRecognition() error {
	dir := a.config.Speech.ModelsDir
	detector, err := vad.Load(dir)
	if err := a.missing("vad", err); err != nil {
		return err
	}
	if detector != nil {
		a.speech.Detectors = detector.NewDetector
		a.onStop("vad", func(context.Context) error { return detector.Close() })
	}
	names := a.config.Speech.Recognition()
	if len(names) == 0 {
		return nil
	}
	own := moonshine.New(moonshine.Options{Dir: dir, Metrics: moonshine.NewMetrics(a.registry)})
	a.onStop("stt", func(context.Context) error { return own.Close() })
	if err := a.missing("stt", own.Load()); err != nil {
		return err
	}
	if own.Loaded() {
		a.speech.Answers = own
	}
	a.recognition = &recognition{links: map[string]chain.Link{}, options: chain.Options{
		Answer: time.Duration(a.config.Speech.STTTakeover), Metrics: chain.NewMetrics(a.registry), Log: a.log}}
	o := remote.Options{}
	if slices.ContainsFunc(names, func(n configs.STT) bool { return n != configs.STTMoonshine }) {
		o.Metrics = remote.NewMetrics(a.registry)
	}
	for _, name := range names {
		var engine transcribe.Engine = own
		if name != configs.STTMoonshine {
			if engine, err = openVendor(a.config, name, "", o); err != nil {
				return err
			}
		} else if !own.Loaded() {
			continue
		}
		a.recognition.add(string(name), chain.Link{Engine: engine, Breaker: breaker.New(breaker.Options{
			Kind: breaker.STT, Engine: engine.Name(), Metrics: a.breakers, Log: a.log})})
	}
	a.speech.Engine = a.recognition.chain(a.recognition.order)
	return nil
}

// recognition is the engines that are there, by the names that they are configured
// by. Their breakers are those of all calls.
type recognition struct {
	links   map[string]chain.Link
	order   []string
	options chain.Options
}

func (r *recognition) add(name string, l chain.Link) {
	r.links[name], r.order = l, append(r.order, name)
}

// chain makes an engine of those of the names that are there; nil when none is.
func (r *recognition) chain(names []string) transcribe.Engine {
	var links []chain.Link
	for _, name := range names {
		if l, ok := r.links[name]; ok {
			links = append(links, l)
		}
	}
	if len(links) == 0 {
		return nil
	}
	return chain.New(r.options, links[0], links[1:]...)
}

// engineOf returns what hears an agent's callers; nil when nothing does.
func (a *App) engineOf(file *dialog.Agent) (transcribe.Engine, error) {
	engine := a.speech.Engine
	if len(file.STT) > 0 && a.recognition != nil {
		if engine = a.recognition.chain(file.STT); engine == nil {
			return nil, fmt.Errorf("%w: none of its stt is there; run `make models`", errCannotAnswer)
		}
	}
	if engine == nil {
		return nil, nil
	}
	if _, err := engine.Open(transcribe.Options{Rate: 8000, Language: file.Language}); err != nil {
		return nil, fmt.Errorf("language: %w", err)
	}
	return engine, nil
}

// recognisers are the names of the engines that hear an agent's callers, in order.
func recognisers(c *configs.Config, file *dialog.Agent) []configs.STT {
	if len(file.STT) == 0 {
		return c.Speech.Recognition()
	}
	var names []configs.STT
	for _, name := range file.STT {
		names = append(names, configs.STT(name))
	}
	return names
}

// heardBy checks that the engines that an agent wants are configured.
func heardBy(c *configs.Config, file *dialog.Agent) error {
	for i, name := range file.STT {
		if !slices.Contains(c.Speech.Recognition(), configs.STT(name)) {
			return fmt.Errorf("agent %s: stt[%d]: %s is neither speech.stt nor one of speech.stt_fallbacks", file.Name, i, name)
		}
	}
	return nil
}

// keyTerms are the words that an agent's callers are likely to say.
func keyTerms(c *configs.Config, file *dialog.Agent) []string {
	terms := slices.Clone(c.Speech.KeyTerms)
	for _, term := range file.KeyTerms {
		if !slices.Contains(terms, term) {
			terms = append(terms, term)
		}
	}
	return terms
}

// elsewhereBy returns the engines of an agent's callers that are on other machines.
func elsewhereBy(engine transcribe.Engine) (others []transcribe.Engine) {
	all := []transcribe.Engine{engine}
	if c, ok := engine.(*chain.Engine); ok {
		all = c.Engines()
	}
	return slices.DeleteFunc(all, func(e transcribe.Engine) bool { return e == nil || e.Local() })
}

// errNoVendor says that an engine is not one of somebody else's.
var errNoVendor = errors.New("is no engine elsewhere")

// openVendor opens a recognition engine that is not built in, with another key than
// the configured one if key is not empty. It does not connect.
func openVendor(c *configs.Config, name configs.STT, key string, o remote.Options) (transcribe.Engine, error) {
	switch s := c.Speech; name {
	case configs.STTDeepgram:
		return deepgram.New(deepgram.Options{URL: s.Deepgram.URL, Key: cmp.Or(key, s.Deepgram.APIKey.Reveal()), Model: s.Deepgram.Model,
			Language: s.Deepgram.Language, Train: s.Deepgram.Train, Remote: o})
	case configs.STTOpenAI:
		return openai.New(openai.Options{API: openai.API(s.OpenAI.API), URL: s.OpenAI.URL, Key: cmp.Or(key, s.OpenAI.APIKey.Reveal()), Model: s.OpenAI.Model,
			Language: s.OpenAI.Language, Remote: o})
	}
	return nil, fmt.Errorf("app: speech.stt: %s %w", name, errNoVendor)
}

// addressOf is where a recognition engine is, if it is not built in.
func addressOf(c *configs.Config, name configs.STT) string {
	switch name {
	case configs.STTDeepgram:
		return c.Speech.Deepgram.URL
	case configs.STTOpenAI:
		return c.Speech.OpenAI.URL
	}
	return ""
}

// vendorURL is where a recognition engine on another machine is; empty where it is
// on this one.
func vendorURL(c *configs.Config, name configs.STT) string {
	address := addressOf(c, name)
	if remote.OnThisMachine(address) {
		return ""
	}
	return address
}

// matcher returns what tells a spoken yes from a no in a language; nil where
// nothing on this machine can.
func (a *App) matcher(language string) *spoken.Matcher {
	recogniser := a.speech.Answers
	if own, ok := a.speech.Engine.(spoken.Recogniser); ok && recogniser == nil && a.speech.Engine.Local() {
		recogniser = own // an answer is heard before there is a grant
	}
	if recogniser == nil {
		return nil
	}
	m, err := spoken.New(recogniser, language)
	if err != nil {
		return nil
	}
	return m
}
