package sim

import (
	"testing"
	"time"
)

// TestStampIsTheKernels reads packets long after they came. The kernel begins to
// stamp a little after the first socket has asked for it.
func TestStampIsTheKernels(t *testing.T) {
	to, err := listenLoopback()
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if err := stampArrivals(to); err != nil {
		t.Fatal(err)
	}
	const unread = 50 * time.Millisecond
	var waited time.Duration // between a packet's stamp and its reading
	oob, n := make([]byte, stampSpace), 0
	for attempt := 0; waited < unread/2; attempt++ {
		if attempt == 40 {
			t.Fatalf("packets are stamped %v before they are read", waited)
		}
		if _, err := to.WriteToUDPAddrPort([]byte("x"), addrOf(to)); err != nil {
			t.Fatal(err)
		}
		<-time.After(unread)
		read := time.Now()
		if _, n, _, _, err = to.ReadMsgUDPAddrPort(make([]byte, 10), oob); err != nil {
			t.Fatal(err)
		}
		at, ok := stampOf(oob[:n])
		if !ok {
			t.Fatal("no stamp was read")
		}
		waited = read.Sub(at)
	}
	if _, ok := stampOf(oob[:n/2]); ok {
		t.Error("half a stamp was read")
	}
	if _, ok := stampOf(nil); ok {
		t.Error("no stamp was read")
	}
}
