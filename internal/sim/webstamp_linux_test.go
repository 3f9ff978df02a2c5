package sim

import (
	"testing"
	"time"
)

// TestStampIsTheKernels reads a packet long after it came.
func TestStampIsTheKernels(t *testing.T) {
	to, err := listenLoopback()
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if err := stampArrivals(to); err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	if _, err := to.WriteToUDPAddrPort([]byte("x"), addrOf(to)); err != nil {
		t.Fatal(err)
	}
	after := time.Now()
	<-time.After(50 * time.Millisecond)
	oob := make([]byte, stampSpace)
	_, n, _, _, err := to.ReadMsgUDPAddrPort(make([]byte, 10), oob)
	if err != nil {
		t.Fatal(err)
	}
	at, ok := stampOf(oob[:n])
	if !ok || at.Before(before.Add(-time.Millisecond)) || at.After(after.Add(20*time.Millisecond)) {
		t.Errorf("stamped %v, sent between %v and %v", at, before, after)
	}
	if _, ok := stampOf(oob[:n/2]); ok {
		t.Error("half a stamp was read")
	}
	if _, ok := stampOf(nil); ok {
		t.Error("no stamp was read")
	}
}
