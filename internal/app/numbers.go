package app

import (
	"sidetone/configs"
	"sidetone/telephony/twilio"
)

// What the commands about phone numbers need to name.
type (
	Numbers         = twilio.Numbers
	Number          = twilio.Number
	NumberQuery     = twilio.SearchQuery
	AvailableNumber = twilio.AvailableNumber
)

// OpenNumbers returns the phone numbers of the configured account at Twilio. An
// API key goes before the auth tokens, of which the first is used.
func OpenNumbers(c *configs.Config) (*Numbers, error) {
	t := c.Telephony.Twilio
	secret := t.APIKeySecret
	if t.APIKeySID == "" && len(t.AuthTokens) > 0 {
		secret = t.AuthTokens[0]
	}
	return twilio.NewNumbers(twilio.NumbersOptions{
		AccountSID: t.AccountSID, KeySID: t.APIKeySID, Secret: secret.Reveal(),
		BaseURL: t.APIBaseURL, PublicURL: c.Server.PublicURL,
	})
}
