package app_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/store"
)

// seize keeps everybody else from writing to the gateway's ledger until the
// function that it returns is called.
func (x *exchange) seize(t *testing.T) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(x.config.DataDir, "db", "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	one, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	do := func(statement string) {
		if _, err := one.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
			t.Error(err)
		}
	}
	do("pragma busy_timeout = 5000")
	do("begin immediate")
	return func() {
		do("rollback")
		one.Close()
		db.Close()
	}
}

// ready waits until the gateway says that it is ready, or not, and returns what it
// says.
func (x *exchange) ready(t *testing.T, want int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		status, body := x.get(t, "/readyz")
		if status == want {
			return body
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("/readyz answers %d, want %d: %s", status, want, body)
		}
	}
}

// state is what has become of a call's recording.
func (x *exchange) state(t *testing.T, call string) string {
	t.Helper()
	_, body := x.get(t, "/api/v1/calls/"+call)
	var c store.Call
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		t.Fatal(err)
	}
	return c.Recording
}

// mark is something that one does for which another waits.
type mark chan struct{}

func (m mark) tell(*phone) error { close(m); return nil }

func (m mark) await(p *phone) error {
	select {
	case <-m:
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

// reached waits until callers have got to their marks.
func reached(t *testing.T, marks ...mark) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i, m := range marks {
		if err := m.await(&phone{ctx: ctx}); err != nil {
			t.Fatalf("mark %d of %d was not reached", i+1, len(marks))
		}
	}
}

// outage is what the callers of TestLedgerFails wait for.
type outage struct {
	begun   mark // the first hears the last part of its message
	agreed  mark // and is recorded
	midway  mark // the second has heard the first part of its message
	failing mark
	works   mark
}

func newOutage() outage {
	return outage{make(mark), make(mark), make(mark), make(mark), make(mark)}
}

// callers are one who is recorded when the ledger fails, one who is being asked, one
// who calls while it fails, and one who calls when it works again.
func (o outage) callers(people []sim.Utterance) []caller {
	const mode = consent.OptOutMode
	granted := want{mode: mode, outcome: consent.Granted, how: consent.HowContinued, takes: 1, hears: asks(mode)}
	unproved := want{events: "|granted", consent: string(consent.LedgerFailed), ended: "policy ledger_failed", never: []string{firstAsk, story}}
	recorded := caller{name: "recorded", agent: "teller", want: granted,
		does: steps(overhears(isRecorded), waits(1500*time.Millisecond), o.begun.tell, settled, o.agreed.tell, o.failing.await, until(app.ConsentWithdrawn),
			hears(firstAsk), presses("1"), hears(secondAsk), plays(people[1]), hears(thirdAsk),
			o.works.await, presses("*1"), hears(thirdAsk), plays(people[4]), stays)}
	recorded.ended = goodbye
	recorded.events, recorded.takes = "granted asked granted ended|granted withdrawn asked granted ended", 2
	recorded.hears = asks(mode, consent.PromptWithdrawn, conversation[1:], asks(mode), thirdAsk, bye)
	recorded.also = unprovedTake(people)
	asked := caller{name: "being asked", agent: "teller", does: steps(overhears(isMachine), o.midway.tell, stays), want: unproved}
	asked.hears = told(mode, isMachine, consent.PromptUnproved)
	late := caller{name: "while it fails", agent: "teller", does: stays, want: unproved}
	late.hears = told(mode, consent.PromptUnproved)
	return []caller{recorded, asked, late, {name: "when it works again", agent: "teller", does: steps(interrupts, hangsUp), want: granted}}
}

// TestLedgerFails has the ledger fail under a call that is recorded and one that
// is being asked, and places one more while it fails and one when it works again.
func TestLedgerFails(t *testing.T) {
	t.Parallel()
	people, err := sim.LibriVox()
	if err != nil {
		t.Fatal(err)
	}
	x := openExchange(t, map[string]string{"teller": teller(consent.OptOutMode, "")})
	o := newOutage()
	callers := o.callers(people)
	first := x.begin(t, callers[:1])
	reached(t, o.begun)
	second := x.begin(t, callers[1:2])
	reached(t, o.agreed, o.midway)
	release := x.seize(t)
	close(o.failing)
	if body := x.ready(t, http.StatusServiceUnavailable); !strings.Contains(body, "ledger") {
		t.Errorf("/readyz says %q", body)
	}
	if n := x.scrape(t)["sidetone_ledger_failing"]; n != 1 || !strings.Contains(x.logs.String(), "level=ERROR msg=\"the ledger can not be written") {
		t.Errorf("sidetone_ledger_failing is %v, want 1, and a line in the log", n)
	}
	third, cut := x.place(t, callers[2:3]), second()
	release()
	x.ready(t, http.StatusOK)
	close(o.works)
	fourth := x.place(t, callers[3:])
	all := slices.Concat(first(), cut, third, fourth)
	metrics := x.scrape(t)
	x.inspect(t, all)
	for i, l := range all {
		t.Run(callers[i].name, l.check)
	}
	checkPromises(t, metrics)
	for name, want := range map[string]float64{"sidetone_ledger_failing": 0, `sidetone_consent_withdrawals_total{how="system",scope="from_now"}`: 1,
		`sidetone_consent_outcomes_total{how="system",mode="opt_out",outcome="ledger_failed"}`: 2, `sidetone_calls_finished_total{outcome="policy",reason="ledger_failed"}`: 2} {
		if metrics[name] != want {
			t.Errorf("%s is %v, want %v", name, metrics[name], want)
		}
	}
}

// unprovedTake holds that nothing is kept while nothing can be proved.
func unprovedTake(people []sim.Utterance) func(*testing.T, *left) {
	return func(t *testing.T, l *left) {
		one, two := l.take(t, 1), l.take(t, 2)
		for _, k := range []take{one, two} {
			if contains(k.caller, people[1].Phone) || strings.Contains(k.text(), "young man") {
				t.Errorf("what was said while the ledger failed is kept:\n%s", k.text())
			}
		}
		if !contains(two.caller, people[4].Phone) {
			t.Error("what was said when it worked again is not kept")
		}
	}
}

// TestHeldDeletions has a caller take everything back while nothing may be
// destroyed, and then begins to destroy again.
func TestHeldDeletions(t *testing.T) {
	t.Parallel()
	const mode = consent.OptOutMode
	x := openExchange(t, map[string]string{"reader": reader(mode, "  whole_call: true")}, "SIDETONE_CONSENT_HOLD=true")
	callers := []caller{{name: "held", agent: "reader", does: steps(hears(firstAsk), presses("9"), hears(firstAsk), presses("9"),
		hears(told(mode, consent.PromptRequested)...), hangsUp), want: want{mode: mode, outcome: consent.Granted, how: consent.HowContinued, consent: "withdrawn", held: true,
		events: "granted withdrawn withdrawn deletion_queued ended", hears: asks(mode, hello, firstAsk, consent.PromptWithdrawn, firstAsk, consent.PromptRequested),
		never: told(mode, consent.PromptDeleted)}}}
	all := x.place(t, callers)
	metrics := x.scrape(t)
	x.inspect(t, all)
	held := all[0]
	held.check(t)
	if held.Recording != "held" || metrics[`sidetone_recording_destructions_total{result="queued"}`] != 1 {
		t.Errorf("the recording is %q, and %v destructions are queued", held.Recording, metrics[`sidetone_recording_destructions_total{result="queued"}`])
	}
	if !slices.ContainsFunc(held.objects, isSegment) {
		t.Errorf("what is held is not there: %v", held.objects)
	}

	x.config.Consent.Hold = false
	x.gateway = startOn(t, x.config, nil, x.s3)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for state := held.Recording; state != "destroyed"; state = x.state(t, held.ID) {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("the recording is %q", state)
		}
	}
	x.inspect(t, all)
	held.want.held = false
	held.check(t)
}
