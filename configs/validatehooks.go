package configs

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// hookEvents are what an endpoint may be told of.
var hookEvents = []string{"call.finished", "recording.stored", "recording.failed"}

// hookName is the form of an endpoint's name, which metrics and jobs bear.
var hookName = regexp.MustCompile(`^[a-z0-9]+([_-][a-z0-9]+)*$`)

// maxHookName bounds it.
const maxHookName = 40

func (c *Config) validateWebhooks(f *faults) {
	seen := map[string]bool{}
	for i, e := range c.Webhooks.Endpoints {
		at := fmt.Sprintf("webhooks.endpoints[%d]", i)
		f.check(len(e.Name) <= maxHookName && hookName.MatchString(e.Name), join(at, "name"),
			"must be small letters and digits, with single - or _ between, at most 40")
		f.check(!seen[e.Name], join(at, "name"), "is another's as well")
		seen[e.Name] = true
		f.check(isHookURL(e.URL.Reveal(), c.Webhooks.AllowPrivate), join(at, "url"),
			"must be an https URL without user and fragment, or an http one with webhooks.allow_private")
		f.check(len(e.Secrets) > 0, join(at, "secrets"), "must not be empty, nor secrets_file")
		for n, s := range e.Secrets {
			f.check(isHookSecret(s.Reveal()), fmt.Sprintf("%s.secrets[%d]", at, n),
				"must be whsec_ and the base64 of 24 to 64 random bytes")
		}
		for n, event := range e.Events {
			f.check(slices.Contains(hookEvents, event), fmt.Sprintf("%s.events[%d]", at, n),
				"must be one of "+strings.Join(hookEvents, ", "))
		}
	}
}

// isHookURL reports whether text is where an endpoint may be.
func isHookURL(text string, private bool) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && u.User == nil && u.Fragment == "" && (u.Scheme == "https" || private && u.Scheme == "http")
}

// isHookSecret reports whether text is a secret of the Standard Webhooks
// specification.
func isHookSecret(text string) bool {
	text, prefixed := strings.CutPrefix(text, "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	return prefixed && err == nil && len(key) >= 24 && len(key) <= 64
}

// warnHooks is what of the webhooks is allowed and yet seldom meant.
func (c *Config) warnHooks() (w []string) {
	if c.Webhooks.AllowPrivate && len(c.Webhooks.Endpoints) > 0 && !c.onLoopback() {
		w = append(w, "webhooks.allow_private: endpoints can be this machine and its network")
	}
	return w
}
