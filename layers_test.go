// Package sidetone_test holds the rules of this repository as tests: which
// package may import which, what must be documented and where, how long a file
// may be. It refuses to test behaviour; that is done beside the code. It has
// no goroutines.
package sidetone_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "sidetone"

// layers is the package table of the design: for each package, what it may
// import of this module. A name that ends in /... stands for a package and
// those below it. A package that is not listed may not exist.
var layers = map[string][]string{
	".":            {},
	"cmd/sidetone": {"configs", "internal/..."},
	"configs":      {},
	"media":        {},
	"media/opus":   {"media"},

	"telephony":         {"media"},
	"telephony/legtest": {"media", "telephony"},
	"telephony/twilio":  {"media", "telephony"},
	"telephony/webrtc":  {"media", "telephony", "media/opus"},

	"consent":          {"media"},
	"consent/gatetest": {"media", "consent"},

	"transcribe": {"media", "consent", "internal/onnx"},
	// The contract is held in tests, and by a command against vendors, with audio
	// that is nobody's: for that it opens a gate.
	"transcribe/contract":   {"media", "consent", "transcribe", "consent/gatetest", "internal/sim"},
	"transcribe/enginetest": {"media", "consent", "transcribe", "transcribe/contract", "transcribe/remote", "internal/sim"},
	"transcribe/vad":        {"media", "consent", "internal/onnx", "internal/models", "transcribe"},
	"transcribe/moonshine":  {"media", "consent", "internal/onnx", "internal/models", "transcribe"},
	// What engines elsewhere have in common: connections, replay, the call's clock.
	"transcribe/remote":   {"media", "consent", "transcribe"},
	"transcribe/deepgram": {"media", "consent", "transcribe", "transcribe/remote"},
	"transcribe/openai":   {"media", "consent", "transcribe", "transcribe/remote"},

	// Engines that take over from each other.
	"transcribe/chain": {"media", "consent", "transcribe", "internal/breaker"},

	"transcribe/spoken": {"transcribe", "media"},

	"dialog":               {"media", "consent"},
	"dialog/script":        {"media", "consent", "dialog", "dialog/tts"},
	"dialog/llm":           {"media", "consent", "dialog", "dialog/tts", "internal/breaker"},
	"dialog/llm/openai":    {"media", "consent", "dialog", "dialog/llm"},
	"dialog/llm/anthropic": {"media", "consent", "dialog", "dialog/llm"},
	"dialog/llm/contract":  {"dialog/llm"},
	"dialog/llm/chattest":  {"dialog/llm", "dialog/llm/contract", "internal/sim"},
	"dialog/tts":           {"media", "consent", "dialog", "internal/breaker"},
	// What voices elsewhere have in common, the contract, and the suite with fakes.
	"dialog/tts/remote":     {"media", "dialog", "dialog/tts"},
	"dialog/tts/openai":     {"media", "dialog", "dialog/tts", "dialog/tts/remote"},
	"dialog/tts/elevenlabs": {"media", "dialog", "dialog/tts", "dialog/tts/remote"},
	"dialog/tts/deepgram":   {"media", "dialog", "dialog/tts", "dialog/tts/remote"},
	"dialog/tts/contract":   {"media", "dialog"},
	"dialog/tts/voicetest":  {"media", "dialog", "dialog/tts", "dialog/tts/remote", "dialog/tts/contract", "internal/sim"},
	"dialog/tts/flite":      {"media", "consent", "dialog", "dialog/tts", "internal/models"},
	"dialog/tts/piper":      {"media", "consent", "dialog", "dialog/tts", "internal/models", "internal/onnx"},

	"seal":     {},
	"seal/kms": {"seal"},
	"recorder": {"media", "consent", "seal"},
	// Voice activity and the spoken yes are what the call drives itself, with bare
	// frames.
	"call":         {"media", "telephony", "consent", "transcribe", "transcribe/vad", "transcribe/spoken", "dialog", "recorder", "seal"},
	"store":        {},
	"store/pgtest": {},
	"web":          {},
	"web/webtest":  {},

	"internal/app":               {"..."},
	"internal/scenario":          {"media", "configs", "dialog/tts/flite", "transcribe/moonshine", "internal/app", "internal/sim"},
	"internal/webhooks":          {},
	"internal/breaker":           {},
	"internal/onnx":              {"internal/models"},
	"internal/models":            {},
	"internal/models/modelstest": {"internal/models"},
	"internal/sim":               {"media", "telephony", "dialog/tts/flite"},
}

// testLayers is what the tests of a package may import besides: the suites and
// fakes that are made for them, and whatever shows a promise end to end. Every
// test may use internal/sim.
var testLayers = map[string][]string{
	".":                     {"..."},
	"cmd/sidetone":          {"..."},
	"internal/app":          {"..."},
	"internal/sim":          {"..."},
	"internal/scenario":     {"transcribe", "internal/models/..."},
	"call":                  {"..."},
	"telephony":             {"telephony/legtest"},
	"web":                   {"web/webtest"},
	"telephony/twilio":      {"telephony/legtest"},
	"telephony/webrtc":      {"telephony/legtest", "transcribe/...", "internal/models/..."},
	"transcribe":            {"transcribe/enginetest", "consent/gatetest"},
	"transcribe/contract":   {"transcribe/..."},
	"transcribe/spoken":     {"transcribe/...", "internal/models/..."},
	"transcribe/vad":        {"transcribe/enginetest", "consent/gatetest", "internal/models/..."},
	"transcribe/moonshine":  {"transcribe/enginetest", "transcribe/vad", "consent/gatetest", "internal/models/..."},
	"transcribe/chain":      {"transcribe/...", "consent/gatetest"},
	"transcribe/remote":     {"consent/gatetest"},
	"transcribe/deepgram":   {"transcribe/enginetest"},
	"transcribe/openai":     {"transcribe/enginetest"},
	"internal/onnx":         {"internal/models/..."},
	"internal/models":       {"internal/models/modelstest"},
	"consent":               {"consent/gatetest"},
	"dialog":                {"consent/gatetest", "dialog/..."},
	"dialog/script":         {"consent/gatetest"},
	"dialog/llm":            {"consent/gatetest", "dialog/llm/openai"},
	"dialog/llm/openai":     {"consent/gatetest", "dialog/llm/chattest"},
	"dialog/llm/anthropic":  {"dialog/llm/chattest"},
	"dialog/tts":            {"consent/gatetest"},
	"dialog/tts/openai":     {"dialog/tts/voicetest"},
	"dialog/tts/elevenlabs": {"dialog/tts/voicetest"},
	"dialog/tts/deepgram":   {"dialog/tts/voicetest"},
	"dialog/tts/flite":      {"consent/gatetest", "internal/models/..."},
	"dialog/tts/piper":      {"dialog/tts/flite", "transcribe/moonshine", "internal/breaker", "internal/models/..."},
	"recorder":              {"consent/gatetest", "store"},
	"store":                 {"store/pgtest"},
}

// homes confines what others made: a package whose path begins with the key
// may be imported only by the packages named, whose tests and doubles are free.
var homes = []struct{ prefix, home string }{
	{"github.com/pion/", "telephony/webrtc"},
	{"github.com/gorilla/websocket", "telephony/twilio transcribe/remote dialog/tts/elevenlabs"}, // the carrier and vendors speak through one library
	{"github.com/twilio/", "telephony/twilio"},
	{"github.com/hraban/opus", "media/opus"},
	{"github.com/hajimehoshi/go-mp3", "media"},
	{"github.com/aws/aws-sdk-go-v2/service/s3", "store"},
	{"github.com/aws/aws-sdk-go-v2/service/kms", "seal/kms"},
	{"github.com/versity/versitygw", "store"},
	{"modernc.org/sqlite", "store"},
	{"github.com/jackc/pgx", "store"},
	{"github.com/pressly/goose", "store"},
	{"github.com/riverqueue/", "store"},
	{"github.com/standard-webhooks/", "internal/webhooks"},
	{"filippo.io/age", "seal"},
	{"github.com/yalue/onnxruntime_go", "internal/onnx"},
	{"github.com/tetratelabs/wazero", "dialog/tts/flite"},
	{"github.com/openai/openai-go", "dialog/llm/openai"},
	{"github.com/anthropics/", "dialog/llm/anthropic"},
	{"github.com/spf13/cobra", "cmd/sidetone"},
}

// simulators may speak the wire of what they stand in for.
var simulators = []string{"internal/sim"}

// pkg is what go list tells of a package.
type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	// -e: a package that does not build at the moment still has imports.
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var packages []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// violations returns what is wrong with a package.
func violations(p pkg) (found []string) {
	name := inModule(p.ImportPath)
	allowed, listed := layers[name]
	if !listed {
		return []string{name + ": not in the table of packages"}
	}
	tests := slices.Concat(allowed, testLayers[name], []string{name, "internal/sim"})
	for _, i := range p.Imports {
		found = append(found, violation(name, i, allowed)...)
	}
	for _, i := range slices.Concat(p.TestImports, p.XTestImports) {
		if ours(i) {
			found = append(found, violation(name, i, tests)...)
		}
	}
	return found
}

// violation says why a package may not import another, if so.
func violation(name, imported string, allowed []string) []string {
	if ours(imported) {
		if !slices.ContainsFunc(allowed, func(pattern string) bool { return matches(pattern, inModule(imported)) }) {
			return []string{fmt.Sprintf("%s: must not import %s", name, inModule(imported))}
		}
		return nil
	}
	for _, h := range homes {
		if strings.HasPrefix(imported, h.prefix) && !slices.Contains(strings.Fields(h.home), name) && !slices.Contains(simulators, name) {
			return []string{fmt.Sprintf("%s: must not import %s, whose home is %s", name, imported, h.home)}
		}
	}
	return nil
}

func ours(importPath string) bool {
	return importPath == module || strings.HasPrefix(importPath, module+"/")
}

// inModule returns the path within the module; "." for its root.
func inModule(importPath string) string {
	return path.Clean("./" + strings.TrimPrefix(importPath, module))
}

func matches(pattern, name string) bool {
	base, tree := strings.CutSuffix(pattern, "...")
	base = strings.TrimSuffix(base, "/")
	return name == base || tree && (base == "" || strings.HasPrefix(name, base+"/"))
}

func TestLayers(t *testing.T) {
	packages := listPackages(t)
	if len(packages) < 5 {
		t.Fatalf("go list found %d packages", len(packages))
	}
	for _, p := range packages {
		for _, v := range violations(p) {
			t.Error(v)
		}
	}
}

// A rule that cannot be broken holds nothing.
func TestLayersCanFail(t *testing.T) {
	for _, test := range []struct {
		p    pkg
		want string
	}{
		{pkg{ImportPath: "sidetone/helpers"}, "helpers: not in the table of packages"},
		{pkg{ImportPath: "sidetone/media", Imports: []string{"sidetone/call"}}, "media: must not import call"},
		{pkg{ImportPath: "sidetone/media", Imports: []string{"sidetone"}}, "media: must not import ."},
		{pkg{ImportPath: "sidetone/store", Imports: []string{"sidetone/recorder"}}, "store: must not import recorder"},
		{pkg{ImportPath: "sidetone/store", TestImports: []string{"sidetone/recorder"}}, "store: must not import recorder"},
		{pkg{ImportPath: "sidetone/seal", XTestImports: []string{"sidetone/store"}}, "seal: must not import store"},
		{pkg{ImportPath: "sidetone/telephony", Imports: []string{"sidetone/telephony/twilio"}}, "telephony: must not import telephony/twilio"},
		{pkg{ImportPath: "sidetone/cmd/sidetone", Imports: []string{"sidetone/store"}}, "cmd/sidetone: must not import store"},
		{pkg{ImportPath: "sidetone/call", Imports: []string{"github.com/pion/rtp"}}, "call: must not import github.com/pion/rtp, whose home is telephony/webrtc"},
		{pkg{ImportPath: "sidetone/recorder", Imports: []string{"github.com/aws/aws-sdk-go-v2/service/s3"}}, "recorder: must not import github.com/aws/aws-sdk-go-v2/service/s3, whose home is store"},
		{pkg{ImportPath: "sidetone/recorder", Imports: []string{"filippo.io/age"}}, "recorder: must not import filippo.io/age, whose home is seal"},
		{pkg{ImportPath: "sidetone/transcribe/deepgram", Imports: []string{"github.com/gorilla/websocket"}}, "transcribe/deepgram: must not import github.com/gorilla/websocket, whose home is telephony/twilio transcribe/remote dialog/tts/elevenlabs"},
		{pkg{ImportPath: "sidetone/transcribe/vad", Imports: []string{"github.com/yalue/onnxruntime_go"}}, "transcribe/vad: must not import github.com/yalue/onnxruntime_go, whose home is internal/onnx"},
		{pkg{ImportPath: "sidetone/internal/app", Imports: []string{"sidetone/store", "net/http"}}, ""},
		{pkg{ImportPath: "sidetone/seal", Imports: []string{"filippo.io/age/armor"}}, ""},
		{pkg{ImportPath: "sidetone/cmd/sidetone", Imports: []string{"sidetone/internal/app"}}, ""},
		{pkg{ImportPath: "sidetone/seal", TestImports: []string{"sidetone/seal"}}, ""},
	} {
		if got := strings.Join(violations(test.p), "\n"); got != test.want {
			t.Errorf("%+v: found %q, wanted %q", test.p, got, test.want)
		}
	}
}

// The table allows only packages that it lists.
func TestLayersAreClosed(t *testing.T) {
	for _, table := range []map[string][]string{layers, testLayers} {
		for name, allowed := range table {
			if _, listed := layers[name]; !listed {
				t.Errorf("%s: not in the table of packages", name)
			}
			for _, a := range allowed {
				if _, listed := layers[a]; !listed && !strings.HasSuffix(a, "...") {
					t.Errorf("%s: may import %s, which is not in the table of packages", name, a)
				}
			}
		}
	}
}
