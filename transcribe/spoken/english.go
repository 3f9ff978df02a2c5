package spoken

import "strings"

// english returns the lists for English. In a pattern, {name} stands for the
// fragment of that name.
func english() *language {
	words := func(patterns ...string) []string { return fill(englishWords, patterns) }
	return &language{
		contractions: map[string]string{
			"cannot": "can not", "can't": "can not", "won't": "will not", "shan't": "shall not", "ain't": "am not",
			"dont": "do not", "doesnt": "does not", "didnt": "did not", "cant": "can not", "wont": "will not",
			"im": "i am", "youre": "you are", "ive": "i have", "arent": "are not", "isnt": "is not",
			"it's": "it is", "that's": "that is", "there's": "there is", "what's": "what is", "let's": "let us",
			"gonna": "going to", "wanna": "want to", "ok": "okay", "alright": "all right", "anymore": "any more",
		},
		endings: map[string]string{"n't": "not", "'m": "am", "'re": "are", "'ve": "have", "'ll": "will", "'d": "would"},

		hesitations: strings.Fields("um uh er erm hm hmm mm ah oh well"),
		lost: whole(words(
			`(?:sorry |pardon |what )*i (?:do|did|can|could) not (?:know|understand|hear|catch|get)(?: .*)?`,
			`why not`,
		)...),
		negation: anywhere(strings.Fields(
			"no not nope nah never none without stop refuse decline disagree object reject")...),
		agreement: anywhere(strings.Fields(
			"yes yeah yep yup agree consent accept okay sure fine")...),
		reserve: anywhere(strings.Fields(
			"but or if only unless except however though although until first later maybe perhaps depends")...),
		yes: whole(words(
			`{agree}{thanks}`,
			`(?:yes|yeah|yep|yup) (?:{agree}|{affirm}){thanks}`,
			`yes (?:okay|sure|fine|all right|of course|absolutely|definitely|certainly|it is|it is okay){thanks}`,
		)...),

		fillers: strings.Fields(
			"um uh er erm hm hmm mm ah oh well please just really actually hey hello hi sorry okay now then kindly also immediately"),
		conjunctions: strings.Fields("and but so because"),
		numbers:      whole(words(`a`, `\d+`, `{years}`)...),
		phrases: []phrase{
			{Minor, whole(words(englishMinor...)...)},
			{DeleteRecording, whole(words(englishDelete...)...)},
			{StopRecording, whole(words(englishStop...)...)},
			{Machine, whole(words(englishMachine...)...)},
		},
	}
}

// englishMinor is an age below 18, or being a child, said of oneself. A bare
// number counts from five on: who is "one" or "two" is something else.
var englishMinor = []string{
	`{hedge}(?:i am|i will be|i turn|i am turning|my age is) {barely}{age}(?: and a half)?`,
	`{hedge}(?:i am|i will be|i turn|i am turning) {barely}{years}(?: and a half)? years?(?: old| of age| young)`,
	`{hedge}{barely}{age}(?: and a half)? years?(?: old| of age| young)`,
	`{hedge}i am (?:only )?an? {years} years? old(?: girl| boy| kid| child| student)?`,
	`{hedge}i am {barely}(?:an? |the )?(?:(?:little |small |young |school )*(?:child|kid|minor)|(?:little |small |young )+(?:boy|girl)|school ?boy|school ?girl)`,
	`{hedge}i am (?:not (?:even |yet )*|under |below |younger than |less than )(?:the age of )?(?:18|eighteen)(?: years old| years of age| yet)?`,
	`{hedge}i am (?:under ?age|under the age|not (?:yet )?(?:an adult|of age|of legal age|a grown ?up)(?: yet)?)`,
}

// englishDelete asks to destroy what was recorded.
var englishDelete = []string{
	`{ask}{destroy} {the}(?:call |phone |voice |audio |sound )?{records}{recorded}`,
	`{ask}{destroy} (?:the |this |that |my |our )(?:whole |entire )?(?:{call}|audio|voice|voice data|data|personal data)`,
	`{ask}{destroy} {all}(?: (?:that )?(?:you|i|we|was|has been|is|have been) (?:have |had |has |got )*(?:recorded|saved|stored|kept|taped|collected|heard|got|have|said))?(?: (?:of|from|about|on) (?:me|us))?(?: so far)?`,
	`{ask}{destroy} {all} (?:you )?have (?:of|from|about|on) (?:me|us)`,
	`{hedge}(?:i want|i need|i would like|can i have|could i have|can i get|have|get) (?:the|this|that|my|our|all|any)(?: call)? (?:{records}|call|conversation|data)(?: to be)? (?:{destroyed}|gone)`,
	`{hedge}(?:can|could|will|must|should) (?:the|this|that|my|our)(?: call)? (?:{records}|call|conversation) be {destroyed}`,
	`{ask}(?:stop|end) (?:the )?{records}(?: {object})? and {destroy} (?:it|that|this|the rest|all of it|everything)`,
	`{ask}do not (?:keep|save|store|retain) (?:{the}{records}{recorded}|(?:what|anything|whatever) you (?:have )?(?:recorded|taped))`,
}

// englishStop refuses or takes back the recording.
var englishStop = []string{
	`{ask}(?:stop|quit|cease|end|halt|pause|suspend|discontinue|cancel|finish)(?: with)? (?:the |this |that |your |all )?(?:recording|taping)(?: (?:of )?{object})?{since}`,
	`{ask}(?:stop|end|halt|pause|suspend|cancel|turn off|shut off|switch off|disable|deactivate|kill|cut|(?:turn|take) me off) {the}(?:call |voice |audio |sound )?(?:{records}|recorder|tape recorder){since}`,
	`{ask}(?:turn|switch|shut) {the}(?:call |voice |audio )?(?:{records}|recorder) off{since}`,
	`{ask}(?:do not|never|not|you (?:may|must|can|should) not|you are not (?:allowed|permitted) to)(?: ever)? {record}(?: {object})?{since}`,
	`{ask}not be (?:recorded|recording|taped)(?: {object})?{since}`,
	`{ask}not recording(?: {object})?{since}`,
	`{hedge}you do not have (?:my |the )?(?:consent|permission|agreement)(?: (?:to|for) .*record.*)?`,
	`{hedge}i do not give (?:you )?(?:my |any )?(?:consent|permission)(?: (?:to|for) .*record.*)?`,
	`{hedge}{unwilling} to (?:be|being|get|getting) (?:recorded|taped){since}`,
	`{hedge}{unwilling} (?:it|this|that|me|us|anything|my voice|(?:the|this|my|our|that) (?:call|phone call|conversation))(?: to be| being)? (?:recorded|taped){since}`,
	`{hedge}{unwilling} (?:you|anyone|anybody|them|someone)(?: to record| recording| to tape| taping)(?: {object})?{since}`,
	`{hedge}{unwilling} (?:to )?(?:{the}|a )(?:call )?{records}(?: of {object})?{since}`,
	`{hedge}i would (?:rather|prefer) (?:not (?:to )?be|you (?:did|do|would) not|it (?:was|were) not|this (?:was|were) not|this (?:call|conversation) (?:was|were|is) not) (?:recorded|record|taped|tape)(?: {object})?{since}`,
	`{hedge}i (?:would )?prefer not to be (?:recorded|taped){since}`,
	`{hedge}i (?:am|feel|would be) not (?:comfortable|happy|fine|cool|all right|at ease|with)(?: with)?(?: me| us| this| this call| my voice| you)? (?:being |getting )?(?:recorded|taped|recording|taping)(?: {object})?{since}`,
	`{hedge}i do not feel (?:comfortable|happy|good)(?: about| with)?(?: me| us| this| this call| my voice| you)? (?:being |getting )?(?:recorded|taped|recording|taping)(?: {object})?{since}`,
	`{hedge}i (?:am|feel) not (?:comfortable |happy |fine )?with {the}(?:call )?{records}{since}`,
	`{hedge}(?:i (?:want to |would like to )?)?opt(?:ing)? out(?: (?:of|from) (?:{the}{records}|being recorded))?{since}`,
	`{hedge}(?:can|could|may) (?:i|we|this|this call) (?:do this |talk |speak |go on |continue )?(?:without (?:being |getting )?(?:recorded|{the}{records}|a {records})|not (?:be|get) recorded){since}`,
	`{hedge}i (?:refuse|decline) (?:to be (?:recorded|taped)|{the}(?:call )?{records}){since}`,
	`{hedge}i (?:object|am opposed|say no) to (?:being (?:recorded|taped)|{the}(?:call )?{records}){since}`,
	`{hedge}i (?:want to |would like to |hereby )?(?:withdraw|revoke|take back|retract|cancel) my (?:consent|permission|agreement)(?: (?:to|for) .*record.*)?{since}`,
	`{hedge}i (?:have )?changed my mind about {the}(?:records?|{records}|being recorded){since}`,
	`{hedge}(?:no(?: more)?|without(?: a| any| the)?) (?:call |voice )?{records}(?: of {object})?{since}`,
	`{hedge}(?:i want|i need|i would like) {the}(?:call )?{records}(?: to be)? (?:stopped|off|turned off|switched off|ended|paused){since}`,
}

// englishMachine asks whether it is a machine that speaks, or a person.
var englishMachine = []string{
	`{wonder}(?:are (?:not )?you|is (?:not )?(?:this|that|it)|am i (?:talking|speaking|chatting)(?: to| with)?|do i (?:talk|speak) (?:to|with)|are we (?:talking|speaking) (?:to|with)|have i reached|did i reach)(?: not)?(?: only)? {machine}{alternative}`,
	`{wonder}(?:are|is) (?:not )?(?:you|this|it) (?:even )?(?:human|real|artificial|automated|ai|a i|computer generated|synthetic){alternative}`,
	`{hedge}(?:you are|this is|i am (?:talking|speaking) (?:to|with)) {machine} (?:right|correct|yes|no|are not you|are you not|is not it|is it not|am not i|am i not)`,
	`{hedge}(?:tell me|i want to know|i would like to know|i wonder|i was wondering|can you tell me|could you tell me|may i ask|can i ask) (?:if |whether )?(?:you are|this is|i am (?:talking|speaking) (?:to|with)) {machine}{alternative}`,
	`{hedge}is there (?:a |an )?(?:real |actual |live )*(?:person|human|human being) (?:there|on the line|on this call|at the other end|on the other end)`,
}

// englishWords are fragments of patterns. Those that may match nothing take the
// space beside them along.
var englishWords = map[string]string{
	// Answers. "I do agree" and "you can record" are left out: they are too like
	// "I don't agree" and "you can't record". So is a bare "yes": see views.
	"agree": `(?:i (?:agree|consent|accept)(?: to (?:this|that|it|{being}))?|i agreed to {being}|i am (?:fine|okay|happy) with {being}` +
		`|(?:you have|i give|i give you) my (?:consent|permission))`,
	"being":  `(?:recording|(?:the|this) recording|be recorded|being recorded|be recording)`,
	"affirm": `(?:i do|please|please do|go ahead|you may|thank you|thanks|(?:that|it|this) is (?:fine|okay|all right)(?: with me| by me)?|i am (?:fine|okay|happy) with (?:this|that|it))`,
	"thanks": `(?: please| thank you| thanks| of course| go ahead)*`,

	// Before what a caller wants.
	"hedge": `(?:(?:no|yes|yeah|and|but|so|because|or|these|wait|stop|look|listen|hold on|excuse me|i said|i say|i mean|i think|i am afraid|to be honest|again) )*`,
	"ask": `{hedge}(?:(?:i|we) (?:want|need|would like|wish)(?: you)? to |i (?:told|asked|am asking|am telling|ask|order|urge|beg) you to |i would (?:prefer|like) (?:it )?(?:if )?you to |` +
		`you (?:should|must|need to|have to|had better|better|can|could) |(?:can|could|would|will|may|shall) (?:you|we|i) |(?:would|do) you mind |is it possible (?:for you )?to |let us |i demand (?:that )?you |make sure (?:to |you |that you )|be sure to |go ahead and |try to |i must ask you to )?{hedge}`,
	"unwilling": `i (?:do not|no longer|would not|will not|did not|never) (?:want|wish|like|need|agree|consent|approve of|accept)(?: to)?(?: have| having)?`,
	"since":     `(?: (?:for me|for us|at once|right away|straight away|at all|any more|any longer|today|here|thanks|thank you|all right|either|again|right|(?:because|since|as|until|while|before) .*))*`,
	"the":       `(?:(?:the|this|that|your|my|our|any|all|every|these|those|of|whole|entire) )*`,
	"all":       `(?:what|everything|anything|whatever|all(?: of it| of that)?)`,
	"records":   `(?:recordings?|tapes?|taping)`,
	"recorded":  `(?: (?:of|from|about) (?:me|us|my voice|our call|this call|the call|my call|this conversation|our conversation|your (?:system|systems|server|servers|files|records|computer)))*(?: (?:that )?you (?:have )?(?:made|kept|saved|stored|took))?(?: so far)?`,
	"destroy":   `(?:delete|deleting|erase|erasing|destroy|destroying|remove|wipe|discard|trash|get rid of|throw away|throw out|scrap)`,
	"destroyed": `(?:deleted|erased|destroyed|removed|wiped|discarded)`,
	"object": `(?:me|us|it|that|this(?: \w+)?|anything|everything|(?:the|my|our|that|your) (?:call|phone call|conversation|voice|audio|talk|chat|session|interview|answers|words|name|number|details|card|card number)` +
		`|(?:what|anything|everything) (?:that )?(?:i|we) (?:say|am saying|are saying|said)|any of (?:this|it))`,

	"call":   `(?:call|phone call|conversation|qual|col)`,               // the last two as recognition hears it,
	"record": `(?:record|tape|rack (?:at|on|her)|wreck (?:her|our|on))`, // and so "record me"

	// Ages.
	"barely": `(?:(?:only|still|almost|nearly|barely|about) )*`,
	"age":    `(?:[5-9]|1[0-7]|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen)`,
	"years":  `(?:[1-4]|one|two|three|four|{age})`,

	// Machines and people.
	"wonder": `{hedge}(?:(?:tell me|can you tell me|could you tell me|may i ask|can i ask|i want to know|i have to ask|question|what|who is this|who am i talking to|who are you) )?`,
	"machine": `(?:an? |the |some |another )?(?:(?:real|actual|live|human|talking|automated|artificial|virtual|digital|ai) )*` +
		`(?:machines?|robots?|bots?|computers?|chat ?bots?|voice ?bots?|persons?|people|humans?|human beings?|(?:computer )?programs?|(?:automated|automatic|computer|voice) systems?|recording|answering machine|ai|a i|artificial intelligence|robo ?call(?:er)?` +
		`|(?:real|actual|live|human|automated|artificial|virtual|digital|ai) (?:man|woman|agent|operator|assistant|voice|someone|somebody))`,
	"alternative": `(?: (?:or|right|there|here|please|by the way) ?.*)?`,
}

// fill puts the fragments into patterns.
func fill(fragments map[string]string, patterns []string) []string {
	filled := make([]string, len(patterns))
	for i, p := range patterns {
		for strings.Contains(p, "{") {
			before, rest, _ := strings.Cut(p, "{")
			name, after, _ := strings.Cut(rest, "}")
			fragment, ok := fragments[name]
			if !ok {
				panic("spoken: internal error: no fragment is called " + name)
			}
			p = before + fragment + after
		}
		filled[i] = p
	}
	return filled
}
