package app

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sidetone/call"
	"sidetone/store"
	"sidetone/transcribe"
)

// openTestLedger opens a ledger of the test's own.
func openTestLedger(t *testing.T) *store.Ledger {
	t.Helper()
	l, err := store.OpenLedger(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), store.LedgerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// bodies are the rows of a call, as they were written.
func bodies(t *testing.T, l *store.Ledger, call string) (list []string) {
	t.Helper()
	rows, err := l.Rows(context.Background(), call)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		list = append(list, r.Event+" "+string(r.Body))
	}
	return list
}

// TestOneRowAnAccess holds that many requests are one access until a minute has
// passed without one, and that each reader, part and call has its own.
func TestOneRowAnAccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openTestLedger(t)
		s := newAccesses(l, prometheus.NewRegistry())
		first := access{"c1", theRecording, "t1", byOperator, ""}
		note := func(x access, rows int) {
			t.Helper()
			if err := s.note(t.Context(), x); err != nil {
				t.Error(err)
			}
			if got := bodies(t, l, x.call); len(got) != rows {
				t.Errorf("%+v: %d rows, want %d: %q", x, len(got), rows, got)
			}
		}
		var many sync.WaitGroup
		for range 20 {
			many.Go(func() { s.note(t.Context(), first) })
		}
		many.Wait()
		note(first, 1)
		for range 5 {
			time.Sleep(59 * time.Second)
			note(first, 1)
		}
		time.Sleep(time.Minute)
		note(first, 2)
		note(access{"c1", theTranscript, "t1", byOperator, ""}, 3)
		note(access{"c1", theRecording, "t1", byLink, "a1"}, 4)
		note(access{"c1", theRecording, "t1", byLink, "b2"}, 5)
		note(access{"c2", theRecording, "t1", byOperator, ""}, 1)
		if got := bodies(t, l, "c1")[3]; got != `accessed {"what":"recording","take":"t1","by":"link","link":"a1"}` {
			t.Errorf("the row is %s", got)
		}
		for n := range 3 * accessesKept {
			s.of(access{call: "other", Link: string(rune(n + 1))}).last.Store(time.Now().Add(-time.Hour).UnixNano())
		}
		if s.of(first); len(s.open) > accessesKept+1 {
			t.Errorf("%d accesses are kept", len(s.open))
		}
		note(first, 5)
	})
}

// TestAccessesAreNoRowsOfConsent holds that a ledger with more accesses to a call
// than it may have rows of consent is right.
func TestAccessesAreNoRowsOfConsent(t *testing.T) {
	l := openTestLedger(t)
	for range 250 {
		if err := noteAccess(t.Context(), l, access{"c1", theRecording, "t1", byCLI, ""}); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := l.Rows(t.Context(), "c1")
	if err != nil {
		t.Fatal(err)
	}
	if err := checkCall("c1", rows); err != nil || len(rows) != 250 {
		t.Errorf("%d rows: %v", len(rows), err)
	}
}

// TestNothingIsReadWithoutARow holds that an access that can not be noted is none.
func TestNothingIsReadWithoutARow(t *testing.T) {
	l := openTestLedger(t)
	s := newAccesses(l, prometheus.NewRegistry())
	l.Close()
	for range 2 {
		if err := s.note(t.Context(), access{"c1", theRecording, "t1", byOperator, ""}); err == nil {
			t.Error("read without a row")
		}
	}
}

// TestLiveWordsAreNoted holds that who follows the events has a row for each call
// whose words are shown, and sees none without.
func TestLiveWordsAreNoted(t *testing.T) {
	l := openTestLedger(t)
	a := &App{events: newHub(), accesses: newAccesses(l, prometheus.NewRegistry()), log: slog.New(slog.DiscardHandler)}
	server := httptest.NewServer(http.HandlerFunc(a.follow))
	defer server.Close()
	answer, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	next := func() (e Event) {
		t.Helper()
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(data), &e); err != nil {
					t.Error(err)
				}
				return e
			}
		}
		t.Fatal("the stream has ended")
		return e
	}
	lines.Scan() // connected
	words := &transcribe.Turn{Text: "words"}
	a.events.publish(Event{Call: "c1", Kind: call.ConsentSettled})
	if e := next(); e.Kind != call.ConsentSettled || len(bodies(t, l, "")) != 0 {
		t.Errorf("%+v was noted: %q", e, bodies(t, l, ""))
	}
	for _, id := range []string{"c1", "c2", "c1", "c1"} {
		a.events.publish(Event{Call: id, Kind: call.Spoke, Turn: words})
		next()
		if got := bodies(t, l, id); len(got) != 1 || got[0] != `accessed {"what":"live","by":"operator"}` {
			t.Errorf("words of %s: rows %q", id, got)
		}
	}
	l.Close()
	a.events.publish(Event{Call: "c3", Kind: call.Answered, Answer: new(transcribe.Answer)})
	a.events.publish(Event{Call: "c3", Kind: call.CallEnded})
	if e := next(); e.Kind != call.CallEnded || e.Answer != nil {
		t.Errorf("shown without a row: %+v", e)
	}
}
