package call_test

import (
	"context"
	"errors"
	"testing"

	"sidetone/call"
)

func TestRegistryHoldsTheLimit(t *testing.T) {
	r := call.NewRegistry(2)
	if !r.Reserve("a") || !r.Reserve("b") || r.Reserve("c") {
		t.Error("a limit of two does not admit just two")
	}
	if !r.Reserve("a") {
		t.Error("a call that is admitted is refused when it asks again")
	}
	r.Release("b")
	r.Release("nobody")
	if !r.Reserve("c") || r.Live() != 2 {
		t.Errorf("%d live after one left and one came", r.Live())
	}
}

func TestRegistryDrains(t *testing.T) {
	r := call.NewRegistry(2)
	r.Reserve("a")
	r.Reserve("b")
	ctx := r.Serve(t.Context(), "a")
	r.Close()
	r.Close()
	if r.Reserve("c") || !r.Closed() {
		t.Error("a closed registry admits calls")
	}
	r.Goodbye()
	if !errors.Is(context.Cause(ctx), call.ErrShuttingDown) {
		t.Errorf("the call's context ends with %v", context.Cause(ctx))
	}
	r.Release("a")
	select {
	case <-r.Drained():
		t.Error("drained with a call left")
	default:
	}
	r.Release("b")
	<-r.Drained()
}

func TestEmptyRegistryDrainsAtOnce(t *testing.T) {
	r := call.NewRegistry(2)
	r.Close()
	<-r.Drained()
}
