package app

import (
	"net/netip"
	"testing"
	"time"

	"sidetone/configs"
)

func TestCaps(t *testing.T) {
	var (
		here, there = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		now         = time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC)
	)
	limits := configs.Web{CallsPerAgent: 3, CallsPerAddress: 2, CallsPerAddressDay: 3, CallsPerDay: 5, MinutesPerDay: 30}
	c := newCaps(limits)
	take := func(call string, from netip.Addr, want string) {
		t.Helper()
		r, ok := c.take(call, "interview", from, now)
		if ok != (want == "") || r.Code != want {
			t.Errorf("%s from %s: %v %q, want %q", call, from, ok, r.Code, want)
		}
		if !ok && (r.Status != 429 || r.Detail == "" || r.RetryAfter <= 0 || r.RetryAfter > 24*time.Hour) {
			t.Errorf("%s: refusal %+v", call, r)
		}
	}
	take("a", here, "")
	take("b", netip.MustParseAddr("::ffff:192.0.2.1"), "")
	take("c", here, "address_busy")
	take("c", there, "")
	take("d", there, "agent_busy")
	c.leave("a", now)
	c.leave("a", now)
	take("d", here, "")
	c.leave("b", now)
	take("e", here, "address_day")
	take("e", there, "")
	c.leave("c", now)
	c.leave("d", now)
	take("f", netip.MustParseAddr("192.0.2.3"), "day")
	now = now.Add(time.Hour)
	take("f", here, "")
	if len(c.live) != 2 || c.agents["interview"] != 2 || len(c.addresses) != 2 {
		t.Errorf("live %v, agents %v, addresses %v", c.live, c.agents, c.addresses)
	}
	now = now.Add(20 * time.Minute) // two calls of 20 minutes: e's first hour was yesterday's
	take("g", here, "day")
}

func TestOneSubscriberIsOneAddress(t *testing.T) {
	a, b := netip.MustParseAddr("2001:db8:1:2:3::4"), netip.MustParseAddr("2001:db8:1:2::9")
	if network(a) != network(b) {
		t.Errorf("%s and %s count apart", a, b)
	}
}
