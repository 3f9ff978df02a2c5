package twilio

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	api "github.com/twilio/twilio-go/rest/api/v2010"
)

// NumberType is a kind of phone number; not every country has each.
type NumberType string

// The kinds of phone number that can be searched.
const (
	Local    NumberType = "local"
	TollFree NumberType = "toll-free"
	Mobile   NumberType = "mobile"
)

const (
	defaultSearch = 20
	maxSearch     = 1000 // Twilio's largest page
)

// SearchQuery says which numbers are wanted; all of them take calls.
type SearchQuery struct {
	Country  string     // ISO 3166-1 alpha-2; never empty
	Type     NumberType // empty means Local
	AreaCode string     // three digits, of the US and Canada; may be empty
	// Contains is a pattern: digits and letters as on a keypad, * for any one
	// digit, + before the first and $ after the last of them. May be empty.
	Contains string
	Limit    int // 1 to 1000; 0 means 20
}

// AvailableNumber is a number that can be bought.
type AvailableNumber struct {
	Number   string `json:"number"` // E.164
	Name     string `json:"name"`   // as it is written where it is used
	Country  string `json:"country"`
	Region   string `json:"region"`
	Locality string `json:"locality"`
	// Address is where the buyer must have an address: none, any, local or
	// foreign. Buy can buy only the first kind.
	Address string `json:"address"`
}

var (
	country  = regexp.MustCompile(`^[A-Z]{2}$`)
	areaCode = regexp.MustCompile(`^[2-9][0-9]{2}$`)
)

// Search returns numbers that can be bought, at most Limit, in Twilio's order.
func (n *Numbers) Search(ctx context.Context, q SearchQuery) ([]AvailableNumber, error) {
	if q.Limit == 0 {
		q.Limit = defaultSearch
	}
	if q.Type == "" {
		q.Type = Local
	}
	switch {
	case !country.MatchString(q.Country):
		return nil, errors.New("twilio: a country is two capital letters, such as US")
	case q.AreaCode != "" && !areaCode.MatchString(q.AreaCode):
		return nil, errors.New("twilio: an area code is three digits")
	case q.Limit < 1 || q.Limit > maxSearch:
		return nil, fmt.Errorf("twilio: the limit must be between 1 and %d", maxSearch)
	}
	found, err := n.page(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("search numbers: %w", err)
	}
	numbers := make([]AvailableNumber, min(len(found), q.Limit))
	for i := range numbers {
		f := found[i]
		numbers[i] = AvailableNumber{
			Number: value(f.PhoneNumber), Name: value(f.FriendlyName), Country: value(f.IsoCountry),
			Region: value(f.Region), Locality: value(f.Locality), Address: value(f.AddressRequirements),
		}
	}
	return numbers, nil
}

// page asks for the first page, which is all there is of a search. The kinds
// have queries and records of the same fields, and yet types of their own.
func (n *Numbers) page(ctx context.Context, q SearchQuery) ([]api.ApiV2010AvailablePhoneNumberLocal, error) {
	_, service := n.rest.operation(ctx, true)
	params := (&api.ListAvailablePhoneNumberLocalParams{}).SetVoiceEnabled(true).SetPageSize(q.Limit)
	if code, err := strconv.Atoi(q.AreaCode); err == nil {
		params.SetAreaCode(code)
	}
	if q.Contains != "" {
		params.SetContains(q.Contains)
	}
	var found []api.ApiV2010AvailablePhoneNumberLocal
	switch q.Type {
	case Local:
		r, err := service.PageAvailablePhoneNumberLocal(q.Country, params, "", "")
		if err != nil {
			return nil, err
		}
		found = r.AvailablePhoneNumbers
	case TollFree:
		r, err := service.PageAvailablePhoneNumberTollFree(q.Country, (*api.ListAvailablePhoneNumberTollFreeParams)(params), "", "")
		if err != nil {
			return nil, err
		}
		for _, f := range r.AvailablePhoneNumbers {
			found = append(found, api.ApiV2010AvailablePhoneNumberLocal(f))
		}
	case Mobile:
		r, err := service.PageAvailablePhoneNumberMobile(q.Country, (*api.ListAvailablePhoneNumberMobileParams)(params), "", "")
		if err != nil {
			return nil, err
		}
		for _, f := range r.AvailablePhoneNumbers {
			found = append(found, api.ApiV2010AvailablePhoneNumberLocal(f))
		}
	default:
		return nil, fmt.Errorf("twilio: the type %q is not one of %s, %s and %s", q.Type, Local, TollFree, Mobile)
	}
	return found, nil
}
