package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/store"
	"sidetone/transcribe"
)

// want is what must come of a call.
type want struct {
	mode    consent.Mode
	outcome consent.Outcome // how the question ended, the last time
	how     consent.How     // by what
	events  string          // of all rows, or several such parted by "|"; empty for the outcome and the end
	consent string          // in the call's row; empty for the outcome
	ended   string          // outcome and reason in the call's row; empty for a caller who hung up
	takes   int             // that are there in the end
	hears   []string        // what callers are told, in this order
	never   []string        // and what they are not
	voice   string          // of the agent
	answers string          // the agent that answers, where it is not the one that was called
	dialed  string          // the number that the caller is handed on to
	early   int             // keys that came too early
	repeats int             // of the message
	held    bool            // what was kept is there, and may not be opened

	also func(*testing.T, *left) // what else must hold; may be nil
}

// left is what a call has left.
type left struct {
	*phone
	app.CallDetail
	want   want
	report sim.Report
	rows   []consent.Row

	records *app.Records
	bucket  *store.Objects
	objects []string // that bear the name of the call
}

// inspect stops the gateway and looks at what calls have left. All of the ledger
// must be as it was written.
func (x *exchange) inspect(t *testing.T, all []*left) {
	t.Helper()
	records := x.gateway.records(t)
	evidence, err := app.OpenEvidence(t.Context(), x.config, false)
	if err != nil {
		t.Fatal(err)
	}
	defer evidence.Close()
	if checked, err := evidence.Verify(t.Context(), app.TrustOptions{}); err != nil {
		t.Errorf("the ledger, of %d rows: %v", checked.Rows, err)
	}
	bucket, err := store.OpenS3(t.Context(), x.s3)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := bucket.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		if l.CallDetail, err = records.Call(t.Context(), l.report.CallSID); err != nil {
			t.Fatal(err)
		}
		l.records, l.bucket, l.rows, l.objects = records, bucket, nil, nil
		for _, p := range l.Proof {
			var r consent.Row
			if err := json.Unmarshal(p.Body, &r); err != nil {
				t.Fatal(err)
			}
			l.rows = append(l.rows, r)
		}
		for _, key := range keys {
			if strings.Contains(key, l.ID) {
				l.objects = append(l.objects, key)
			}
		}
	}
}

// check holds what a call has left against what was wanted.
func (l *left) check(t *testing.T) {
	t.Helper()
	w := l.want
	if l.err != nil {
		t.Errorf("the caller: %v", l.err)
	}
	if w.events == "" {
		w.events = string(w.outcome) + " ended"
	}
	if events := l.trail(); !slices.Contains(strings.Split(w.events, "|"), events) {
		for n := 1; n <= l.Takes && l.Recording == "stored"; n++ {
			t.Logf("take %d:\n%s", n, l.take(t, n).text())
		}
		t.Fatalf("the rows are %q, want %q", events, w.events)
	}
	if err := consent.CheckRows(l.rows); err != nil {
		t.Error(err)
	}
	answer := l.row(string(w.outcome))
	if answer.Mode != w.mode || answer.How != w.how || answer.Message.EarlyKeys != w.early || answer.Message.Repeats != w.repeats {
		t.Errorf("asked by %s, and %s by %s after %d early keys and %d repeats; want %s, %s, %d, %d", answer.Mode, answer.Event, answer.How,
			answer.Message.EarlyKeys, answer.Message.Repeats, w.mode, w.how, w.early, w.repeats)
	}
	if settling := []consent.Outcome{consent.Granted, consent.NotAsked, consent.Refused, consent.Undecided}; slices.Contains(settling, w.outcome) && answer.Decision == nil {
		t.Error("the row of the answer does not name the rules behind it")
	}
	if w.consent == "" {
		w.consent = string(w.outcome)
	}
	if w.ended == "" {
		w.ended = "caller hung_up"
	}
	if got := l.Outcome + " " + l.Reason; l.Consent != w.consent || got != w.ended {
		t.Errorf("the call's row says consent %q and end %q, want %q and %q", l.Consent, got, w.consent, w.ended)
	}
	if l.report.Dialed != w.dialed || w.answers != "" && l.Agent != w.answers {
		t.Errorf("the caller was handed on to %q and answered by %s, want %q and %s", l.report.Dialed, l.Agent, w.dialed, w.answers)
	}
	l.checkHeard(t, w)
	if len(l.report.Faults) > 0 {
		t.Errorf("the carrier met faults: %v", l.report.Faults)
	}
	for n := 1; n <= w.takes; n++ {
		l.checkTake(t, n)
	}
	if w.takes == 0 {
		l.checkNothing(t)
	}
	if w.also != nil {
		w.also(t, l)
	}
}

// trail is the events of the rows, parted by spaces.
func (l *left) trail() string {
	var events []string
	for _, r := range l.rows {
		events = append(events, r.Event)
	}
	return strings.Join(events, " ")
}

// row is the last row of an event; the zero Row where there is none.
func (l *left) row(event string) (found consent.Row) {
	for _, r := range l.rows {
		if r.Event == event {
			found = r
		}
	}
	return found
}

// nth is the n-th row of an event, from 0.
func (l *left) nth(t *testing.T, event string, n int) consent.Row {
	t.Helper()
	for _, r := range l.rows {
		if r.Event != event {
			continue
		}
		if n == 0 {
			return r
		}
		n--
	}
	t.Fatalf("there are not that many %q rows: %s", event, l.trail())
	return consent.Row{}
}

func (l *left) checkHeard(t *testing.T, w want) {
	t.Helper()
	from := 0
	for _, text := range w.hears {
		at, next, err := l.x.voices.heardAt(l.report.Heard, w.voice, text, from)
		if err != nil {
			t.Fatal(err)
		}
		if at < 0 {
			t.Errorf("the caller did not hear %q after %.1f s of %.1f s", text, float64(from)/8000, float64(len(l.report.Heard))/8000)
		}
		from = next
	}
	for _, text := range w.never {
		at, _, err := l.x.voices.heardAt(l.report.Heard, w.voice, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		if at >= 0 {
			t.Errorf("at %.1f s the caller heard %q", float64(at)/8000, text)
		}
	}
}

// take is a take as it can be opened afterwards. Its channels are at 8 kHz and
// begin at tick from.
type take struct {
	from, to      media.Tick
	caller, agent []int16
	words         transcribe.Transcript
}

// name is the name of the n-th take.
func takeName(n int) string { return "t" + strconv.Itoa(n) }

// take opens the n-th take with the product's own means.
func (l *left) take(t *testing.T, n int) take {
	t.Helper()
	manifest, err := l.bucket.Get(t.Context(), recorder.ManifestObject(l.ID, takeName(n)))
	if err != nil {
		t.Fatal(err)
	}
	var m recorder.Manifest
	if err := json.Unmarshal(manifest, &m); err != nil {
		t.Fatal(err)
	}
	if !m.Complete {
		t.Errorf("take %d is incomplete: %v", n, m.Incomplete)
	}
	var wav, doc bytes.Buffer
	if _, err := l.records.Recording(t.Context(), l.ID, takeName(n), "", &wav); err != nil {
		t.Fatal(err)
	}
	k := take{from: m.Origin}
	k.caller, k.agent = channels(wav.Bytes())
	k.to = k.from + media.TickOfSample(int64(len(k.caller)), 8000)
	if err := l.records.Transcript(t.Context(), l.ID, takeName(n), "", "json", &doc); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(doc.Bytes(), &k.words); err != nil {
		t.Fatal(err)
	}
	return k
}

// text is all that a take's transcript holds, in small letters.
func (k take) text() string {
	var b strings.Builder
	for _, turn := range k.words.Turns {
		fmt.Fprintln(&b, turn.Speaker, turn.Text)
	}
	for _, a := range k.words.Answers {
		fmt.Fprintln(&b, a.Key, a.Value)
	}
	return strings.ToLower(b.String())
}

// sample is where a tick of the call lies in a take.
func (k take) sample(at media.Tick) int {
	return min(max(0, int((at-k.from).Sample(8000))), len(k.caller))
}

// checkTake holds the n-th take against the row that permits it: the announcement
// is in it, and before the grant nothing of the caller.
func (l *left) checkTake(t *testing.T, n int) {
	t.Helper()
	k, grant := l.take(t, n), l.nth(t, string(consent.Granted), n-1)
	granted := media.TicksIn(seconds(grant.At))
	if at := loudIn(k.caller[:k.sample(granted)]); at >= 0 {
		t.Errorf("take %d holds the caller %d samples after its begin, and the grant came at %d", n, at, k.sample(granted))
	}
	if loudIn(k.agent[:k.sample(granted)]) < 0 {
		t.Errorf("take %d does not hold the announcement", n)
	}
	for _, p := range grant.Message.Parts {
		if at := media.TicksIn(seconds(p.From)); !p.Confirmed || at < k.from {
			t.Errorf("take %d begins at %v, and part %s at %v, confirmed %v", n, k.from.Duration(), p.Kind, at.Duration(), p.Confirmed)
		}
	}
	if !strings.Contains(k.text(), "this call is recorded.") {
		t.Errorf("the transcript of take %d does not hold the announcement:\n%s", n, k.text())
	}
}

// checkNothing holds that a call has left nothing but facts.
func (l *left) checkNothing(t *testing.T) {
	t.Helper()
	if len(l.objects) > 0 && !l.want.held {
		t.Errorf("nothing may be kept, and the bucket holds %v", l.objects)
	}
	for n := 1; n <= 3; n++ {
		if _, err := l.records.Recording(t.Context(), l.ID, takeName(n), "", new(bytes.Buffer)); err == nil {
			t.Errorf("take %d can be opened", n)
		}
		if err := l.records.Transcript(t.Context(), l.ID, takeName(n), "", "text", new(bytes.Buffer)); err == nil {
			t.Errorf("the words of take %d can be read", n)
		}
	}
}

// seenBy returns what the operator saw of a call while it ran.
func (l *left) seenBy(kinds ...any) (events []app.Event) {
	l.x.mu.Lock()
	defer l.x.mu.Unlock()
	for _, e := range l.x.events[l.report.CallSID] {
		if slices.Contains(kinds, any(e.Kind)) {
			events = append(events, e)
		}
	}
	return events
}

// loudIn returns the first sample that is no digital silence; -1 where all are.
func loudIn(pcm []int16) int {
	return slices.IndexFunc(pcm, func(s int16) bool { return s != 0 })
}

// seconds is a time of a row.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// scrape reads the metrics, by their names with labels.
func (x *exchange) scrape(t testing.TB) map[string]float64 {
	t.Helper()
	_, text := x.get(t, "/metrics")
	x.metrics = text
	all := map[string]float64{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if ok {
			name += "}"
		} else if name, value, ok = strings.Cut(strings.TrimSpace(line), " "); !ok {
			continue
		}
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			all[name] = n
		}
	}
	return all
}
