package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"

	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// statusOf returns the HTTP status of the answer that err stands for, or 0.
func statusOf(err error) int {
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}

// classify adds the sentinel that fits the store's answer. The SDK's texts
// hold request ids, hosts and keys, but no credentials: those travel in
// headers alone.
func classify(err error) error {
	switch statusOf(err) {
	case 404:
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case 401, 403:
		return fmt.Errorf("%w: %w", ErrDenied, err)
	default:
		return err
	}
}

// result names the outcome of an operation for the metrics.
func result(err error) string {
	var network net.Error
	switch status := statusOf(err); {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrNotFound):
		return "not_found"
	case errors.Is(err, ErrConflict):
		return "conflict"
	case errors.Is(err, ErrDenied):
		return "denied"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timeout"
	case status >= 500, status == 429, status == 409:
		return "unavailable"
	default:
		return "error"
	}
}

// validKey accepts what io/fs calls a path below the root: no empty part, no
// dot parts, no slash at either end.
func validKey(key string) bool { return key != "." && fs.ValidPath(key) && len(key) <= 1000 }
