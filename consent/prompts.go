package consent

import (
	"maps"
	"strings"
)

// Prompt names a sentence about consent that is said beside the message.
type Prompt string

// The prompts: while the question is open, as its answer, and later in the call.
const (
	PromptAgain     Prompt = "again"     // no answer was heard: asks again
	PromptUnclear   Prompt = "unclear"   // the spoken answer was not understood: asks again
	PromptKey       Prompt = "key"       // the same for the second time: asks for a key
	PromptHeardYes  Prompt = "heard_yes" // repeats a spoken yes
	PromptHeardNo   Prompt = "heard_no"  // repeats a spoken no
	PromptRefused   Prompt = "refused"   // nothing is recorded; the conversation goes on
	PromptGoodbye   Prompt = "goodbye"   // nothing is recorded, and the call ends
	PromptTransfer  Prompt = "transfer"  // nothing is recorded, and the caller is handed on
	PromptUnable    Prompt = "unable"    // nothing can be recorded; the conversation goes on
	PromptWithdrawn Prompt = "withdrawn" // nothing more is recorded
	PromptDeleted   Prompt = "deleted"   // nothing more is, and what was has been destroyed
	PromptRequested Prompt = "deletion_requested"
	PromptPaused    Prompt = "paused"
	PromptResumed   Prompt = "resumed"
	PromptMinor     Prompt = "minor"      // the caller is a child: nothing is kept, and the call ends
	PromptUnproved  Prompt = "unprovable" // the ledger fails, so nobody can agree: the call ends
)

// prompts are the words of the prompts in the languages that are built in.
var prompts = map[string]map[Prompt]string{
	"en": {
		PromptAgain:     "I did not get an answer. Do you agree that this call is recorded?",
		PromptUnclear:   "I am sorry, I did not understand that. Please say: yes, I do. Or say: no.",
		PromptKey:       "Please press 1 if you agree to the recording, or 2 if you do not.",
		PromptHeardYes:  "I heard yes. Thank you.",
		PromptHeardNo:   "I heard no. Nothing is recorded.",
		PromptRefused:   "All right. Nothing is recorded.",
		PromptGoodbye:   "All right, nothing is recorded. Without your agreement I can not go on, so I will end the call here. Goodbye.",
		PromptTransfer:  "All right, nothing is recorded. I will connect you with a person.",
		PromptUnable:    "I am sorry, this call can not be recorded at the moment.",
		PromptWithdrawn: "All right. From now on nothing is recorded.",
		PromptDeleted:   "All right. Nothing more is recorded, and what was recorded of this call has been destroyed here.",
		PromptRequested: "All right. Nothing more is recorded, and the deletion of what was recorded has been requested.",
		PromptPaused:    "The recording is paused.",
		PromptResumed:   "The recording goes on.",
		PromptMinor:     "I am sorry, I can not talk with children. Nothing of this call is kept. Please ask a grown-up to call. Goodbye.",
		PromptUnproved:  "I am sorry, this line has a technical problem and can not take your call. Nothing was recorded. Please call again later. Goodbye.",
	},
}

// choices are the words by which callers are asked, in the languages that are
// built in.
var choices = map[string]map[Mode]string{
	"en": {
		NoticeMode:  "If you do not agree, please hang up now.",
		OptOutMode:  "If you do not want to be recorded, press 9 at any time.",
		OptInDTMF:   "Do you agree? Press 1 for yes, or 2 for no.",
		OptInSpeech: "Do you agree? Please say: yes, I do. Or say: no.",
		OptInEither: "Do you agree? Please say: yes, I do. Or press 1. If you do not agree, say no, or press 2.",
	},
}

// Prompts returns the built-in words of all prompts in a language (BCP 47) for
// callers who are asked as mode says; nil for a language that is not built in.
func Prompts(language string, mode Mode) map[Prompt]string {
	words := maps.Clone(prompts[primary(language)])
	if words != nil && !mode.spoken() {
		words[PromptAgain] = words[PromptKey]
	}
	return words
}

// Choice returns the built-in words by which callers are asked as mode says; empty
// for a language that is not built in.
func Choice(language string, mode Mode) string { return choices[primary(language)][mode] }

func primary(language string) string {
	tag, _, _ := strings.Cut(language, "-")
	return strings.ToLower(tag)
}
