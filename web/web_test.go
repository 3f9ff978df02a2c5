package web

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"sidetone/web/webtest"
)

// get asks a handler for something, with headers as name, value, name, value.
func get(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// One browser is enough for all tests of this package.
func TestMain(m *testing.M) { os.Exit(webtest.Main(m)) }

func TestFilesAreServed(t *testing.T) {
	h := Handler(true)
	for path, want := range map[string]struct{ contentType, origin, begin string }{
		"/widget.js":     {"text/javascript; charset=utf-8", "*", ""},
		"/demo":          {"text/html; charset=utf-8", "", "<!doctype html>"},
		"/demo/demo.css": {"text/css; charset=utf-8", "", ""},
		"/demo/demo.js":  {"text/javascript; charset=utf-8", "", ""},
		"/demo/icon.svg": {"image/svg+xml", "", "<svg"},
	} {
		w := get(h, http.MethodGet, path)
		head := w.Header()
		if w.Code != http.StatusOK || w.Body.Len() == 0 || !strings.HasPrefix(w.Body.String(), want.begin) ||
			head.Get("Content-Type") != want.contentType || head.Get("Access-Control-Allow-Origin") != want.origin ||
			head.Get("Cache-Control") != "no-cache" || head.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d, %d bytes, %v", path, w.Code, w.Body.Len(), head)
		}
		etag := head.Get("ETag")
		if again := get(h, http.MethodGet, path, "If-None-Match", etag); etag == "" || again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%s with ETag %s: %d, %d bytes", path, etag, again.Code, again.Body.Len())
		}
		if old := get(h, http.MethodGet, path, "If-None-Match", `"old"`); old.Code != http.StatusOK {
			t.Errorf("%s with another ETag: %d", path, old.Code)
		}
		if head := get(h, http.MethodHead, path); head.Code != http.StatusOK || head.Body.Len() > 0 {
			t.Errorf("HEAD %s: %d, %d bytes", path, head.Code, head.Body.Len())
		}
		if post := get(h, http.MethodPost, path); post.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, post.Code)
		}
	}
	if other := get(h, http.MethodGet, "/demo/other"); other.Code != http.StatusNotFound {
		t.Errorf("/demo/other: %d", other.Code)
	}
}

func TestFilesAreCompressed(t *testing.T) {
	h := Handler(true)
	plain := get(h, http.MethodGet, "/widget.js")
	for accept, want := range map[string]string{
		"gzip": "gzip", "br, gzip;q=0.5": "gzip", "GZIP ; q=1": "gzip",
		"": "", "identity": "", "gzip;q=0": "", "gzip;q=0.000": "", "xgzip": "",
	} {
		w := get(h, http.MethodGet, "/widget.js", "Accept-Encoding", accept)
		if got := w.Header().Get("Content-Encoding"); got != want || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: Content-Encoding %q", accept, got)
			continue
		}
		if want == "" {
			continue
		}
		if w.Header().Get("ETag") == plain.Header().Get("ETag") {
			t.Error("both forms have the same ETag")
		}
		r, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if content, err := io.ReadAll(r); err != nil || !bytes.Equal(content, plain.Body.Bytes()) {
			t.Errorf("Accept-Encoding %q: %d bytes, %v", accept, len(content), err)
		}
	}
}

func TestDemoHasAStrictPolicy(t *testing.T) {
	policy := get(Handler(true), http.MethodGet, "/demo").Header().Get("Content-Security-Policy")
	if policy != DemoPolicy || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("the policy is %q", policy)
	}
	if widget := get(Handler(true), http.MethodGet, "/widget.js").Header().Get("Content-Security-Policy"); widget != "" {
		t.Errorf("a script has a policy: %q", widget)
	}
}

func TestDemoCanBeLeftOut(t *testing.T) {
	h := Handler(false)
	for path, want := range map[string]int{"/widget.js": 200, "/demo": 404, "/demo/demo.js": 404, "/demo/demo.css": 404} {
		if w := get(h, http.MethodGet, path); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

func TestMissingFilesAreSaid(t *testing.T) {
	if _, err := Files(); err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]fstest.MapFS{
		"nothing": {"dist/.gitkeep": {}},
		"a part":  {"dist/widget.js": {}, "dist/demo.html": {}, "dist/demo.css": {}},
	} {
		if _, err := built(files); !errors.Is(err, ErrNotBuilt) {
			t.Errorf("%s: %v", name, err)
		}
		w := get(handler(files, true), http.MethodGet, "/widget.js")
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "make web") || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %q", name, w.Code, w.Body)
		}
	}
}

// maxWidget is what the widget may cost a page, compressed.
const maxWidget = 40 << 10

func TestWidgetIsSmall(t *testing.T) {
	w := get(Handler(false), http.MethodGet, "/widget.js", "Accept-Encoding", "gzip")
	t.Logf("widget.js: %d bytes compressed", w.Body.Len())
	if w.Body.Len() > maxWidget {
		t.Errorf("widget.js has %d bytes, compressed; at most %d", w.Body.Len(), maxWidget)
	}
}

// Words are rendered as text, and nothing is left in the browser.
func TestScriptsDoWithout(t *testing.T) {
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"widget.js", "demo.js"} {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, banned := range []string{
			"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "createContextualFragment", "srcdoc",
			"eval(", "Function(", "setAttribute(\"style\"", "localStorage", "sessionStorage", "indexedDB", ".cookie", "sourceMappingURL",
		} {
			if bytes.Contains(content, []byte(banned)) {
				t.Errorf("%s uses %s", name, banned)
			}
		}
	}
}

// The embedded files are what the sources make.
func TestBuildIsCurrent(t *testing.T) {
	dir := t.TempDir()
	run(t, "node", "build.mjs", dir)
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range assets {
		got, err := fs.ReadFile(files, a.file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(dir, a.file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is older than its sources; run make web", a.file)
		}
	}
}

// The types hold, and the tests beside the sources pass.
func TestSources(t *testing.T) {
	run(t, "npm", "--silent", "run", "check")
	run(t, "npm", "--silent", "test")
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if _, err := os.Stat("node_modules"); err != nil {
		t.Fatalf("npm's packages are missing (%v); run make web", err)
	}
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
