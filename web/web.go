// Package web holds what browsers get from the gateway: the call button
// (widget.js) and the demo page, built from the TypeScript in this folder by
// `make web` and embedded as files. It refuses to render anything on the server
// and to mint tokens; who mounts Handler does that beside it.
//
// It has no goroutines.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"
)

// ErrNotBuilt says that the files were not built before the binary was.
var ErrNotBuilt = errors.New("web: the browser's files are missing; run make web")

//go:embed all:dist
var dist embed.FS

// DemoPolicy is the Content-Security-Policy of the demo page: what a page needs
// that shows the widget, and nothing else.
const DemoPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"media-src 'self' blob:; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'"

// asset is one file and how it is served.
type asset struct {
	path, file, contentType string
	widget                  bool   // of the widget: pages of all origins may load it
	policy                  string // of a page
}

var assets = []asset{
	{path: "/widget.js", file: "widget.js", contentType: "text/javascript; charset=utf-8", widget: true},
	{path: "/demo", file: "demo.html", contentType: "text/html; charset=utf-8", policy: DemoPolicy},
	{path: "/demo/demo.css", file: "demo.css", contentType: "text/css; charset=utf-8"},
	{path: "/demo/demo.js", file: "demo.js", contentType: "text/javascript; charset=utf-8"},
	{path: "/demo/icon.svg", file: "icon.svg", contentType: "image/svg+xml"},
}

// Files returns the built files: widget.js and those of the demo page. The error
// is ErrNotBuilt when one is missing.
func Files() (fs.FS, error) { return built(dist) }

func built(embedded fs.FS) (fs.FS, error) {
	files, err := fs.Sub(embedded, "dist")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	for _, a := range assets {
		if _, err := fs.Stat(files, a.file); err != nil {
			return nil, fmt.Errorf("%w (no %s)", ErrNotBuilt, a.file)
		}
	}
	return files, nil
}

// Handler serves GET and HEAD of /widget.js to pages of all origins and, if demo,
// the page /demo and what it consists of, under /demo/. Each answer has an ETag,
// and browsers ask each time whether it still holds, so that an upgrade reaches
// every page at once. Without built files every answer is 503 and says so.
func Handler(demo bool) http.Handler { return handler(dist, demo) }

func handler(embedded fs.FS, demo bool) http.Handler {
	mux := http.NewServeMux()
	files, missing := built(embedded)
	for _, a := range assets {
		if demo || a.widget {
			mux.Handle("GET "+a.path, a.handler(files, missing))
		}
	}
	return mux
}

// handler reads the file once and answers with it, or says why it can not.
func (a asset) handler(files fs.FS, missing error) http.HandlerFunc {
	if missing != nil {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, missing.Error(), http.StatusServiceUnavailable)
		}
	}
	plain, err := fs.ReadFile(files, a.file)
	if err != nil {
		return a.handler(nil, fmt.Errorf("%w (%v)", ErrNotBuilt, err))
	}
	packed := pack(plain)
	sum := sha256.Sum256(plain)
	tag := base64.RawURLEncoding.EncodeToString(sum[:12])
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		a.head(h)
		content, etag := plain, tag
		if accepts(r, "gzip") {
			content, etag = packed, tag+"-gzip"
			h.Set("Content-Encoding", "gzip")
		}
		h.Set("ETag", `"`+etag+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

func (a asset) head(h http.Header) {
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "Accept-Encoding")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if a.widget {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	if a.policy != "" {
		h.Set("Content-Security-Policy", a.policy)
		h.Set("Permissions-Policy", "microphone=(self), camera=(), geolocation=()")
	}
}

// pack compresses what is served many times; writing to memory does not fail.
func pack(plain []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = w.Write(plain)
	_ = w.Close()
	return b.Bytes()
}

// accepts reports whether a request takes a content coding (RFC 9110, 12.5.3).
// Quality values but for zero are not looked at.
func accepts(r *http.Request, coding string) bool {
	for _, part := range strings.Split(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, quality, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			return strings.Trim(strings.TrimPrefix(strings.TrimSpace(quality), "q="), "0.") != "" || quality == ""
		}
	}
	return false
}
