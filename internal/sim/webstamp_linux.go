package sim

import (
	"encoding/binary"
	"net"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stampSpace is the room that a stamp takes beside a packet.
var stampSpace = unix.CmsgSpace(int(unsafe.Sizeof(unix.Timespec{})))

// stampArrivals asks the kernel to say when each packet came (socket(7),
// SO_TIMESTAMPNS).
func stampArrivals(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	if err := raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}); err != nil {
		return err
	}
	return os.NewSyscallError("setsockopt", set)
}

// stampOf reads what the kernel said.
func stampOf(oob []byte) (time.Time, bool) {
	if len(oob) < stampSpace {
		return time.Time{}, false
	}
	h, data, _, err := unix.ParseOneSocketControlMessage(oob)
	if err != nil || h.Level != unix.SOL_SOCKET || h.Type != unix.SCM_TIMESTAMPNS {
		return time.Time{}, false
	}
	var t unix.Timespec
	if _, err := binary.Decode(data, binary.NativeEndian, &t); err != nil {
		return time.Time{}, false
	}
	return time.Unix(t.Unix()), true
}
