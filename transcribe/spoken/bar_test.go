package spoken

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"sidetone/internal/models/modelstest"
	"sidetone/transcribe/moonshine"
)

// seed makes the same clips each time.
const seed = 20261122

// said is what callers may say instead of a yes. None of it is on the list.
var said = map[string][]string{
	"near misses": {
		"Yesterday.", "Yes, yesterday.", "Yet.", "Yell.", "Guess.", "Less.", "Chess.", "Press.", "Mess.", "Ness.", "Jess.", "Desk.", "Dress.", "Bless.", "Best.",
		"Yard.", "Years.", "Ears.", "Us.", "S.", "F.", "Yeast.", "I guess.", "I guess so.", "I guess I do.", "Less please.", "Just please.", "No please.",
		"I degree.", "Agree.", "I disagree.", "I grieve.", "A green.", "I'm free.", "I can sent.", "I consented once.", "I resent it.", "I expect.", "I except that.",
		"You may report.", "You made a record.", "Yesterday I do.", "Yes I did.", "Yes I know.", "Yes I don't.", "Yes, he agreed.", "Did I agree?", "Do I agree?", "Should I agree?",
	},
	"other answers": {
		"No.", "No thanks.", "No, thank you.", "Nope.", "No, I don't.", "I don't agree.", "I do not agree.", "I don't consent.", "I can't agree to that.", "I never agreed.",
		"I won't accept.", "No, I do not consent.", "Not really.", "Never.", "I'd rather not.", "Please don't.", "Yes, no.", "No, yes.", "Yes or no?", "Yes, but don't record.",
		"Yes, but not the recording.", "I agree, but don't record me.", "I agree if you stop recording.", "Maybe.", "Okay.", "Sure.", "Mm-hmm.", "Uh-huh.", "Fine.", "Right.",
		"What?", "Hello?", "Sorry?", "Pardon me?", "Who is this?", "Say that again.", "I don't understand.", "One moment.", "Thank you.", "Please.", "You're welcome.", "Go on.",
		"Operator.", "Representative.", "I want to talk to a person.", "My name is Anna.", "I have a question.", "How long will it take?", "Why?", "Wait.",
	},
	"bare yes": {"Yes.", "Yeah.", "Yep.", "Yes?", "Yes, yes."},
}

// corpus is more than 3,000 clips that are not a yes.
func corpus(t testing.TB) []clip {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	var clips, pieces []clip
	for _, p := range prompts(t) {
		if len(p.pcm) < 2*phoneRate {
			clips = append(clips, p)
		}
		cut := windows(random, p, "cut prompts", 2+len(p.pcm)/(4*phoneRate))
		clips, pieces = append(clips, cut...), append(pieces, cut...)
	}
	for _, r := range readings(t) {
		cut := windows(random, r, "cut readings", 3*len(r.pcm)/phoneRate)
		clips, pieces = append(clips, cut...), append(pieces, cut...)
	}
	clips = append(clips, mixed(random, pieces, 1, "two voices", 100)...)
	clips = append(clips, mixed(random, pieces, 4, "babble", 100)...)
	clips = append(clips, noises(random, 200)...)
	clips = append(clips, tones(random, 150)...)
	for _, source := range []string{"near misses", "other answers", "bare yes"} {
		clips = append(clips, say(t, source, said[source])...)
	}
	for i := range clips {
		clips[i].pcm = line(random, clips[i].pcm)
	}
	return clips
}

// answers lets a Matcher answer all clips, on all processors.
func answers(t testing.TB, m *Matcher, clips []clip) []Verdict {
	t.Helper()
	verdicts := make([]Verdict, len(clips))
	next := make(chan int)
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for i := range next {
				var err error
				if verdicts[i], err = m.Answer(t.Context(), clips[i].pcm, phoneRate); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range clips {
		next <- i
	}
	close(next)
	all.Wait()
	return verdicts
}

var _ = slices.Sort[[]int]
var _ = strings.Cut
var _ = modelstest.Dir
var _ *moonshine.Engine
