package spoken

import (
	"context"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sidetone/internal/models/modelstest"
	"sidetone/media"
	"sidetone/transcribe/moonshine"
)

// seed makes the same clips each time.
const seed = 20261122

// The bar, in clips that are not a yes.
const (
	leastClips = 3000
	grants     = 0
)

var loaded struct {
	once   sync.Once
	engine *moonshine.Engine
	err    error
}

// engine returns the built-in recognition, with as many decodes at once as there
// are processors.
func engine(t testing.TB) *moonshine.Engine {
	t.Helper()
	dir := modelstest.Dir(t)
	loaded.once.Do(func() {
		loaded.engine = moonshine.New(moonshine.Options{Dir: dir, Decodes: runtime.GOMAXPROCS(0)})
		loaded.err = loaded.engine.Load()
	})
	if loaded.err != nil {
		t.Fatal(loaded.err)
	}
	return loaded.engine
}

func matcher(t testing.TB) *Matcher {
	t.Helper()
	m, err := New(engine(t), "en-US")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// overLine puts clips on a line each, several times.
func overLine(stream uint64, clips []clip, times int) []clip {
	random := rand.New(rand.NewPCG(seed, stream))
	var out []clip
	for _, c := range clips {
		for range times {
			out = append(out, clip{c.source, c.name, line(random, c.pcm)})
		}
	}
	return out
}

// each does something with all clips, on all processors.
func each(clips []clip, do func(i int, c clip)) {
	next := make(chan int)
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for i := range next {
				do(i, clips[i])
			}
		})
	}
	for i := range clips {
		next <- i
	}
	close(next)
	all.Wait()
}

// witness counts the recognitions that read a yes, whatever their score.
type witness struct {
	Recogniser
	language *language
	yeses    atomic.Int64
}

func (w *witness) Recognise(ctx context.Context, pcm []int16, rate int) (string, float64, error) {
	text, score, err := w.Recogniser.Recognise(ctx, pcm, rate)
	if w.language.answer(text) == Yes {
		w.yeses.Add(1)
	}
	return text, score, err
}

// answers lets a Matcher answer all clips.
func answers(t testing.TB, m *Matcher, clips []clip) []Verdict {
	t.Helper()
	verdicts := make([]Verdict, len(clips))
	each(clips, func(i int, c clip) {
		var err error
		if verdicts[i], err = m.Answer(t.Context(), c.pcm, phoneRate); err != nil {
			t.Error(err)
		}
	})
	return verdicts
}

// notYes is everything that is not a yes. No recording of Debian's packages has
// the word in it, and what the voices say is on no list; a bare yes is counted by
// TestBareYes.
func notYes(t testing.TB) []clip {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	var clips, pieces []clip
	for _, p := range prompts(t) {
		if len(p.pcm) < 3*phoneRate/2 {
			clips = append(clips, p)
		}
		pieces = append(pieces, windows(random, p, "cut prompts", 3+len(p.pcm)/(4*phoneRate))...)
	}
	for _, r := range readings(t) {
		pieces = append(pieces, windows(random, r, "cut readings", 4*len(r.pcm)/phoneRate)...)
	}
	clips = append(clips, pieces...)
	clips = append(clips, mixed(random, pieces, 1, "two voices", 150)...)
	clips = append(clips, mixed(random, pieces, 4, "babble", 150)...)
	clips = append(clips, noises(random, 200)...)
	clips = append(clips, tones(random, 150)...)
	clips = append(clips, say(t, "near misses", nearMisses)...)
	clips = append(clips, say(t, "refusals", noes)...)
	clips = append(clips, say(t, "mixtures", mixtures)...)
	clips = append(clips, say(t, "other answers", others)...)
	return overLine(2, clips, 1)
}

// TestBar is the promise by which a spoken yes may open the recording.
func TestBar(t *testing.T) {
	clips := notYes(t)
	if len(clips) < leastClips {
		t.Fatalf("%d clips, want at least %d", len(clips), leastClips)
	}
	heard := &witness{Recogniser: engine(t), language: known("en")}
	verdicts := answers(t, &Matcher{heard, heard.language}, clips)
	var sources []string
	count := map[string]*[No + 1]int{}
	granted := 0
	for i, c := range clips {
		if count[c.source] == nil {
			count[c.source] = new([No + 1]int)
			sources = append(sources, c.source)
		}
		count[c.source][verdicts[i].Answer]++
		if verdicts[i].Answer == Yes {
			granted++
			t.Logf("taken for a yes with %.2f: %s, %s", verdicts[i].Score, c.source, c.name)
		}
	}
	t.Logf("%d false grants in %d clips that are not a yes (seed %d)", granted, len(clips), seed)
	for _, s := range sources {
		n := count[s]
		t.Logf("  %-16s %4d clips: %d yes, %4d unclear, %3d no, %3d none", s, n[None]+n[Unclear]+n[Yes]+n[No], n[Yes], n[Unclear], n[No], n[None])
	}
	t.Logf("%d recognitions read a yes at any score", heard.yeses.Load())
	if granted > grants {
		t.Errorf("%d false grants, want %d: a spoken yes may not open the recording", granted, grants)
	}
	alike := overLine(3, say(t, "homophones", homophones), 2)
	granted = 0
	for _, v := range answers(t, matcher(t), alike) {
		if v.Answer == Yes {
			granted++
		}
	}
	t.Logf("not counted: %d of %d homophones that nobody says (%s) are taken for a yes", granted, len(alike), strings.Join(homophones, " "))
}

// TestBareYes holds that a yes of one word is asked for again: it cannot be told
// from its rhymes.
func TestBareYes(t *testing.T) {
	clips := overLine(5, say(t, "bare", bare), 2)
	for i, v := range answers(t, matcher(t), clips) {
		if v.Answer == Yes || v.Answer == No {
			t.Errorf("%s: %v", clips[i].name, v.Answer)
		}
	}
}

// TestNo wants most refusals understood at once, and all mixtures to be no yes.
func TestNo(t *testing.T) {
	for name, texts := range map[string][]string{"refusals": noes, "mixtures": mixtures} {
		clips := overLine(6, say(t, name, texts), 1)
		heard := 0
		for i, v := range answers(t, matcher(t), clips) {
			switch v.Answer {
			case No:
				heard++
			case Yes:
				t.Errorf("%s: taken for a yes", clips[i].name)
			}
		}
		t.Logf("%s: %d of %d understood as a no", name, heard, len(clips))
		if 100*heard < 70*len(clips) {
			t.Errorf("%s: %d of %d understood, want 70 %%", name, heard, len(clips))
		}
	}
}

// TestYes prints how often a yes of five synthetic voices is understood, over a
// good line and over bad ones. Human voices are easier.
func TestYes(t *testing.T) {
	good, bad := say(t, "good line", yeses), overLine(4, say(t, "bad lines", yeses), 2)
	clips := append(slices.Clone(good), bad...)
	verdicts := answers(t, matcher(t), clips)
	for _, by := range []func(clip) string{
		func(c clip) string { return c.source },
		func(c clip) string { voice, _, _ := strings.Cut(c.name, ": "); return voice },
		func(c clip) string { _, text, _ := strings.Cut(c.name, ": "); return text },
	} {
		heard, all := map[string]int{}, map[string]int{}
		for i, c := range clips {
			all[by(c)]++
			if verdicts[i].Answer == Yes {
				heard[by(c)]++
			}
		}
		for _, k := range slices.Sorted(maps.Keys(all)) {
			t.Logf("%-18s %3d of %3d understood", k, heard[k], all[k])
		}
		if all["good line"] > 0 && 100*heard["good line"] < 65*all["good line"] {
			t.Errorf("%d of %d understood over a good line, want 65 %%", heard["good line"], all["good line"])
		}
	}
}

// TestPhrasesHeard prints how many of the phrases that five voices say over a bad
// line are found in what recognition makes of them.
func TestPhrasesHeard(t *testing.T) {
	for _, kind := range []Kind{StopRecording, DeleteRecording, Minor, Machine, NoPhrase} {
		clips := overLine(7, say(t, kind.String(), asked[kind]), 1)
		texts := make([]string, len(clips))
		each(clips, func(i int, c clip) {
			var err error
			if texts[i], _, err = engine(t).Recognise(t.Context(), c.pcm, phoneRate); err != nil {
				t.Error(err)
			}
		})
		found := 0
		for i, text := range texts {
			switch got := Phrase("en", text); {
			case got == kind:
				found++
			case kind == NoPhrase, got != NoPhrase && got != StopRecording:
				t.Errorf("%s was heard as %q: %v, want %v", clips[i].name, text, got, kind)
			default:
				t.Logf("missed: %s was heard as %q", clips[i].name, text)
			}
		}
		t.Logf("%v: %d of %d found", kind, found, len(clips))
		if 2*found < len(clips) {
			t.Errorf("%v: %d of %d found, want half of them", kind, found, len(clips))
		}
	}
}

// BenchmarkAnswer is the time to a verdict on 0.6 s of speech: a refusal takes
// one recognition, a yes three.
func BenchmarkAnswer(b *testing.B) {
	m := matcher(b)
	for name, text := range map[string]string{"no": "No, thank you.", "yes": "Yes, I do."} {
		pcm := say(b, name, []string{text})[3].pcm
		pcm = media.AppendPCM(nil, media.AppendULaw(nil, pcm))
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := m.Answer(b.Context(), pcm, phoneRate); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(speech(pcm, phoneRate)))/phoneRate, "s-of-speech")
		})
	}
}
