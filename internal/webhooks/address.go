package webhooks

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// ErrAddress says that an endpoint is at an address that is not public.
var ErrAddress = errors.New("webhooks: not a public address")

// special are the blocks of public-looking addresses that lead elsewhere, after the
// special-purpose registries of IANA: shared, tests, benchmarks, reserved, and those
// of IPv6 that carry an IPv4 address or belong to one site.
var special = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

// global is the one block of IPv6 that is given out.
var global = netip.MustParsePrefix("2000::/3")

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// public reports whether an address can be that of a server on the internet.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if a.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !global.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}

// refusePrivate is asked by the dialer with the address that it is about to connect
// to, after names were looked up: a name that changes its mind gains nothing.
func refusePrivate(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !public(at.Addr()) {
		return fmt.Errorf("%w: %s; allow_private lets it in", ErrAddress, address)
	}
	return nil
}
