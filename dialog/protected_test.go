package dialog

import "testing"

func TestProtects(t *testing.T) {
	s := Settings{Protected: "This call is not legal advice. Ask a lawyer about it.\nPrices may change without notice."}
	for sentence, want := range map[string]bool{
		"This call is not legal advice.":                      true,
		"this CALL is not legal advice":                       true,
		"Ask a lawyer about it!":                              true,
		"Please note: prices may change without notice, too.": true,
		"Prices may change.":                                  true,
		"Prices may fall.":                                    false,
		"Ask a":                                               false,
		"advice. Ask a dentist":                               false,
		"":                                                    false,
	} {
		if got := s.protects(sentence); got != want {
			t.Errorf("%q: got %v, want %v", sentence, got, want)
		}
	}
	if (Settings{}).protects("This call is not legal advice.") {
		t.Error("nothing is protected, and a sentence is")
	}
}

// TestProtectedPassage speaks into a passage of the agent's file: it is played to
// its end, and what was said counts then.
func TestProtectedPassage(t *testing.T) {
	s := plain()
	s.Protected = "This call is not legal advice."
	r := newRig(t, s)
	r.run(`
		0 open
		0 part Hello.
		0 part This call is not legal advice.
		0 part What can I do for you?
		0 done
		500 played 1 500/500!
		1000 played 2 500/2000
		1000 speech
		1400 partial stop
		1600 quiet
		2200 final Stop.
		2500 played 2 2000/2000!
		2520 settled
	`)
	r.check(`
		0 ask 1 opening
		0 say 1.1 Hello.
		0 say 1.2 This call is not legal advice.
		0 say 1.3 What can I do for you?
		2060 finalize
		2200 caller Stop.
		2500 hold
		2500 cancel 1
		2520 drop
		2520 agent 1 [0-2500] Hello. This call is not legal advice. /
		2520 ask 2 said "Stop." | A: Hello. This call is not legal advice.
	`)
}

func TestProtectedOfAnAgent(t *testing.T) {
	const agent = "notice: {parts: [{kind: ai, text: Hi.}, {kind: recording, text: Recorded.}]}\nllm: {prompt: Be kind.}\n"
	a, err := ParseAgent("a", []byte(agent+"protected: [This is not legal advice., Ask a real lawyer.]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if s := a.Settings(); !s.protects("Ask a real lawyer.") || !s.protects("This is not legal advice.") {
		t.Errorf("protected are %q", s.Protected)
	}
	if _, err := ParseAgent("a", []byte(agent+"protected: [Hello there]\n")); err == nil {
		t.Error("two words are a passage")
	}
}
