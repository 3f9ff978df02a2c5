package twilio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	api "github.com/twilio/twilio-go/rest/api/v2010"
)

var (
	// ErrUnreachable wraps why the carrier could not call the public URL.
	ErrUnreachable = errors.New("twilio: the carrier cannot reach this gateway")
	// ErrNotOwned says that the account has no such number.
	ErrNotOwned = errors.New("twilio: no such number in this account")
	// ErrUncertain wraps why it is not known whether a number was bought. The
	// purchase is not repeated: List tells whether it is there.
	ErrUncertain = errors.New("twilio: the number may have been bought; list the numbers before trying again")
)

// NumbersOptions are the account whose numbers these are, and this gateway.
type NumbersOptions struct {
	AccountSID string // AC..., never empty
	// KeySID and Secret are an API key. Without a KeySID the account itself asks,
	// and Secret is one of its auth tokens.
	KeySID, Secret string
	// BaseURL is the REST API; empty means Twilio's own. It must be https, unless
	// its host is this machine.
	BaseURL string
	// PublicURL is that of Options. Buy and Attach need one that the carrier can
	// reach; without it the others still work.
	PublicURL string
	// HTTP makes the requests; nil means http.DefaultClient. Its CheckRedirect is
	// not used, since no redirect is followed.
	HTTP *http.Client
}

// Numbers are the phone numbers of one account, over Twilio's REST API. Each
// request has ten seconds. What may be asked twice is asked up to three times
// if the answer is HTTP 429 or 5xx; a purchase is asked once. Refusals by Twilio
// are *APIError. All methods may be used at once; none logs.
//
// Source: https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
type Numbers struct {
	rest   *rest
	public string
}

// NewNumbers reports options that are missing, by the names of their
// configuration keys, and a BaseURL to which credentials may not be sent.
func NewNumbers(o NumbersOptions) (*Numbers, error) {
	switch {
	case o.AccountSID == "":
		return nil, errors.New("twilio: telephony.twilio.account_sid is not set")
	case o.Secret == "" && o.KeySID != "":
		return nil, errors.New("twilio: telephony.twilio.api_key_secret is not set")
	case o.Secret == "":
		return nil, errors.New("twilio: neither telephony.twilio.api_key_sid nor telephony.twilio.auth_tokens is set")
	}
	r, err := newREST(o.BaseURL, o.HTTP)
	if err != nil {
		return nil, err
	}
	r.account, r.user, r.secret = o.AccountSID, cmp.Or(o.KeySID, o.AccountSID), o.Secret
	return &Numbers{rest: r, public: strings.TrimRight(o.PublicURL, "/")}, nil
}

// Number is a phone number of the account and where its calls go. Calls go to
// an application or a trunk, if there is one, in place of the voice URL.
type Number struct {
	SID            string `json:"sid"`
	Number         string `json:"number"` // E.164
	Name           string `json:"name"`
	VoiceMethod    string `json:"voice_method"`
	VoiceURL       string `json:"voice_url"`
	StatusMethod   string `json:"status_method"`
	StatusURL      string `json:"status_url"`
	ApplicationSID string `json:"application_sid"`
	TrunkSID       string `json:"trunk_sid"`
	VoiceHere      bool   `json:"voice_here"`  // this gateway answers its calls
	StatusHere     bool   `json:"status_here"` // and is told how they end
}

func (n *Numbers) number(r *api.ApiV2010IncomingPhoneNumber) Number {
	number := Number{
		SID: value(r.Sid), Number: value(r.PhoneNumber), Name: value(r.FriendlyName),
		VoiceMethod: value(r.VoiceMethod), VoiceURL: value(r.VoiceUrl),
		StatusMethod: value(r.StatusCallbackMethod), StatusURL: value(r.StatusCallback),
		ApplicationSID: value(r.VoiceApplicationSid), TrunkSID: value(r.TrunkSid),
	}
	here := func(method, url, path string) bool {
		return n.public != "" && method == http.MethodPost && url == n.public+path
	}
	number.VoiceHere = number.ApplicationSID == "" && number.TrunkSID == "" &&
		here(number.VoiceMethod, number.VoiceURL, VoicePath)
	number.StatusHere = here(number.StatusMethod, number.StatusURL, StatusPath)
	return number
}

// value reads one of Twilio's fields, any of which may be null.
func value(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// Buy buys a number, in E.164 form, and points it at this gateway. The account
// is charged; what needs an address or a bundle of documents is refused.
func (n *Numbers) Buy(ctx context.Context, number string) (Number, error) {
	if !e164.MatchString(number) {
		return Number{}, errNotE164
	}
	if err := n.reachable(); err != nil {
		return Number{}, err
	}
	o, service := n.rest.operation(ctx, false)
	created, err := service.CreateIncomingPhoneNumber((&api.CreateIncomingPhoneNumberParams{}).
		SetPhoneNumber(number).
		SetVoiceUrl(n.public + VoicePath).SetVoiceMethod(http.MethodPost).
		SetStatusCallback(n.public + StatusPath).SetStatusCallbackMethod(http.MethodPost))
	var refused *APIError
	switch decided := errors.As(err, &refused) && refused.Status < 500 || errors.Is(err, ErrWithheld); {
	case err == nil:
		return n.number(created), nil
	case o.sent.Load() && !decided:
		return Number{}, fmt.Errorf("%w: %w", ErrUncertain, err)
	default:
		return Number{}, fmt.Errorf("buy number: %w", err)
	}
}

// List returns all numbers of the account.
func (n *Numbers) List(ctx context.Context) ([]Number, error) {
	return n.list(ctx, &api.ListIncomingPhoneNumberParams{})
}

func (n *Numbers) list(ctx context.Context, params *api.ListIncomingPhoneNumberParams) ([]Number, error) {
	_, service := n.rest.operation(ctx, true)
	owned, err := service.ListIncomingPhoneNumber(params)
	if err != nil {
		return nil, fmt.Errorf("list numbers: %w", err)
	}
	numbers := make([]Number, len(owned))
	for i := range owned {
		numbers[i] = n.number(&owned[i])
	}
	return numbers, nil
}

// Attach points a number of the account, given in E.164 form or by its SID, at
// this gateway, away from an application or trunk that took its calls. Its
// fallback URL and all that is about messages stay as they are.
func (n *Numbers) Attach(ctx context.Context, numberOrSID string) (Number, error) {
	if err := n.reachable(); err != nil {
		return Number{}, err
	}
	sid, err := n.find(ctx, numberOrSID)
	if err != nil {
		return Number{}, err
	}
	_, service := n.rest.operation(ctx, true)
	updated, err := service.UpdateIncomingPhoneNumber(sid, (&api.UpdateIncomingPhoneNumberParams{}).
		SetVoiceUrl(n.public+VoicePath).SetVoiceMethod(http.MethodPost).
		SetStatusCallback(n.public+StatusPath).SetStatusCallbackMethod(http.MethodPost).
		SetVoiceApplicationSid("").SetTrunkSid(""))
	if err != nil {
		return Number{}, fmt.Errorf("attach number: %w", err)
	}
	return n.number(updated), nil
}

// Release gives a number of the account, given in E.164 form or by its SID,
// back to Twilio. It may not be had again.
func (n *Numbers) Release(ctx context.Context, numberOrSID string) error {
	sid, err := n.find(ctx, numberOrSID)
	if err != nil {
		return err
	}
	o, service := n.rest.operation(ctx, true)
	err = service.DeleteIncomingPhoneNumber(sid, nil)
	var refused *APIError
	if o.repeated && errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return nil // the first attempt did it, whatever its answer was
	}
	if err != nil {
		return fmt.Errorf("release number: %w", err)
	}
	return nil
}

var (
	e164       = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`)
	numberSID  = regexp.MustCompile(`^PN[0-9a-fA-F]{32}$`)
	errNotE164 = errors.New("twilio: a number is written as + and digits alone, country code first")
)

// find returns the SID of a number of the account.
func (n *Numbers) find(ctx context.Context, numberOrSID string) (string, error) {
	if numberSID.MatchString(numberOrSID) {
		return numberOrSID, nil
	}
	if !e164.MatchString(numberOrSID) {
		return "", errNotE164
	}
	numbers, err := n.list(ctx, (&api.ListIncomingPhoneNumberParams{}).SetPhoneNumber(numberOrSID))
	if err != nil {
		return "", err
	}
	for _, number := range numbers { // Twilio's filter also matches parts
		if number.Number == numberOrSID {
			return number.SID, nil
		}
	}
	return "", ErrNotOwned
}

// reachable says why the carrier could not send its webhooks here, if so. They
// carry numbers and name the calls, so that plain HTTP will not do either.
func (n *Numbers) reachable() error {
	refuse := func(why string) error {
		return fmt.Errorf("%w: server.public_url %q %s", ErrUnreachable, n.public, why)
	}
	u, err := url.Parse(n.public)
	if err != nil || u.Hostname() == "" {
		return refuse("must be an https URL that the internet can reach")
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	ip, err := netip.ParseAddr(host)
	switch ip = ip.Unmap(); {
	case host == "localhost" || strings.HasSuffix(host, ".localhost") || ip.IsLoopback():
		return refuse("is this machine's own name for itself")
	case err == nil && (!ip.IsGlobalUnicast() || ip.IsPrivate()):
		return refuse("is no address of the internet")
	case u.Scheme != "https":
		return refuse("must be https")
	}
	return nil
}
