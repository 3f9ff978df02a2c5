package app

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sidetone/store"
	"sidetone/telephony"
	"sidetone/telephony/webrtc"
	"sidetone/web"
)

// openWeb opens the browsers' side.
func (a *App) openWeb(context.Context, Options) error {
	c := a.config.Telephony.WebRTC
	secret, err := Secret(a.config.DataDir, "session_token_key")
	if err != nil {
		return err
	}
	var announce []netip.Addr
	for _, text := range c.Announce {
		announce = append(announce, netip.MustParseAddr(text)) // validated
	}
	a.caps = newCaps(a.config.Web)
	a.webrtc, err = webrtc.New(webrtc.Options{
		Listen: c.Listen, Announce: announce, PrivatePeers: a.config.PrivatePeers(),
		TURN:   webrtc.TURN{URLs: c.TURNURLs, Secret: string(c.TURNSecret), TTL: 10 * time.Minute},
		Opus:   webrtc.Opus{Bitrate: c.OpusBitrate, Complexity: c.OpusComplexity},
		Secret: []byte(secret), Once: a.db, Origins: a.config.Web.Origins, Own: a.PublicURL(), Address: a.addressOf,
		Admit: a.admitWeb, Serve: func(ctx context.Context, leg *webrtc.Leg) { a.serve(ctx, leg) },
		Unanswered: a.unanswered, Recording: a.ownRecording, Log: a.log, Metrics: webrtc.NewMetrics(a.registry),
	})
	if err != nil {
		return fmt.Errorf("telephony.webrtc.listen: %w", err)
	}
	a.onStop("web", func(context.Context) error { a.webrtc.Close(); return nil })
	return nil
}

// MediaAddr is where the browsers' sound comes in, by UDP and by TCP.
func (a *App) MediaAddr() netip.AddrPort { return a.webrtc.Addr() }

// admitWeb decides on a call that a browser asks for.
func (a *App) admitWeb(ctx context.Context, in webrtc.Incoming) (webrtc.Admission, error) {
	ready := a.agents[in.Agent]
	if ready == nil {
		a.metrics.Attempted(false)
		return webrtc.Admission{Refusal: webrtc.Refusal{Status: http.StatusNotFound, Code: "no_agent", Detail: "There is no such assistant here."}}, nil
	}
	now := time.Now()
	id := newID(now)
	refusal, ok := a.caps.take(id, in.Agent, in.Address, now)
	if !ok {
		a.metrics.Attempted(false)
		return webrtc.Admission{Refusal: refusal}, nil
	}
	admitted, err := a.book(ctx, store.Call{ID: id, CarrierID: in.Session, Agent: in.Agent,
		Kind: string(telephony.Web), Direction: string(telephony.Inbound), Started: now})
	if !admitted {
		a.caps.leave(id, now)
		return webrtc.Admission{Refusal: webrtc.Refusal{Status: http.StatusServiceUnavailable, Code: "busy",
			Detail: a.config.Limits.OverflowText, RetryAfter: time.Minute}}, err
	}
	hello := webrtc.Hello{Language: ready.Language, Ask: ready.Web.Ask, MayHear: ready.Web.Hear}
	hello.Agent.Name, hello.Agent.Description = ready.Name, ready.Description
	return webrtc.Admission{Accepted: true, CallID: id, Hello: hello}, nil
}

// addressOf returns the address of a request's browser: what the nearest trusted
// proxy says, where the request came by one.
func (a *App) addressOf(r *http.Request) netip.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address := from.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && a.trusted(address); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		address = hop.Unmap()
	}
	return address
}

// webRoutes is what browsers see, besides the calls themselves.
func (a *App) webRoutes(mux *http.ServeMux) {
	a.webrtc.Routes(mux)
	pages := web.Handler(a.config.Web.Demo)
	mux.Handle("GET /widget.js", pages)
	if !a.config.Web.Demo {
		return
	}
	mux.Handle("GET /demo", pages)
	mux.Handle("GET /demo/", pages)
	mux.HandleFunc("GET /demo/agents", a.demoAgents)
	mux.Handle("POST /demo/token", http.NewCrossOriginProtection().Handler(http.HandlerFunc(a.demoToken)))
}

// demoAgents lists the agents that the demo page can call.
func (a *App) demoAgents(w http.ResponseWriter, _ *http.Request) {
	type entry struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	}
	list := []entry{}
	for _, name := range slices.Sorted(maps.Keys(a.agents)) {
		list = append(list, entry{name, a.agents[name].Description})
	}
	a.answer(w, map[string]any{"agents": list}, nil)
}
