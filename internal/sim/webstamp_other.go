//go:build !linux

package sim

import (
	"net"
	"time"
)

// stampSpace, stampArrivals and stampOf do nothing where the kernel is not
// Linux: the time at which a packet was read has to do.
const stampSpace = 0

func stampArrivals(*net.UDPConn) error { return nil }

func stampOf([]byte) (time.Time, bool) { return time.Time{}, false }
