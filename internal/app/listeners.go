package app

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sidetone/configs"
	"sidetone/store"
)

// Limits of both listeners.
const (
	headerTimeout = 5 * time.Second
	bodyTimeout   = 10 * time.Second
	idleTimeout   = time.Minute
	maxHeader     = 16 << 10
)

// openSockets binds both listeners.
func (a *App) openSockets(ctx context.Context, _ Options) (err error) {
	c := &a.config.Server
	var bind net.ListenConfig
	if a.publicAt, err = bind.Listen(ctx, "tcp", c.Listen); err != nil {
		return fmt.Errorf("server.listen: %w", err)
	}
	socket := a.publicAt
	a.onStop("public socket", func(context.Context) error { return closed(socket.Close()) })
	if a.operatorAt, err = bind.Listen(ctx, "tcp", c.AdminListen); err != nil {
		return fmt.Errorf("server.admin_listen: %w", err)
	}
	a.onStop("operator socket", func(context.Context) error { return closed(a.operatorAt.Close()) })
	if c.TLSCertFile == "" {
		return nil
	}
	certificate, err := newCertificate(c.TLSCertFile, c.TLSKeyFile)
	if err != nil {
		return fmt.Errorf("server.tls_cert_file: %w", err)
	}
	a.publicAt = tls.NewListener(a.publicAt, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate.get,
		NextProtos: []string{"http/1.1"}})
	return nil
}

// openRoutes puts both listeners to work; Start serves them.
func (a *App) openRoutes(context.Context, Options) error {
	public := http.NewServeMux()
	a.twilio.Routes(public)
	a.webRoutes(public)
	a.public = a.server(a.behindProxy(public))
	operator := http.NewServeMux()
	for pattern, handler := range a.operatorRoutes() {
		operator.Handle(pattern, handler)
	}
	a.operator = a.server(a.guard(operator))
	// Who follows the events, or listens, would hold up the end.
	serving, end := context.WithCancel(a.ctx)
	a.operator.BaseContext = func(net.Listener) context.Context { return serving }
	a.operator.RegisterOnShutdown(end)
	a.onStop("public listener", a.public.Shutdown)
	return nil
}

// behindProxy lets in requests of the trusted proxies only, where any are named:
// they end TLS, so nobody else has a reason to speak plain HTTP to us.
func (a *App) behindProxy(next http.Handler) http.Handler {
	if len(a.config.Server.TrustedProxies) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !a.trusted(from.Addr().Unmap()) {
			http.Error(w, "not a trusted proxy", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// trusted reports whether an address is that of a trusted proxy.
func (a *App) trusted(addr netip.Addr) bool {
	return slices.ContainsFunc(a.config.Server.TrustedProxies, func(text string) bool {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			return prefix.Contains(addr)
		}
		one, err := netip.ParseAddr(text)
		return err == nil && one == addr
	})
}

// PublicURL is the base under which carriers reach the gateway.
func (a *App) PublicURL() string {
	if a.config.Server.PublicURL != "" {
		return a.config.Server.PublicURL
	}
	_, port, _ := net.SplitHostPort(a.publicAt.Addr().String())
	scheme := "http"
	if a.config.Server.TLSCertFile != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort("localhost", port)
}

// closed drops the error of a listener that the server has closed before.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (a *App) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
}

// operatorRoutes is what operators and their tools see, by pattern.
// docs/openapi.yaml describes it.
func (a *App) operatorRoutes() map[string]http.Handler {
	return map[string]http.Handler{
		"GET /metrics":           promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{}),
		"GET /livez":             http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }),
		"GET /readyz":            http.HandlerFunc(a.ready),
		"GET /api/v1/calls":      http.HandlerFunc(a.listCalls),
		"GET /api/v1/calls/{id}": http.HandlerFunc(a.showCall),
		"GET /api/v1/events":     http.HandlerFunc(a.follow),

		"GET /api/v1/calls/{id}/recording":  http.HandlerFunc(a.hearing),
		"GET /api/v1/calls/{id}/transcript": http.HandlerFunc(a.reading),
		"GET /api/v1/calls/{id}/clip":       http.HandlerFunc(a.hearClip),
		"GET /api/v1/calls/{id}/snippets":   http.HandlerFunc(a.listSnippets),

		"GET /api/v1/calls/{id}/snippets/{snippet}": http.HandlerFunc(a.hearSnippet),

		"POST /api/v1/calls/{id}/links":   http.HandlerFunc(a.makeLink),
		"DELETE /api/v1/calls/{id}/links": http.HandlerFunc(a.revokeLinks),

		"POST /api/v1/calls/{id}/corrections": http.HandlerFunc(a.correctCall),

		"POST /api/v1/calls/{id}/commands": http.HandlerFunc(a.commandCall),

		"GET /api/v1/webhooks":             http.HandlerFunc(a.listHooks),
		"POST /api/v1/webhooks/{id}/retry": http.HandlerFunc(a.retryHook),

		"POST /api/v1/calls/{id}/hold":   http.HandlerFunc(a.holdCall),
		"DELETE /api/v1/calls/{id}/hold": http.HandlerFunc(a.releaseCall),
		"POST /api/v1/erasures":          http.HandlerFunc(a.eraseCalls),
		"GET /api/v1/erasures/{id}":      http.HandlerFunc(a.showReceipt),
		"GET /api/v1/retention":          http.HandlerFunc(a.showRetention),
		"POST /api/v1/retention/sweeps":  http.HandlerFunc(a.sweep),

		"POST /api/v1/exports": http.HandlerFunc(a.export),
		"GET /api/v1/storage":  http.HandlerFunc(a.showStorage),

		"POST /api/v1/session-tokens": http.HandlerFunc(a.sessionToken),
	}
}

// guard lets in who has the token, speaks to us by our own name and comes from
// no other site. /livez and /readyz need no token; a link lets in to what it is
// for, and a request with one to nothing else.
func (a *App) guard(next http.Handler) http.Handler {
	token := string(a.config.Server.AdminToken)
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.ownName(r.Host) {
			http.Error(w, "unknown host", http.StatusMisdirectedRequest)
			return
		}
		if r.URL.Query().Has("link") {
			a.byLinkOnly(w, r, next)
			return
		}
		open := r.URL.Path == "/livez" || r.URL.Path == "/readyz"
		given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if token != "" && !open && subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "token required", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownName reports whether a Host header names this listener: without a token
// only loopback names do, so that no web page can reach it by rebinding DNS.
func (a *App) ownName(host string) bool {
	return a.config.Server.AdminToken != "" || isLoopback(host)
}

// isLoopback reports whether a Host header is a loopback name or address.
func isLoopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// ready says whether new calls are welcome, and if not, why.
func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	var why []string
	if a.calls.Closed() {
		why = append(why, "draining")
	}
	if a.agentFor("") == nil {
		why = append(why, "the default agent can not answer")
	}
	if a.config.Recorder.OnFull == configs.RefuseCalls && !a.recordable() {
		why = append(why, "recordings can not begin")
	}
	if err := a.storage.usable(); err != nil {
		why = append(why, "the bucket of the keys must keep no versions and have no lock")
	}
	if a.failing.Load() {
		why = append(why, "the ledger can not be written")
	}
	if len(why) > 0 {
		http.Error(w, strings.Join(why, "\n"), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (a *App) showCall(w http.ResponseWriter, r *http.Request) {
	c, err := a.db.Call(r.Context(), r.PathValue("id"))
	a.answer(w, c, err)
}

// answer writes v as JSON, or what went wrong.
func (a *App) answer(w http.ResponseWriter, v any, err error) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		http.Error(w, "no such call", http.StatusNotFound)
	case err != nil:
		a.log.Error("operator request failed", "err", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
	default:
		a.answerAs(w, http.StatusOK, v)
	}
}

// answerAs writes v as JSON.
func (a *App) answerAs(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		a.log.Debug("operator went away", "err", err)
	}
}
