package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestWebhooksCommands runs the commands against an operator listener that has two
// dead deliveries, and knows no others.
func TestWebhooksCommands(t *testing.T) {
	one := func(id int, state string) string {
		return fmt.Sprintf(`{"id":%d,"queue":"webhook-crm","key":"msg_1","state":%q,"attempt":10,"added_at":"2026-03-01T12:00:00Z",`+
			`"endpoint":"crm","event":"call.finished","call":"c%d","error":"webhooks: answered 502"}`, id, state, id)
	}
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.String())
		switch {
		case r.Method == http.MethodGet:
			fmt.Fprintf(w, `{"deliveries":[%s,%s]}`, one(8, "dead"), one(7, "dead"))
		case r.URL.Path == "/api/v1/webhooks/7/retry", r.URL.Path == "/api/v1/webhooks/8/retry":
			io.WriteString(w, one(7, "waiting"))
		default:
			http.Error(w, "no such delivery", http.StatusNotFound)
		}
	}))
	defer server.Close()
	t.Setenv("SIDETONE_SERVER_ADMIN_LISTEN", server.Listener.Addr().String())
	for _, step := range []struct{ args, printed, fails, asked string }{
		{"list", "8   2026", "", "GET /api/v1/webhooks?limit=50"},
		{"list --state dead --endpoint crm --limit 3", "webhooks: answered 502", "", "GET /api/v1/webhooks?endpoint=crm&limit=3&state=dead"},
		{"list --json", `"endpoint": "crm"`, "", "GET /api/v1/webhooks?limit=50"},
		{"retry 7", "retried 7 crm call.finished c7", "", "POST /api/v1/webhooks/7/retry"},
		{"retry --dead --endpoint crm", "retried 7", "",
			"GET /api/v1/webhooks?endpoint=crm&limit=1000&state=dead POST /api/v1/webhooks/8/retry POST /api/v1/webhooks/7/retry"},
		{"retry 9", "", "no such delivery", "POST /api/v1/webhooks/9/retry"},
		{"retry", "", "name the ids", ""},
		{"retry 7 --dead", "", "name the ids", ""},
		{"retry 7 --endpoint crm", "", "name the ids", ""},
		{"retry seven", "", `"seven" is no id`, ""},
	} {
		asked = nil
		printed, err := printedBy(t, append([]string{"webhooks"}, strings.Fields(step.args)...)...)
		if (err == nil) != (step.fails == "") || err != nil && !strings.Contains(err.Error(), step.fails) {
			t.Errorf("%s: %v", step.args, err)
		}
		if !strings.Contains(flat(printed), flat(step.printed)) || !slices.Equal(asked, strings.FieldsFunc(strings.ReplaceAll(step.asked, " POST", "\nPOST"), func(r rune) bool { return r == '\n' })) {
			t.Errorf("%s: printed %q, asked %q", step.args, printed, asked)
		}
	}
}

// flat makes runs of spaces one.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// printedBy runs a command and returns what it printed.
func printedBy(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	stdout := os.Stdout
	os.Stdout = out
	defer func() { os.Stdout = stdout }()
	root := command()
	root.SetArgs(append([]string{"--config", ""}, args...))
	failed := root.ExecuteContext(t.Context())
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	printed, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(printed), failed
}
