package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sidetone/consent"
	"sidetone/consent/gatetest"
	"sidetone/dialog"
)

// step is what the fake chat does next.
type step struct {
	wait      time.Duration
	text      string
	call      *Call
	usage     *Usage
	truncated bool
	err       error
}

// fake is a Chat that plays one script a request and honours its context.
type fake struct {
	answers  [][]step
	requests []Request
}

func (f *fake) Stream(ctx context.Context, r Request) iter.Seq2[Delta, error] {
	return func(yield func(Delta, error) bool) {
		f.requests = append(f.requests, r)
		if len(f.requests) > len(f.answers) {
			yield(Delta{}, errors.New("asked too often"))
			return
		}
		for _, s := range f.answers[len(f.requests)-1] {
			select {
			case <-time.After(s.wait):
			case <-ctx.Done():
				yield(Delta{}, ctx.Err())
				return
			}
			if s.err != nil {
				yield(Delta{}, s.err)
				return
			}
			if !yield(Delta{Text: s.text, Call: s.call, Usage: s.usage, Truncated: s.truncated}, nil) {
				return
			}
		}
	}
}

func says(text string) []step {
	var out []step
	for _, word := range strings.SplitAfter(text, " ") {
		out = append(out, step{text: word, wait: 10 * time.Millisecond})
	}
	return out
}

func calling(name, arguments string) step {
	return step{call: &Call{ID: "c-" + name, Name: name, Arguments: json.RawMessage(arguments)}}
}

func heard(t testing.TB, words string) consent.Heard {
	t.Helper()
	h, ok := gatetest.Open().Heard(0, 960, words)
	if !ok {
		t.Fatal("the gate is shut")
	}
	return h
}

var support = &dialog.Agent{
	Language: "en",
	LLM: &dialog.LLM{
		Prompt: "You answer for a bakery.",
		Goals: []dialog.Goal{
			{Key: "name", Kind: dialog.KindText, About: "the caller's name"},
			{Key: "count", Kind: dialog.KindNumber, About: "how many"},
			{Key: "again", Kind: dialog.KindYesNo, About: "called before"},
		},
	},
}

// alone returns engines of one chat.
func alone(c Chat, m *Metrics) *Engines {
	return NewEngines(EnginesOptions{Metrics: m}, Engine{Name: "test", Chat: c})
}

func replier(f *fake) *Replier {
	return New(Options{Engines: alone(f, NewMetrics(prometheus.NewPedanticRegistry())), Agent: support, Transfers: map[string]dialog.Transfer{"baker": {To: "+15550100"}}})
}

// collect returns what a reply yields.
func collect(ctx context.Context, r *Replier, in dialog.Input) (parts []dialog.Part, err error) {
	for part, failed := range r.Reply(ctx, in) {
		if failed != nil {
			return parts, failed
		}
		parts = append(parts, part)
	}
	return parts, nil
}

func sentences(parts []dialog.Part) []string {
	var out []string
	for _, p := range parts {
		if p.Sentence != "" {
			out = append(out, p.Sentence)
		}
	}
	return out
}

func TestReply(t *testing.T) {
	whole := "Sure, **Anna**! We open at 7 a.m. on Monday. Anything else?"
	for name, c := range map[string]struct {
		answers [][]step
		want    []string
		end     bool
		number  string
		err     error
	}{
		"sentences":           {[][]step{says(whole)}, []string{"Sure, Anna!", "We open at 7 a.m. on Monday.", "Anything else?"}, false, "", nil},
		"no mark at the end":  {[][]step{says("Yes we do")}, []string{"Yes we do"}, false, "", nil},
		"thoughts are hidden": {[][]step{says("<think>The caller is rude. Hm. </think> Good day. <tool_call>{\"a\": 1}</tool_call>")}, []string{"Good day."}, false, "", nil},
		"garbage":             {[][]step{says("\xff\x00 *** \n\n ``` 😀 … Hi.\n\n- - -")}, []string{"Hi."}, false, "", nil},
		"nothing":             {[][]step{says(" 😀 ")}, nil, false, "", ErrEmpty},
		"end":                 {[][]step{append(says("Bye now."), calling("end_call", "{}"))}, []string{"Bye now."}, true, "", nil},
		"end before words":    {[][]step{append([]step{calling("end_call", "")}, says("Bye.")...)}, []string{"Bye."}, true, "", nil},
		"end without a word":  {[][]step{{calling("end_call", "not json")}}, []string{"Goodbye."}, true, "", nil},
		"transfer":            {[][]step{append(says("Sure."), calling("transfer", `{"to":"baker"}`))}, []string{"Sure."}, true, "+15550100", nil},
		"transfer, wordless":  {[][]step{{calling("transfer", `{"to":"baker"}`)}}, []string{"One moment, I will connect you."}, true, "+15550100", nil},
		"transfer elsewhere":  {[][]step{append(says("Sure."), calling("transfer", `{"to":"+19005550100"}`))}, []string{"Sure."}, false, "", nil},
		"unknown tool":        {[][]step{append(says("Ok."), calling("rm", `{}`))}, []string{"Ok."}, false, "", nil},
		"tools, then words":   {[][]step{{calling("rm", `{}`)}, says("Sorry.")}, []string{"Sorry."}, false, "", nil},
		"tools for ever":      {[][]step{{calling("rm", `{}`)}, {calling("rm", `{}`)}, {calling("rm", `{}`)}}, nil, false, "", ErrEmpty},
		"cut":                 {[][]step{append(says("One. Two. Thr"), step{err: ErrCut})}, []string{"One.", "Two."}, false, "", ErrCut},
		"truncated":           {[][]step{append(says("One. Two and"), step{truncated: true})}, []string{"One."}, false, "", nil},
		"truncated at once":   {[][]step{append(says("One and"), step{truncated: true})}, []string{"One and"}, false, "", nil},
		"too many sentences":  {[][]step{says(strings.Repeat("Ha. ", 100))}, slices.Repeat([]string{"Ha."}, 8), false, "", nil},
		"retried": {
			[][]step{{{err: &VendorError{Status: 503, Retryable: true, Err: ErrCut}}}, says("Here.")},
			[]string{"Here."}, false, "", nil,
		},
		"refused": {[][]step{{{err: &VendorError{Status: 401, Err: errUnknown}}}}, nil, false, "", errUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{answers: c.answers}
				parts, err := collect(t.Context(), replier(f), dialog.Input{Kind: dialog.Said, Said: heard(t, "Hello?")})
				if !errors.Is(err, c.err) {
					t.Errorf("ended with %v, want %v", err, c.err)
				}
				if got := sentences(parts); !slices.Equal(got, c.want) {
					t.Errorf("said %q, want %q", got, c.want)
				}
				end := len(parts) > 0 && parts[len(parts)-1].End
				if end != c.end || end && parts[len(parts)-1].Transfer != c.number {
					t.Errorf("parts %+v", parts)
				}
				if len(f.requests) != len(c.answers) {
					t.Errorf("asked %d times, want %d", len(f.requests), len(c.answers))
				}
			})
		})
	}
}

// TestFirstToken checks that the first sentence tells when the model began to make it, a
// tool included, and that an engine that was lost before it said anything does not count.
func TestFirstToken(t *testing.T) {
	late := []step{{text: "Good ", wait: 300 * time.Millisecond}, {text: "day. ", wait: 40 * time.Millisecond}, {text: "Well?", wait: time.Second}}
	for name, c := range map[string]struct {
		answers [][]step
		want    time.Duration
	}{
		"words":       {[][]step{late}, 40 * time.Millisecond},
		"a tool":      {[][]step{{calling("rm", "{}")}, late}, 340 * time.Millisecond},
		"another one": {[][]step{{{text: "So ", wait: time.Second}, {err: ErrCut}}, late}, 40 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{answers: c.answers}
			r := New(Options{Engines: NewEngines(EnginesOptions{}, Engine{Chat: f}, Engine{Chat: f}), Agent: support})
			parts, err := collect(t.Context(), r, dialog.Input{Kind: dialog.Said, Said: heard(t, "Hello?")})
			if err != nil || len(parts) != 2 || parts[0].Token != c.want || parts[1].Token != 0 {
				t.Errorf("%s: %+v, %v; want %v", name, parts, err, c.want)
			}
		})
	}
}

// TestHandingOver checks to whom the model may hand a call over, and that it may
// not try again.
func TestHandingOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answers: [][]step{
			{calling(handOver, `{"to":"nobody"}`)}, append(says("One moment."), calling(handOver, `{"to":"baker"}`)),
			{calling(handOver, `{"to":"baker"}`)}, says("I can not."),
		}}
		r := New(Options{Agent: &dialog.Agent{LLM: &dialog.LLM{Prompt: "Be kind."}, HandOver: []string{"baker"}}, Engines: alone(f, nil)})
		var got []string
		for range 2 {
			parts, err := collect(t.Context(), r, dialog.Input{Kind: dialog.Said, Said: heard(t, "Hello?")})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range parts {
				got = append(got, p.Sentence+p.HandOver)
			}
		}
		if want := []string{"baker", "One moment.", "I can not."}; !slices.Equal(got, want) {
			t.Errorf("yielded %q, want %q", got, want)
		}
	})
}

func TestDeadlines(t *testing.T) {
	const hour = time.Hour
	slowly := slices.Repeat([]step{{wait: 3 * time.Second, text: "No mark yet, "}}, 20)
	for name, c := range map[string]struct {
		answer []step
		want   []string
		err    error
		after  time.Duration
	}{
		"no first token":    {[]step{{wait: hour}}, nil, ErrFirstToken, 4 * time.Second},
		"empty deltas only": {slices.Repeat([]step{{wait: time.Second}}, 99), nil, ErrFirstToken, 4 * time.Second},
		"stalled":           {[]step{{text: "One. Two. Thr", wait: time.Second}, {wait: hour}}, []string{"One.", "Two."}, ErrIdle, 6 * time.Second},
		"never ends":        {slowly, nil, ErrTooSlow, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				r := replier(&fake{answers: [][]step{c.answer}})
				parts, err := collect(t.Context(), r, dialog.Input{Kind: dialog.Said, Said: heard(t, "Hello?")})
				if !errors.Is(err, c.err) || time.Since(begin) != c.after {
					t.Errorf("ended after %v with %v, want %v with %v", time.Since(begin), err, c.after, c.err)
				}
				if got := sentences(parts); len(c.want) > 0 && !slices.Equal(got, c.want) {
					t.Errorf("said %q, want %q", got, c.want)
				}
				if n := testutil.ToFloat64(r.o.Engines.metrics.requests.WithLabelValues("test", "timeout")); n != 1 {
					t.Errorf("%v time-outs counted", n)
				}
			})
		})
	}
}

// The call may take a part late, when enough is queued for playout. That is no
// fault of the model's.
func TestSlowReaderIsNotATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := replier(&fake{answers: [][]step{says("One. Two. Three. Four. Five.")}})
		n := 0
		for _, err := range r.Reply(t.Context(), dialog.Input{Kind: dialog.Said, Said: heard(t, "Count.")}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			time.Sleep(8 * time.Second)
		}
		if n != 5 {
			t.Errorf("%d sentences", n)
		}
	})
}

func TestInterruptedReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		r := replier(&fake{answers: [][]step{{{text: "One. "}, {wait: 3 * time.Second, text: "Two. "}}}})
		parts, err := collect(ctx, r, dialog.Input{Kind: dialog.Said, Said: heard(t, "Hello?")})
		if !errors.Is(err, context.Canceled) || len(parts) != 1 {
			t.Errorf("%d parts, %v", len(parts), err)
		}
		f := &fake{answers: [][]step{says("One. Two. Three.")}}
		r = replier(f)
		for range r.Reply(t.Context(), dialog.Input{Kind: dialog.Said, Said: heard(t, "Hello?")}) {
			break
		}
		if n := testutil.ToFloat64(r.o.Engines.metrics.requests.WithLabelValues("test", "cancelled")); n != 1 {
			t.Errorf("%v interruptions counted", n)
		}
	})
}

func TestAnswers(t *testing.T) {
	said := "It's Anna, and I want twelve."
	for arguments, want := range map[string]any{ // nil: refused
		`{"key":"name","value":"Anna"}`:        "Anna",
		`{"key":"name","value":" Anna "}`:      "Anna",
		`{"key":"count","value":"1,200"}`:      1200.0,
		`{"key":"count","value":12}`:           12.0,
		`{"key":"again","value":"Yes"}`:        true,
		`{"key":"again","value":false}`:        false,
		`{"key":"again","value":"maybe"}`:      nil,
		`{"key":"count","value":"NaN"}`:        nil,
		`{"key":"count","value":"dozen"}`:      nil,
		`{"key":"card","value":"4111"}`:        nil,
		`{"key":"name","value":{"first":"A"}}`: nil,
		`{"key":"name","value":""}`:            nil,
		`{"key":"name","value":"a\u0000b"}`:    nil,
		`{"key":"name"}`:                       nil,
		`{"key":"name","value":"An`:            nil,
		`["name","Anna"]`:                      nil,
		``:                                     nil,
		fmt.Sprintf(`{"key":"name","value":%q}`, strings.Repeat("x", maxValue)): nil,
	} {
		r := replier(&fake{answers: [][]step{append(says("Thanks."), calling("record_answer", arguments))}})
		in := dialog.Input{Kind: dialog.Said, Said: heard(t, said)}
		parts, err := collect(t.Context(), r, in)
		if err != nil {
			t.Errorf("%s: %v", arguments, err)
		}
		var got []dialog.Answer
		for _, p := range parts {
			if p.Answer != nil {
				got = append(got, *p.Answer)
			}
		}
		switch {
		case want == nil && len(got) > 0:
			t.Errorf("%s was recorded as %v", arguments, got[0].Value)
		case want != nil && (len(got) != 1 || got[0].Value != want || got[0].Said.String() != said || got[0].Kind == ""):
			t.Errorf("%s was recorded as %+v, want %v", arguments, got, want)
		}
	}
	// Without the caller's words there is nothing that may be kept.
	r := replier(&fake{answers: [][]step{append(says("Hi."), calling("record_answer", `{"key":"name","value":"Anna"}`))}})
	parts, err := collect(t.Context(), r, dialog.Input{Kind: dialog.Silent, Silence: 1})
	if err != nil || len(parts) != 1 {
		t.Errorf("%+v, %v", parts, err)
	}
}

func TestAnswerWithoutWordsIsFollowedUp(t *testing.T) {
	f := &fake{answers: [][]step{
		{calling("record_answer", `{"key":"name","value":"Anna"}`), calling("record_answer", `{"key":"count","value":"x"}`)},
		says("How many, please?"),
		says("Ok."),
	}}
	r := replier(f)
	if _, err := collect(t.Context(), r, dialog.Input{Kind: dialog.Said, Said: heard(t, "Anna")}); err != nil {
		t.Fatal(err)
	}
	messages := f.requests[1].Messages
	n := len(messages)
	if got := messages[n-3:]; got[0].Role != Assistant || len(got[0].Calls) != 2 ||
		got[1].Role != Result || got[1].CallID != "c-record_answer" || got[1].Text != "done" || !strings.Contains(got[2].Text, "kind") {
		t.Errorf("told the model %+v", got)
	}
	if _, err := collect(t.Context(), r, dialog.Input{Kind: dialog.Said, Said: heard(t, "Two")}); err != nil {
		t.Fatal(err)
	}
	if system := f.requests[2].Messages[0].Text; !strings.Contains(system, "the caller's name (recorded)") || strings.Contains(system, "how many (recorded)") {
		t.Errorf("the next turn is told:\n%s", system)
	}
}

func TestRequest(t *testing.T) {
	temperature := 0.2
	agent := *support
	agent.LLM = &dialog.LLM{Prompt: "Be kind.", Model: "m", Temperature: &temperature, MaxTokens: 99}
	history := []dialog.Line{
		{Agent: "Hello."}, {Caller: heard(t, "Hi,")}, {Caller: heard(t, "it's me.")}, {Agent: "Who"}, {Agent: "are you?"},
	}
	roles := func(messages []Message) (out []Role) {
		for _, m := range messages {
			out = append(out, m.Role)
		}
		return out
	}
	for name, c := range map[string]struct {
		in   dialog.Input
		want []Role
		last string
	}{
		"opening": {dialog.Input{Kind: dialog.Opening}, []Role{System, User}, "(The call begins.)\n(Greet the caller.)"},
		"said":    {dialog.Input{Kind: dialog.Said, Said: heard(t, "Anna"), History: history}, []Role{System, User, Assistant, User, Assistant, User}, "Anna"},
		"keyed":   {dialog.Input{Kind: dialog.Keyed, Said: heard(t, "12"), History: history}, []Role{System, User, Assistant, User, Assistant, User}, "(The caller pressed the keys 12.)"},
		"again":   {dialog.Input{Kind: dialog.Again, History: history[:2]}, []Role{System, User, Assistant, User}, "Hi,\n(The telephone system spoke in between. Go on where you were: if you had asked something, ask it again in few words.)"},
		"resumed": {dialog.Input{Kind: dialog.Resumed, History: history[:1]}, []Role{System, User, Assistant, User}, "(The caller has entered it, and nobody saw it. Go on.)"},
		"silent":  {dialog.Input{Kind: dialog.Silent, Silence: 2, History: history[:2]}, []Role{System, User, Assistant, User}, "Hi,\n(The caller has been silent, 2 in a row. Ask again in other words.)"},
	} {
		request := New(Options{Agent: &agent}).request(c.in)
		if got := roles(request.Messages); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: roles %v, want %v", name, got, c.want)
		}
		if got := request.Messages[len(request.Messages)-1].Text; got != c.last {
			t.Errorf("%s: the model is asked %q, want %q", name, got, c.last)
		}
		if request.Model != "m" || *request.Temperature != .2 || request.MaxTokens != 99 || !strings.HasPrefix(request.Messages[0].Text, "Be kind.") {
			t.Errorf("%s: the agent's settings are lost: %+v", name, request)
		}
		if len(request.Tools) != 2 || request.Tools[0].Name != endCall || request.Tools[1].Name != callerMinor {
			t.Errorf("%s: tools without goals and transfers: %v", name, request.Tools)
		}
	}
	if tools := replier(nil).tools(); len(tools) != 4 {
		t.Errorf("%d tools with goals and transfers", len(tools))
	}
	agent.Pause = true
	if tools := New(Options{Agent: &agent}).tools(); len(tools) != 4 || tools[2].Name != pauseTool || tools[3].Name != resumeTool {
		t.Errorf("tools of an agent that may pause the recording: %v", tools)
	}
	agent.Pause, agent.HandOver = false, []string{"baker"}
	if tools := New(Options{Agent: &agent}).tools(); len(tools) != 3 || tools[2].Name != handOver {
		t.Errorf("tools of an agent that may hand over: %v", tools)
	}
	long := slices.Repeat([]dialog.Line{{Agent: strings.Repeat("x", 999)}, {Caller: heard(t, "y")}}, 100)
	total := 0
	for _, line := range recent(long) {
		total += len(line.Agent) + len(line.Caller.String())
	}
	if total > maxHistory || total < maxHistory-1000 {
		t.Errorf("the model is told %d bytes of history", total)
	}
}

// TestTools checks what the tools without arguments do to a reply.
func TestTools(t *testing.T) {
	may := *support
	may.Pause = true
	for name, c := range map[string]struct {
		agent   *dialog.Agent
		answers [][]step
		said    []string
		want    dialog.Part // what the other parts say together
	}{
		"a child": {
			support, [][]step{append([]step{calling(callerMinor, "{}")}, says("Never mind.")...)}, nil, dialog.Part{Minor: true},
		},
		"a child, after words": {
			support, [][]step{append(says("Oh. I"), calling(callerMinor, "not json"))}, []string{"Oh."}, dialog.Part{Minor: true},
		},
		"a pause": {
			&may, [][]step{append(says("Your code, please."), calling(pauseTool, "{}"))}, []string{"Your code, please."}, dialog.Part{Pause: true},
		},
		"a pause, before words": {
			&may, [][]step{append([]step{calling(pauseTool, "{}")}, says("Your code.")...)}, []string{"Your code."}, dialog.Part{Pause: true},
		},
		"a pause without a word": {&may, [][]step{{calling(pauseTool, "{}")}}, nil, dialog.Part{Pause: true}},
		"the end of it": {
			&may, [][]step{{calling(resumeTool, "{}")}, says("Thank you.")}, []string{"Thank you."}, dialog.Part{Resume: true},
		},
		"a pause that the agent may not have": {
			support, [][]step{append(says("Your code."), calling(pauseTool, "{}"))}, []string{"Your code."}, dialog.Part{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{answers: c.answers}
			m := NewMetrics(prometheus.NewPedanticRegistry())
			r := New(Options{Engines: alone(f, m), Agent: c.agent})
			parts, err := collect(t.Context(), r, dialog.Input{Kind: dialog.Said, Said: heard(t, "Hello?")})
			if err != nil || len(f.requests) != len(c.answers) {
				t.Fatalf("%d requests, %v", len(f.requests), err)
			}
			if got := sentences(parts); !slices.Equal(got, c.said) {
				t.Errorf("said %q, want %q", got, c.said)
			}
			var got dialog.Part
			for _, p := range parts {
				got.Pause, got.Resume, got.Minor = got.Pause || p.Pause, got.Resume || p.Resume, got.Minor || p.Minor
			}
			if got != c.want {
				t.Errorf("the parts say %+v, want %+v", got, c.want)
			}
			if n := testutil.ToFloat64(m.calls.WithLabelValues("unknown", "ok")); n != 0 {
				t.Error("a tool of ours is counted as unknown")
			}
		})
	}
}

func TestGreetingNeedsNoModel(t *testing.T) {
	agent := *support
	agent.LLM = &dialog.LLM{Greeting: "Hello, this is the bakery. What is your phone number?"}
	parts, err := collect(t.Context(), New(Options{Agent: &agent}), dialog.Input{Kind: dialog.Opening})
	if err != nil || !slices.Equal(sentences(parts), []string{"Hello, this is the bakery.", "What is your phone number?"}) {
		t.Errorf("%+v, %v", parts, err)
	}
	if parts[0].Expect != dialog.ExpectWords || parts[1].Expect != dialog.ExpectDigits {
		t.Errorf("expects %v, then %v", parts[0].Expect, parts[1].Expect)
	}
}

func TestUsageIsCounted(t *testing.T) {
	m := NewMetrics(prometheus.NewPedanticRegistry())
	f := &fake{answers: [][]step{append(says("Ok."), step{usage: &Usage{Input: 120, Output: -3}}, calling("rm", ""))}}
	var spent []Spending
	e := NewEngines(EnginesOptions{Metrics: m}, Engine{Name: "test", Chat: f, Prices: Prices{Input: 2.5}})
	told := func(s Spending) { spent = append(spent, s) }
	if _, err := collect(t.Context(), New(Options{Engines: e, Agent: support, Spent: told}), dialog.Input{Turn: 7, Kind: dialog.Opening}); err != nil {
		t.Fatal(err)
	}
	if want := []Spending{{7, "test", Usage{Input: 120}, 0.0003, false}}; !slices.Equal(spent, want) {
		t.Errorf("told of %+v, want %+v", spent, want)
	}
	if n := testutil.ToFloat64(m.tokens.WithLabelValues("test", "input")); n != 120 {
		t.Errorf("%v prompt tokens", n)
	}
	if n := testutil.ToFloat64(m.tokens.WithLabelValues("test", "output")); n != 0 {
		t.Errorf("%v output tokens", n)
	}
	if n := testutil.ToFloat64(m.requests.WithLabelValues("test", "ok")); n != 1 {
		t.Errorf("%v requests", n)
	}
	if n := testutil.ToFloat64(m.calls.WithLabelValues("unknown", "refused")); n != 1 {
		t.Errorf("%v refused calls of an unknown tool", n)
	}
}

func FuzzHidden(f *testing.F) {
	for _, s := range []string{"", "a<think>b</think>c", "<<think><tool_call>", "<thin", "x</think>", "<tool_call>{</tool_call"} {
		f.Add(s, 2)
	}
	f.Fuzz(func(t *testing.T, text string, n int) {
		var whole, chunked hidden
		want := whole.strip(text)
		want += whole.rest()
		got := ""
		for chunk := range slices.Chunk([]byte(text), max(1, min(n, 64))) {
			got += chunked.strip(string(chunk))
		}
		got += chunked.rest()
		if got != want {
			t.Errorf("%q in chunks of %d gives %q, whole %q", text, n, got, want)
		}
		for _, open := range []string{"<think>", "<tool_call>"} {
			before, after, found := strings.Cut(text, open)
			if found && !strings.Contains(before, "<") && !strings.Contains(after, "</") && got != before {
				t.Errorf("%q leaks %q", text, got)
			}
		}
	})
}

func FuzzArguments(f *testing.F) {
	for _, s := range []string{`{"key":"name","value":"x"}`, `{"key":"count","value":1e999}`, `{"value":`, `null`, `{"to":"baker"}`} {
		f.Add(s)
	}
	in := dialog.Input{Kind: dialog.Said, Said: heard(f, "Hello")}
	f.Fuzz(func(t *testing.T, arguments string) {
		for _, name := range []string{recordAnswer, transferCall, endCall, callerMinor, handOver, pauseTool, resumeTool, arguments} {
			r := replier(&fake{answers: [][]step{append(says("Ok."), calling(name, arguments))}})
			parts, err := collect(t.Context(), r, in)
			if err != nil || len(parts) == 0 {
				t.Errorf("%s(%q): %d parts, %v", name, arguments, len(parts), err)
			}
		}
	})
}
