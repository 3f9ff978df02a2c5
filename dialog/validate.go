package dialog

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ScriptLanguages are the languages in which a script understands answers.
var ScriptLanguages = []string{"en"}

// maxKeyTerm bounds a key term, which goes into the URL of some engines.
const maxKeyTerm = 100

// faults collects what is wrong with a file, each with the path of its key.
type faults []error

func (f *faults) add(path, format string, args ...any) {
	*f = append(*f, fmt.Errorf("%w: %s: %s", ErrAgent, path, fmt.Sprintf(format, args...)))
}

func (f faults) err() error { return errors.Join(f...) }

var (
	agentName   = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	languageTag = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
	answerKey   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	// E.164, or a SIP address.
	transferTarget = regexp.MustCompile(`^(\+[1-9][0-9]{6,14}|sips?:[^\s<>"]{3,200})$`)
	askable        = []string{"name", "email"}
)

func (a *Agent) validate() error {
	var f faults
	if !agentName.MatchString(a.Name) {
		f.add("name", "%q is no name: use a to z, 0 to 9, - and _", a.Name)
	}
	if !languageTag.MatchString(a.Language) {
		f.add("language", "%q is no language tag such as en or en-US", a.Language)
	}
	for i, name := range a.STT {
		if name == "" || slices.Index(a.STT, name) != i {
			f.add(fmt.Sprintf("stt[%d]", i), "%q is no name of an engine, or is there twice", name)
		}
	}
	for i, term := range a.KeyTerms {
		if strings.TrimSpace(term) == "" || len(term) > maxKeyTerm {
			f.add(fmt.Sprintf("key_terms[%d]", i), "a text of at most %d bytes is needed", maxKeyTerm)
		}
	}
	a.Voice.validate(&f)
	a.Notice.validate(&f)
	a.checkWords(&f)
	for i, field := range a.Web.Ask {
		if !slices.Contains(askable, field) {
			f.add(fmt.Sprintf("web.ask[%d]", i), "%q is none of %v", field, askable)
		}
	}
	if !slices.Contains([]Snippets{TurnSnippets, AnswerSnippets, NoSnippets}, a.Snippets) {
		f.add("snippets", "%q is none of turns, answers and none", a.Snippets)
	}
	a.Turn.validate(&f)
	between(&f, "silence.after", a.Silence.After, time.Second, 5*time.Minute)
	if a.Silence.Reprompts < 0 || a.Silence.Reprompts > 10 {
		f.add("silence.reprompts", "%d is not between 0 and 10", a.Silence.Reprompts)
	}
	for path, text := range map[string]string{"silence.goodbye": a.Silence.Goodbye, "apology": a.Apology, "farewell": a.Farewell, "truth": a.Truth} {
		if strings.TrimSpace(text) == "" {
			f.add(path, "a text is needed")
		}
	}
	for i, passage := range a.Protected {
		if len(wordsOf(passage)) < leastProtected || strings.Contains(passage, "\n") {
			f.add(fmt.Sprintf("protected[%d]", i), "want a line of at least %d words", leastProtected)
		}
	}
	if a.GiveUp < 1 || a.GiveUp > 5 {
		f.add("give_up_after", "want 1 to 5 failed replies, not %d", a.GiveUp)
	}
	if a.WayOut != "" && !transferTarget.MatchString(a.WayOut) {
		f.add("way_out", "%q is no number such as +14155550100, nor a sip: address", a.WayOut)
	}
	switch {
	case (a.Script == nil) == (a.LLM == nil):
		f.add("script, llm", "exactly one of them is needed")
	case a.Script != nil:
		if base, _, _ := strings.Cut(a.Language, "-"); !slices.Contains(ScriptLanguages, base) {
			f.add("language", "a script understands %s only, not %s; use llm", strings.Join(ScriptLanguages, ", "), a.Language)
		}
		a.Script.validate(&f)
	default:
		a.LLM.validate(&f)
	}
	slices.SortFunc(f, func(x, y error) int { return strings.Compare(x.Error(), y.Error()) })
	return f.err()
}

// Bounds of what an agent's voice is told of pronunciation.
const (
	mostPronounced    = 500
	longestPronounced = 200 // in characters
)

func (v *Voice) validate(f *faults) {
	if len(v.Pronounce) > mostPronounced {
		f.add("voice.pronounce", "%d words are more than %d", len(v.Pronounce), mostPronounced)
	}
	for written, said := range v.Pronounce {
		for _, text := range []string{written, said} {
			switch {
			case !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }):
				f.add("voice.pronounce", "%q: %q has neither a letter nor a digit", written, text)
			case text != strings.TrimSpace(text), strings.ContainsFunc(text, unicode.IsControl), !utf8.ValidString(text), utf8.RuneCountInString(text) > longestPronounced:
				f.add("voice.pronounce", "%q: %q has spaces around it, control characters, or more than %d characters", written, text, longestPronounced)
			}
		}
	}
}

func (t *Turn) validate(f *faults) {
	between(f, "turn.short_silence", t.ShortSilence, 100*time.Millisecond, 5*time.Second)
	between(f, "turn.min_silence", t.MinSilence, 100*time.Millisecond, 5*time.Second)
	between(f, "turn.max_silence", t.MaxSilence, t.MinSilence, 10*time.Second)
	between(f, "turn.digits_silence", t.DigitsSilence, t.MinSilence, 10*time.Second)
	between(f, "turn.commit_after", t.CommitAfter, 100*time.Millisecond, 5*time.Second)
	between(f, "turn.resume_after", t.ResumeAfter, 100*time.Millisecond, 5*time.Second)
	between(f, "turn.key_pause", t.KeyPause, 500*time.Millisecond, 30*time.Second)
}

func (l *LLM) validate(f *faults) {
	validateTransfers(f, l.Transfers)
	validateTools(f, l.Tools)
	if strings.TrimSpace(l.Prompt) == "" {
		f.add("llm.prompt", "a text is needed")
	}
	if l.Temperature != nil && (*l.Temperature < 0 || *l.Temperature > 2) {
		f.add("llm.temperature", "%v is not between 0 and 2", *l.Temperature)
	}
	if l.MaxTokens < 0 {
		f.add("llm.max_tokens", "%d is negative", l.MaxTokens)
	}
	seen := map[string]bool{}
	for i, g := range l.Goals {
		path := fmt.Sprintf("llm.goals[%d]", i)
		checkKey(f, path, g.Key, seen)
		checkKind(f, path, g.Kind)
		if strings.TrimSpace(g.About) == "" {
			f.add(path+".about", "a text is needed")
		}
	}
}

func between(f *faults, path string, d, least, most time.Duration) {
	if d < least || d > most {
		f.add(path, "%v is not between %v and %v", d, least, most)
	}
}

// checkKey checks the key of an answer, which must be the only one of its name.
func checkKey(f *faults, path, key string, seen map[string]bool) {
	switch {
	case !answerKey.MatchString(key) || key == Goodbye:
		f.add(path+".key", "%q is no key: use a to z, 0 to 9 and _, and not %q", key, Goodbye)
	case seen[key]:
		f.add(path+".key", "%q is used twice", key)
	}
	seen[key] = true
}

func checkKind(f *faults, path string, k Kind) {
	if !slices.Contains(Kinds, k) {
		f.add(path+".kind", "unknown kind %q, want one of %v", k, Kinds)
	}
}
