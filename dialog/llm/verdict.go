package llm

import (
	"context"
	"errors"
	"net/http"
	"time"

	"sidetone/internal/breaker"
)

// judge says what the end of a request says of its engine. begun is whether any
// of the answer had come.
func judge(err error, begun, gone bool) (v breaker.Verdict, wait time.Duration) {
	var vendor *VendorError
	switch {
	case err == nil && begun:
		return breaker.Good, 0
	case err == nil, gone, errors.Is(err, context.Canceled), errors.Is(err, ErrTooSlow):
		return breaker.Neutral, 0
	case !errors.As(err, &vendor):
		return breaker.Bad, 0
	}
	switch vendor.Status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound:
		return breaker.Hopeless, 0
	case http.StatusTooManyRequests:
		if vendor.RetryAfter > 0 {
			return breaker.Hopeless, vendor.RetryAfter
		}
		return breaker.Bad, 0
	}
	if vendor.Status >= 400 && vendor.Status < 500 {
		return breaker.Neutral, 0 // this request's own fault
	}
	return breaker.Bad, vendor.RetryAfter
}
