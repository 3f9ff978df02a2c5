package app

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"sidetone/configs"
	"sidetone/telephony/webrtc"
)

// caps bounds what callers from web pages may take: a token proves that a site
// let them in, and nothing about how many they are. It counts in memory, by day
// (UTC), and starts anew with the process.
type caps struct {
	limits configs.Web

	mu        sync.Mutex
	live      map[string]seat // by call
	agents    map[string]int
	addresses map[netip.Addr]int
	day       time.Time // its beginning
	calls     int       // today
	visits    map[netip.Addr]int
	spent     time.Duration // today, of calls that have ended
}

// seat is what a live call takes.
type seat struct {
	agent   string
	address netip.Addr
	since   time.Time
}

func newCaps(limits configs.Web) *caps {
	return &caps{limits: limits, live: map[string]seat{}, agents: map[string]int{},
		addresses: map[netip.Addr]int{}, visits: map[netip.Addr]int{}}
}

// take takes a seat for a call, or says why there is none.
func (c *caps) take(call, agent string, address netip.Addr, now time.Time) (webrtc.Refusal, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.today(now)
	address = network(address)
	busy := func(code, detail string, after time.Duration) (webrtc.Refusal, bool) {
		return webrtc.Refusal{Status: http.StatusTooManyRequests, Code: code, Detail: detail, RetryAfter: after}, false
	}
	tomorrow := c.day.Add(24 * time.Hour).Sub(now)
	switch l := c.limits; {
	case c.agents[agent] >= l.CallsPerAgent:
		return busy("agent_busy", "The assistant is talking to as many people as it may. Please try again in a few minutes.", time.Minute)
	case c.addresses[address] >= l.CallsPerAddress:
		return busy("address_busy", "There are too many calls from your network already.", time.Minute)
	case c.visits[address] >= l.CallsPerAddressDay:
		return busy("address_day", "There have been too many calls from your network today.", tomorrow)
	case c.calls >= l.CallsPerDay || c.minutes(now) >= float64(l.MinutesPerDay):
		return busy("day", "The assistant has talked as much as it may today. Please come back tomorrow.", tomorrow)
	}
	c.live[call] = seat{agent, address, now}
	c.agents[agent]++
	c.addresses[address]++
	c.visits[address]++
	c.calls++
	return webrtc.Refusal{}, true
}

// leave gives the seat of a call back; idempotent.
func (c *caps) leave(call string, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.live[call]
	if !ok {
		return
	}
	c.today(now)
	delete(c.live, call)
	if c.agents[s.agent]--; c.agents[s.agent] == 0 {
		delete(c.agents, s.agent)
	}
	if c.addresses[s.address]--; c.addresses[s.address] == 0 {
		delete(c.addresses, s.address)
	}
	c.spent += c.lasted(s, now)
}

// minutes returns how long all of today's calls have lasted.
func (c *caps) minutes(now time.Time) float64 {
	all := c.spent
	for _, s := range c.live {
		all += c.lasted(s, now)
	}
	return all.Minutes()
}

// lasted returns how much of a call belongs to today.
func (c *caps) lasted(s seat, now time.Time) time.Duration {
	if s.since.Before(c.day) {
		return now.Sub(c.day)
	}
	return now.Sub(s.since)
}

// today begins a new day's counts when the day has changed.
func (c *caps) today(now time.Time) {
	if day := now.UTC().Truncate(24 * time.Hour); !day.Equal(c.day) {
		c.day, c.calls, c.spent = day, 0, 0
		clear(c.visits)
	}
}

// network is what counts as one address: a host of IPv4, the /64 that one
// subscriber of IPv6 has.
func network(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		return netip.PrefixFrom(a, 64).Masked().Addr()
	}
	return a
}
