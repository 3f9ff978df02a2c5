package app

import (
	"maps"
	"slices"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/telephony"
)

// webChoice is the choice for callers with a screen, where an agent has none of
// its own.
const webChoice = "Please choose below whether you agree."

// sourcesOf returns what an agent tells callers of a kind before anything else,
// where they are asked as mode says. It reports false where the agent has no words
// for that.
func sourcesOf(file *dialog.Agent, k telephony.Kind, mode consent.Mode) (sources []consent.PartSource, ok bool) {
	asked := false
	for _, p := range file.Notice.Parts {
		s := consent.PartSource{Kind: p.Kind, Text: p.Text, File: p.File}
		if k == telephony.Web && p.Web != "" {
			s.Text, s.File = p.Web, ""
		}
		switch {
		case mode == consent.NoRecord && file.Notice.Mode != mode && (p.Kind == consent.PartRecording || p.Kind == consent.PartChoice):
			continue // nothing is recorded and nothing is asked
		case p.Kind == consent.PartChoice && !asked && mode != consent.NoRecord:
			asked = true
			s, ok := choiceOf(file, k, mode)
			if !ok {
				return nil, false
			}
			sources = append(sources, s)
		case p.Kind == consent.PartChoice && mode != consent.NoRecord:
		default:
			sources = append(sources, s)
		}
	}
	if asked || mode == consent.NoRecord {
		return sources, true
	}
	s, ok := choiceOf(file, k, mode)
	if !ok {
		return sources, mode == file.Notice.Mode && mode == consent.NoticeMode // going on needs no words
	}
	return append(sources, s), true
}

// choiceOf returns the words by which callers are asked: the agent's own, else the
// built-in ones of its language.
func choiceOf(file *dialog.Agent, k telephony.Kind, mode consent.Mode) (consent.PartSource, bool) {
	built := consent.Choice(file.Language, mode)
	if k == telephony.Web && built != "" {
		built = webChoice
	}
	for _, p := range file.Notice.Parts {
		if p.Kind != consent.PartChoice {
			continue
		}
		switch own := p.Mode == mode || p.Mode == "" && file.Notice.Mode == mode; {
		case k == telephony.Web && p.Web != "":
			return consent.PartSource{Kind: p.Kind, Text: p.Web}, true
		case own && k == telephony.Phone:
			return consent.PartSource{Kind: p.Kind, Text: p.Text, File: p.File}, true
		}
	}
	return consent.PartSource{Kind: consent.PartChoice, Text: built}, built != ""
}

// promptsOf returns the words of an agent's prompts.
func promptsOf(file *dialog.Agent, mode consent.Mode) map[consent.Prompt]string {
	words := consent.Prompts(file.Language, mode)
	if words == nil {
		words = map[consent.Prompt]string{}
	}
	maps.Copy(words, file.Notice.Prompts)
	maps.DeleteFunc(words, func(_ consent.Prompt, text string) bool { return text == "" })
	return words
}

// question is what the policy is asked about a call of this agent's.
func (a *agent) question(i telephony.Info, floor consent.Mode) consent.Case {
	overlays := slices.Clone(a.Notice.Overlays)
	if a.Notice.Minors {
		overlays = append(overlays, "minor")
	}
	return consent.Case{Caller: i.From, Callee: i.To, Web: i.Kind == telephony.Web, Outbound: i.Direction == telephony.Outbound,
		Agent: a.Notice.Mode, Floor: floor, Overlays: overlays, WholeCall: a.Notice.WholeCall}
}

// hasWords reports whether the agent can ask callers of every kind as mode says.
func (a *agent) hasWords(mode consent.Mode) bool {
	for _, byMode := range a.messages {
		if _, ok := byMode[mode]; !ok {
			return false
		}
	}
	return true
}

// leavesUnrecorded reports whether the agent goes on with nobody who is not
// recorded.
func (a *agent) leavesUnrecorded(k telephony.Kind) bool {
	return a.Notice.OnRefusal != dialog.GoOn || k == telephony.Web && !a.Web.Unrecorded
}

// handOn returns the number that callers are connected to with whom the
// conversation can not go on; empty for none.
func (a *agent) handOn(k telephony.Kind) string {
	if a.Notice.OnRefusal != dialog.HandOn || k == telephony.Web {
		return ""
	}
	return a.Notice.Transfer
}
