package spoken

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
)

// yeses are on the list.
var yeses = []string{
	"Yes, I agree.", "Yes, I do.", "Yes, please.", "Yes, that's fine.", "I agree.", "I consent.", "Yes, thank you.", "Yes, I consent.", "Yes, of course.",
}

// bare ones are a yes to people, and not on the list.
var bare = []string{"Yes.", "Yeah."}

// noes are refusals.
var noes = []string{
	"No.", "No, thank you.", "I don't agree.", "I do not agree.", "I don't consent.", "No, I don't.", "I never agreed.", "I can't agree to that.", "I'd rather not.", "I disagree.",
}

// mixtures agree and take it back.
var mixtures = []string{
	"Yes, no.", "No, yes.", "Yes, but don't record.", "Yes, but not the recording.", "I agree if you stop recording.", "Yes, I don't.",
}

// nearMisses sound like a yes, or like a phrase on the list.
var nearMisses = []string{
	"Yesterday.", "Yet.", "Yell.", "Guess.", "Less.", "Chess.", "Press.", "Mess.", "Desk.", "Best.", "Years.", "S.", "I guess so.", "I guess I do.", "Less, please.", "No, please.",
	"Just please.", "Agree.", "A green.", "I'm free.", "I resent it.", "Did I agree?", "Should I agree?", "Yesterday I do.", "Yes or no?",
}

// others are no answers.
var others = []string{
	"Maybe.", "Okay.", "Sure.", "Uh-huh.", "Fine.", "What?", "Hello?", "Who is this?", "I don't understand.", "Thank you.", "I have a question.", "How long will it take?",
}

// homophones sound like a phrase on the list to the model, and nobody says them.
var homophones = []string{"I grieve.", "I can sent."}

// asked are phrases that callers say, by what they are to set off.
var asked = map[Kind][]string{
	StopRecording: {
		"Please stop recording.", "Stop recording this call.", "I don't want to be recorded.", "Don't record me.", "Could you turn off the recording?", "I do not consent to being recorded.",
	},
	DeleteRecording: {"Please delete the recording.", "Delete everything you recorded.", "I want you to erase this call."},
	Minor:           {"I am twelve years old.", "I'm only twelve.", "I am a child."},
	Machine:         {"Are you a machine?", "Am I talking to a real person?", "Are you a robot or a human?"},
	NoPhrase:        {"The recording studio stopped working.", "My son is twelve.", "I was twelve when we moved.", "Please record my order.", "I bought a new computer."},
}

// voices are those of Flite. Each says all texts once, at 8 kHz.
var voices = []string{"awb", "kal", "kal16", "rms", "slt"}

var synthesis struct {
	once sync.Once
	by   map[string]map[string][]int16 // by voice and text
	err  error
}

// say returns texts spoken by all voices.
func say(t testing.TB, source string, texts []string) []clip {
	t.Helper()
	synthesis.once.Do(func() { synthesis.by, synthesis.err = synthesise(modelstest.Dir(t)) })
	if synthesis.err != nil {
		t.Fatal(synthesis.err)
	}
	var clips []clip
	for _, voice := range voices {
		for _, text := range texts {
			clips = append(clips, clip{source, voice + ": " + text, synthesis.by[voice][text]})
		}
	}
	return clips
}

func synthesise(models string) (map[string]map[string][]int16, error) {
	texts := slices.Concat(yeses, bare, noes, mixtures, nearMisses, others, homophones)
	for _, phrases := range asked {
		texts = append(texts, phrases...)
	}
	by := map[string]map[string][]int16{}
	errs := make([]error, len(voices))
	var all sync.WaitGroup
	for i, voice := range voices {
		spoken := map[string][]int16{}
		by[voice] = spoken
		all.Go(func() {
			pcm, err := sim.SpeakAll(context.Background(), models, voice, texts)
			for j := range pcm {
				spoken[texts[j]] = pcm[j]
			}
			errs[i] = err
		})
	}
	all.Wait()
	return by, errors.Join(errs...)
}
