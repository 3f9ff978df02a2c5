package script

import (
	"slices"
	"strings"
)

// command is something that the caller asks for instead of answering.
type command uint8

const (
	none command = iota
	repeatIt
	skipIt
	dontKnow
	leave
	whatAreYou
)

// commands are what callers say for them.
var commands = map[command][]string{
	repeatIt: {
		"repeat", "repeat that", "repeat the question", "again", "once more", "one more time", "say again", "say that again",
		"say it again", "come again", "pardon", "pardon me", "excuse me", "what", "what was that", "what did you say", "what was the question",
		"i didn't hear", "i didn't hear you", "i didn't hear that", "i did not hear that", "i didn't catch that", "i didn't get that", "i missed that",
		"could you repeat that", "can you repeat that", "could you say that again", "can you say that again", "can you repeat the question",
		"could you repeat the question", "i didn't understand", "i don't understand", "i did not understand", "i do not understand",
	},
	skipIt: {
		"skip", "skip it", "skip that", "skip this", "skip this one", "skip that one", "skip the question", "skip this question", "pass",
		"next", "next question", "no comment", "i'd rather not say", "i would rather not say", "rather not say", "i prefer not to say", "prefer not to say",
		"i'd rather not", "i don't want to say", "i don't want to answer", "i don't want to answer that", "i don't have one", "i do not have one", "don't have one",
		"move on", "let's move on",
	},
	dontKnow: {
		"i don't know", "i do not know", "don't know", "dunno", "i dunno", "no idea", "i have no idea", "not sure", "i'm not sure", "i am not sure",
		"i can't remember", "i don't remember", "i do not remember", "i forgot", "hard to say", "i couldn't say",
	},
	leave: {
		"goodbye", "good bye", "bye", "bye bye", "hang up", "end the call", "i want to stop", "i have to go", "i need to go", "i've got to go",
		"stop the call", "please stop", "stop the interview", "let's stop", "let's stop here",
	},
	whatAreYou: {
		"are you a robot", "are you a machine", "are you a computer", "are you human", "are you a human", "are you real", "are you a real person",
		"are you a person", "are you an ai", "is this an ai", "is this a robot", "is this a machine", "is this a recording", "is this a real person",
		"am i talking to a robot", "am i talking to a machine", "am i talking to a person", "am i talking to a human", "am i talking to a real person",
		"am i speaking to a person", "am i speaking to a human", "am i speaking to a robot", "am i speaking to a machine", "who are you", "what are you",
	},
}

// fillers are words around a command that change nothing.
var fillers = []string{
	"please", "um", "uh", "er", "erm", "hm", "hmm", "well", "oh", "ah", "sorry", "okay", "ok", "just", "then", "actually", "hello", "hi", "hey", "so", "and", "but",
	"thanks", "thank", "you", "no", "yes", "yeah", "i'm", "sir", "madam", "wait",
}

// shortUtterance is how many words may stand around a command.
const shortUtterance = 8

// commandIn returns the command that an utterance is as a whole, but for the
// fillers around it.
func commandIn(text string) command {
	for words := wordsOf(text); len(words) > 0; words = words[1:] {
		for n := len(words); n > 0; n-- {
			if c := exactly(words[:n]); c != none {
				return c
			}
			if !slices.Contains(fillers, words[n-1]) {
				break
			}
		}
		if !slices.Contains(fillers, words[0]) {
			break
		}
	}
	return none
}

// commandWithin returns the command that a short utterance holds, by a phrase
// of more than one word.
func commandWithin(text string) command {
	words := wordsOf(text)
	if len(words) > shortUtterance {
		return none
	}
	for c := repeatIt; c <= whatAreYou; c++ {
		for _, phrase := range commands[c] {
			if p := strings.Fields(phrase); len(p) > 1 && contains(words, p) {
				return c
			}
		}
	}
	return none
}

func exactly(words []string) command {
	said := strings.Join(words, " ")
	for c, phrases := range commands {
		if slices.Contains(phrases, said) {
			return c
		}
	}
	return none
}
