package dialog

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"sidetone/consent"
)

// Notice is what every caller hears first, what it asks of them, and what follows
// from their answer.
type Notice struct {
	Mode  consent.Mode  `yaml:"mode"`
	Wait  time.Duration `yaml:"wait"` // time to hang up or press the key after the last part
	Parts []NoticePart  `yaml:"parts"`

	Prompts   map[consent.Prompt]string `yaml:"prompts"` // own words for what the gateway says about consent
	Languages []Language                `yaml:"languages"`

	Minors    bool     `yaml:"minors"`     // callers may be children: nothing is ever kept
	Overlays  []string `yaml:"overlays"`   // of the policy, that hold for this agent, too
	WholeCall bool     `yaml:"whole_call"` // a caller who withdraws may have all of the call destroyed
	Beep      bool     `yaml:"beep"`       // a tone now and then while the call is recorded

	OnRefusal OnRefusal `yaml:"on_refusal"`
	Transfer  string    `yaml:"transfer"` // HandOn: the number
}

// NoticePart is one part of the notice: a text to be rendered once, or a
// recorded file together with the text of what it says.
type NoticePart struct {
	Kind consent.PartKind `yaml:"kind"`
	Mode consent.Mode     `yaml:"mode"` // choice: for callers who are asked like this; empty for the agent's own mode
	Text string           `yaml:"text"`
	File string           `yaml:"file"` // MP3 or WAV; LoadAgents takes it relative to the agent's file
	Web  string           `yaml:"web"`  // text instead of the two above for callers with a screen
}

// Language is one of the choices that callers have before the notice: the agent
// that goes on with them.
type Language struct {
	Key   string `yaml:"key"`   // 0 to 9
	Agent string `yaml:"agent"` // the name of its file; empty for this agent
	Text  string `yaml:"text"`  // spoken by that agent's voice
}

// OnRefusal says what becomes of callers with whom the conversation may not go on
// unrecorded. But for GoOn, it is not to go on then either where it may.
type OnRefusal string

// What may become of them.
const (
	GoOn       OnRefusal = "continue" // a goodbye, but only where going on is not allowed
	HandOn     OnRefusal = "transfer" // they are connected to Notice.Transfer
	SayGoodbye OnRefusal = "goodbye"
)

var (
	noticeEnding = []string{".mp3", ".wav"}
	overlayName  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	languageKey  = regexp.MustCompile(`^[0-9]$`)
	refusals     = []OnRefusal{GoOn, HandOn, SayGoodbye}
	// promptNames are the names of all prompts.
	promptNames = slices.Sorted(maps.Keys(consent.Prompts("en", consent.NoticeMode)))
	// askingPrompts are what an agent needs to ask callers before anything is kept.
	askingPrompts = []consent.Prompt{
		consent.PromptAgain, consent.PromptUnclear, consent.PromptKey, consent.PromptHeardYes, consent.PromptHeardNo, consent.PromptRefused,
	}
)

func (n *Notice) validate(f *faults) {
	if _, _, err := consent.ParseMode(string(n.Mode)); err != nil {
		f.add("notice.mode", "%v", err)
	}
	between(f, "notice.wait", n.Wait, 500*time.Millisecond, 10*time.Second)
	if len(n.Parts) == 0 {
		f.add("notice.parts", "a caller must be told what answers: at least one part is needed")
	}
	kinds := map[consent.PartKind]bool{}
	for i, p := range n.Parts {
		kinds[p.Kind] = true
		p.validate(f, fmt.Sprintf("notice.parts[%d]", i))
	}
	if len(n.Parts) > 0 && n.Mode != consent.NoRecord && !kinds[consent.PartRecording] {
		f.add("notice.parts", "mode %s records, so a part of kind %s must say so", n.Mode, consent.PartRecording)
	}
	n.checkChoices(f)
	for name := range n.Prompts {
		if !slices.Contains(promptNames, name) {
			f.add("notice.prompts", "unknown prompt %q, want one of %v", name, promptNames)
		}
	}
	for i, name := range n.Overlays {
		path := fmt.Sprintf("notice.overlays[%d]", i)
		if !overlayName.MatchString(name) {
			f.add(path, "%q is no name of an overlay, such as pci", name)
		}
		if slices.Contains(n.Overlays[:i], name) {
			f.add(path, "%q is named twice", name)
		}
	}
	n.checkRefusal(f)
	n.checkLanguages(f)
}

func (p *NoticePart) validate(f *faults, path string) {
	if !slices.Contains(consent.PartKinds, p.Kind) {
		f.add(path+".kind", "unknown kind %q, want one of %v", p.Kind, consent.PartKinds)
	}
	if strings.TrimSpace(p.Text) == "" {
		f.add(path+".text", "a text is needed, also of a file: it is what the transcript shows")
	}
	if p.File != "" && !slices.Contains(noticeEnding, strings.ToLower(filepath.Ext(p.File))) {
		f.add(path+".file", "%q is neither .mp3 nor .wav", p.File)
	}
	if p.Mode == "" {
		return
	}
	if p.Kind != consent.PartChoice {
		f.add(path+".mode", "only a part of kind %s has one", consent.PartChoice)
	}
	if _, _, err := consent.ParseMode(string(p.Mode)); err != nil {
		f.add(path+".mode", "%v", err)
	}
	if p.Mode == consent.NoRecord {
		f.add(path+".mode", "in mode %s nothing is asked", consent.NoRecord)
	}
}

// checkChoices checks the parts by which callers are asked. A caller hears one of
// them, at the place where all of them stand.
func (n *Notice) checkChoices(f *faults) {
	last, seen := -1, map[consent.Mode]bool{}
	for i, p := range n.Parts {
		if p.Kind != consent.PartChoice {
			continue
		}
		path, mode := fmt.Sprintf("notice.parts[%d]", i), p.Mode
		if mode == "" {
			mode = n.Mode
		} else if n.Mode == consent.NoRecord {
			f.add(path+".mode", "callers of an agent in mode %s are never asked", n.Mode)
		}
		if seen[mode] {
			f.add(path+".mode", "there is a part of kind %s for mode %s already", consent.PartChoice, mode)
		}
		seen[mode] = true
		if last >= 0 && last < i-1 {
			f.add(path, "all parts of kind %s must stand together", consent.PartChoice)
		}
		last = i
	}
}

func (n *Notice) checkRefusal(f *faults) {
	if !slices.Contains(refusals, n.OnRefusal) {
		f.add("notice.on_refusal", "%q is none of %v", n.OnRefusal, refusals)
	}
	if n.OnRefusal == HandOn && n.Transfer == "" {
		f.add("notice.transfer", "a number is needed for on_refusal: %s", HandOn)
	}
	if n.OnRefusal != HandOn && n.Transfer != "" {
		f.add("notice.transfer", "only for on_refusal: %s", HandOn)
	}
	if n.Transfer != "" && !transferTarget.MatchString(n.Transfer) {
		f.add("notice.transfer", "%q is no number such as +14155550100, nor a sip: address", n.Transfer)
	}
}

func (n *Notice) checkLanguages(f *faults) {
	if len(n.Languages) == 1 {
		f.add("notice.languages", "a choice needs at least two")
	}
	seen := map[string]bool{}
	for i, l := range n.Languages {
		path := fmt.Sprintf("notice.languages[%d]", i)
		if !languageKey.MatchString(l.Key) {
			f.add(path+".key", "%q is no key from 0 to 9", l.Key)
		}
		if seen[l.Key] {
			f.add(path+".key", "%q is used twice", l.Key)
		}
		seen[l.Key] = true
		if l.Agent != "" && !agentName.MatchString(l.Agent) {
			f.add(path+".agent", "%q is no name of an agent", l.Agent)
		}
		if strings.TrimSpace(l.Text) == "" {
			f.add(path+".text", "a text is needed")
		}
	}
}

// checkWords checks that an agent that asks its callers before anything is kept
// has the words for it, where its language has none built in.
func (a *Agent) checkWords(f *faults) {
	n := &a.Notice
	_, policy, err := consent.ParseMode(string(n.Mode))
	if err != nil || policy.Record.Level != consent.OptIn || consent.Prompts(a.Language, n.Mode) != nil {
		return
	}
	asks := func(p NoticePart) bool {
		return p.Kind == consent.PartChoice && (p.Mode == "" || p.Mode == n.Mode)
	}
	if !slices.ContainsFunc(n.Parts, asks) {
		f.add("notice.parts", "mode %s asks, and %q has no built-in words: a part of kind %s is needed", n.Mode, a.Language, consent.PartChoice)
	}
	var missing []string
	for _, name := range askingPrompts {
		if strings.TrimSpace(n.Prompts[name]) == "" {
			missing = append(missing, string(name))
		}
	}
	if len(missing) > 0 {
		f.add("notice.prompts", "mode %s asks, and %q has no built-in words: needed are %s", n.Mode, a.Language, strings.Join(missing, ", "))
	}
}
