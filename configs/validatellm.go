package configs

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

func (c *Config) validateLLM(f *faults) {
	l := c.LLM
	if l.BaseURL != "" {
		if _, err := plainURL(l.BaseURL); err != nil {
			f.add("llm.base_url", "%v", err)
		}
	}
	f.pair(l.BaseURL != "", l.Model != "", "llm.base_url", "llm.model")
	f.prices("llm.prices", l.Prices)
	f.check(l.Timeout > 0, "llm.timeout", "must be more than 0s")
	f.check(l.FirstToken > 0, "llm.first_token", "must be more than 0s")
	f.check(l.Takeover > 0 && l.Takeover <= l.FirstToken, "llm.takeover", "must be more than 0s, and not more than llm.first_token")
	f.check(l.Timeout <= 0 || l.Timeout >= l.FirstToken, "llm.timeout", "must not be less than llm.first_token")
	f.check(len(l.Fallbacks) == 0 || l.BaseURL != "", "llm.fallbacks", "needs llm.base_url: there is nothing to fall back from")
	for i, s := range l.Tools.Secrets {
		f.check(isHookSecret(s.Reveal()), fmt.Sprintf("llm.tools.secrets[%d]", i), "must be whsec_ and the base64 of 24 to 64 random bytes")
	}
	seen := map[string]bool{LLMMain: true}
	for i, e := range l.Fallbacks {
		at := fmt.Sprintf("llm.fallbacks[%d]", i)
		f.check(len(e.Name) <= maxHookName && hookName.MatchString(e.Name), join(at, "name"),
			"must be small letters and digits, with single - or _ between, at most 40")
		f.check(!seen[e.Name], join(at, "name"), "is another's as well; the first endpoint is "+LLMMain)
		seen[e.Name] = true
		f.check(slices.Contains(e.Engine.choices(), string(e.Engine)), join(at, "engine"), "must be one of "+strings.Join(e.Engine.choices(), ", "))
		if _, err := plainURL(e.BaseURL); err != nil {
			f.add(join(at, "base_url"), "%v", err)
		}
		f.check(e.Model != "", join(at, "model"), "must not be empty")
		f.prices(join(at, "prices"), e.Prices)
	}
}

func (f *faults) prices(at string, p Prices) {
	f.check(min(p.Input, p.Cached, p.Written, p.Output) >= 0, at, "must not be negative")
}

// warnLLM is what of the language models is allowed and yet seldom meant.
func (c *Config) warnLLM() (w []string) {
	for i, e := range c.LLM.Fallbacks {
		if u, err := url.Parse(e.BaseURL); err == nil && u.Scheme == "http" && !isLoopbackHost(u.Hostname()) {
			w = append(w, fmt.Sprintf("llm.fallbacks[%d].base_url: plain http to another machine; anyone between can listen", i))
		}
	}
	if c.LLM.Tools.AllowPrivate && !c.onLoopback() {
		w = append(w, "llm.tools.allow_private: tools of agents' files can be this machine and its network")
	}
	return w
}
