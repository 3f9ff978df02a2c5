// Package web holds what browsers get from the gateway: the call button
// (widget.js) and the demo page, built from the TypeScript in this folder by
// `make web` and embedded as files. It refuses to render anything on the server
// and to mint tokens; the caller of Handler does that beside it.
//
// It has no goroutines.
package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
)

// ErrNotBuilt says that the files were not built before the binary was.
var ErrNotBuilt = errors.New("web: the browser's files are missing; run make web")

//go:embed all:dist
var dist embed.FS

// asset is one file and how it is served.
type asset struct {
	path, file, contentType string
	anyOrigin               bool // pages of other sites may load it
	policy                  string
}

// DemoPolicy is the Content-Security-Policy of the demo page: what a page needs
// that shows the widget, and nothing else.
const DemoPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"media-src 'self' blob:; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

var assets = []asset{
	{path: "/widget.js", file: "widget.js", contentType: "text/javascript; charset=utf-8", anyOrigin: true},
	{path: "/demo", file: "demo.html", contentType: "text/html; charset=utf-8", policy: DemoPolicy},
	{path: "/demo/demo.css", file: "demo.css", contentType: "text/css; charset=utf-8"},
	{path: "/demo/demo.js", file: "demo.js", contentType: "text/javascript; charset=utf-8"},
}

// Files returns the built files: widget.js, demo.html, demo.css and demo.js. The
// error is ErrNotBuilt when one is missing.
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

// Handler serves GET and HEAD of /widget.js to all origins and, if demo, /demo
// with its /demo/demo.css and /demo/demo.js. Each answer has an ETag and is asked
// for anew by browsers, so that an upgrade reaches every page at once. Without
// built files every answer is 503 with a sentence that says so.
func Handler(demo bool) http.Handler { return handler(dist, demo) }

func handler(embedded fs.FS, demo bool) http.Handler {
	mux := http.NewServeMux()
	files, missing := built(embedded)
	for _, a := range assets {
		if !demo && !a.anyOrigin {
			continue
		}
		mux.Handle("GET "+a.path, serve(a, files, missing))
	}
	return mux
}

// serve reads a file once and answers with it, or says why it can not.
func serve(a asset, files fs.FS, missing error) http.HandlerFunc {
	var content []byte
	if missing == nil {
		content, missing = fs.ReadFile(files, a.file)
	}
	sum := sha256.Sum256(content)
	etag := strconv.Quote(base64.RawURLEncoding.EncodeToString(sum[:12]))
	return func(w http.ResponseWriter, r *http.Request) {
		if missing != nil {
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, missing.Error(), http.StatusServiceUnavailable)
			return
		}
		a.head(w.Header())
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		if r.Method != http.MethodHead {
			_, _ = w.Write(content) // the browser may have gone
		}
	}
}

func (a asset) head(h http.Header) {
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if a.anyOrigin {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	if a.policy != "" {
		h.Set("Content-Security-Policy", a.policy)
		h.Set("Permissions-Policy", "microphone=(self), camera=(), geolocation=()")
	}
}
