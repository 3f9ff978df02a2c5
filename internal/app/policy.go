package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/url"
	"regexp"
	"slices"

	"sidetone/call"
	"sidetone/configs"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/telephony"
	"sidetone/transcribe/remote"
)

// policies decides what holds for a call.
type policies struct {
	rules  *consent.Ruleset
	floor  consent.Mode
	lookup []byte // the key of numbers; it lies outside database and bucket
}

// lookupKey is the name of the secret with which numbers are looked up.
const lookupKey = "lookup_key"

// openPolicy reads the policy file.
func (a *App) openPolicy(context.Context, Options) (err error) {
	a.policy.floor = consent.Mode(a.config.Consent.Floor)
	if a.policy.rules, err = loadRuleset(a.config); err != nil {
		return err
	}
	secret, err := Secret(a.config.DataDir, lookupKey)
	a.policy.lookup = []byte(secret)
	return err
}

// terms decides on what terms an agent may talk with the caller of a leg.
func (a *App) terms(ctx context.Context, ready *agent, i telephony.Info) (consent.Terms, error) {
	question := ready.question(i, a.policy.floor)
	decision, err := a.policy.rules.Decide(question)
	if err != nil {
		return consent.Terms{}, err
	}
	adapt(&decision, ready, a.local(ready))
	t := consent.Terms{
		Policy: decision.Policy.For(a.local(ready)), Decision: decision, Screen: i.Kind == telephony.Web,
		LeaveUnrecorded: ready.leavesUnrecorded(i.Kind), HandOn: ready.handOn(i.Kind) != "",
	}
	if i.Kind == telephony.Phone {
		t.Elsewhere = append(t.Elsewhere, "carrier: number and times of the call")
	}
	t.Elsewhere = append(t.Elsewhere, a.elsewhere(ready)...)
	if isNumber(i.From) {
		t.Subject, err = a.db.Subject(ctx, a.policy.number(i.From))
	}
	return t, err
}

// number is an E.164 number. What a carrier gives for a withheld one is none: it
// stands for many callers.
var number = regexp.MustCompile(`^\+[1-9][0-9]{7,14}$`)

func isNumber(text string) bool { return number.MatchString(text) }

// number returns what a number is looked up by.
func (p *policies) number(number string) []byte {
	return hashOf(p.lookup, number)
}

// hashOf is what a number is looked up by under a key.
func hashOf(key []byte, number string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(number))
	return h.Sum(nil)
}

// adapt makes a decision one that the agent can carry out here: without a matcher
// for its language a key takes the place of a spoken answer, and without words for
// the question nothing is kept.
func adapt(d *consent.Decision, ready *agent, local bool) {
	if ready.matcher == nil && d.Policy.ByKeyOnly() != d.Policy {
		d.Policy = d.Policy.ByKeyOnly()
		d.Reasons = append(d.Reasons, consent.Reason{Source: consent.FromSpeech, Rule: string(consent.OptInDTMF), Policy: d.Policy})
	}
	if mode := d.Policy.For(local).Mode(); mode != consent.NoRecord && !ready.hasWords(mode) {
		never, _ := consent.NoRecord.Policy()
		if d.Policy.For(local).Converse.Level == consent.OptIn {
			never.Converse, never.Local = consent.Rule{Level: consent.Never}, consent.Rule{Level: consent.Never}
		}
		d.Policy = d.Policy.Strictest(never)
		d.Reasons = append(d.Reasons, consent.Reason{Source: consent.FromWords, Rule: string(consent.NoRecord), Policy: never})
	}
}

// local reports whether all engines that get an agent's callers' audio or words run
// on this machine. A voice does: agents repeat what was said to them.
func (a *App) local(ready *agent) bool {
	return localEngines(a.config, ready.Agent) && (ready.engine == nil || ready.engine.Local()) &&
		!slices.ContainsFunc(ready.speakers(), func(s dialog.Speaker) bool { return !s.Local() })
}

// elsewhere names the engines on other machines that get something of an agent's
// calls, and what.
func (a *App) elsewhere(ready *agent) (who []string) {
	for _, e := range elsewhereBy(ready.engine) {
		who = append(who, "speech recognition, "+e.Name()+": the caller's voice")
	}
	if ready.LLM != nil && !localModel(a.config) {
		who = append(who, "language model: words of the call")
	}
	if ready.LLM != nil {
		for _, t := range ready.LLM.Tools {
			who = append(who, "tool, "+t.Name+": what the language model asked it")
		}
	}
	for _, s := range ready.speakers() {
		if !s.Local() {
			who = append(who, "voice, "+s.Name()+": words of the agent")
		}
	}
	return who
}

// localEngines reports whether the engines configured for an agent run on this
// machine, those that may take over too: one does that answers on a loopback address.
func localEngines(c *configs.Config, file *dialog.Agent) bool {
	if slices.ContainsFunc(recognisers(c, file), func(name configs.STT) bool { return vendorURL(c, name) != "" }) {
		return false
	}
	if slices.ContainsFunc(voiceURLs(c, file), func(address string) bool { return address != "" && !remote.OnThisMachine(address) }) {
		return false
	}
	return file.LLM == nil || localModel(c)
}

// localModel reports whether all language models that may be asked do.
func localModel(c *configs.Config) bool {
	return !slices.ContainsFunc(c.LLM.Endpoints(), func(e configs.LLMFallback) bool { return !remote.OnThisMachine(e.BaseURL) })
}

// hostOf returns the host of a URL.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// message returns the message by which an agent asks a caller of a kind of leg as
// mode says.
func (a *agent) message(k telephony.Kind, mode consent.Mode) (consent.Message, error) {
	m, ok := a.messages[k][mode]
	if !ok {
		return consent.Message{}, fmt.Errorf("app: agent %s has no message for %s callers asked by %s", a.Name, k, mode)
	}
	return m, nil
}

// ledgerFailing takes that the ledger can not be written, or can again. While it
// can not, calls that are recorded go on unrecorded.
func (a *App) ledgerFailing(failing bool) {
	if a.failing.Swap(failing) == failing {
		return
	}
	if !failing {
		a.log.Info("the ledger is written again")
		return
	}
	a.log.Error("the ledger can not be written: nothing is recorded until it can")
	a.calls.DoAll(call.LedgerFails)
}
