package app_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sidetone/configs"
	"sidetone/consent"
	"sidetone/consent/gatetest"
	"sidetone/internal/app"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// archive is what a gateway has left, made without one: calls with their rows,
// their proof and their recordings.
type archive struct {
	t       testing.TB
	config  *configs.Config
	s3      store.S3Options
	db      *store.DB
	ledger  *store.Ledger
	objects *store.Objects
	node    *seal.Node
	keys    *seal.Keyring
	spool   *recorder.Spool
	close   func()

	ungranted   bool // calls from now on have no row that grants a recording
	unwitnessed bool // manifests from now on have no row
}

func newArchive(t testing.TB) *archive {
	t.Helper()
	dir := t.TempDir()
	a := &archive{t: t, s3: bucket(t), config: &configs.Config{DataDir: dir, Keys: configs.Keys{Dir: filepath.Join(dir, "keys")},
		Recorder: configs.Recorder{SpoolDir: filepath.Join(dir, "spool")}}}
	db := filepath.Join(dir, "db")
	var errs [7]error
	a.node, errs[0] = seal.OpenNode(app.NodeDir(a.config))
	a.db, errs[1] = store.OpenDB(t.Context(), filepath.Join(mkdir(t, db), "sidetone.db"))
	a.ledger, errs[2] = store.OpenLedger(t.Context(), filepath.Join(db, "ledger.db"), store.LedgerOptions{Sign: a.node.Sign, Key: a.node.PublicKey()})
	a.objects, errs[3] = store.OpenS3(t.Context(), a.s3)
	a.keys, errs[4] = seal.OpenKeyring(a.config.Keys.Dir)
	_, errs[5] = seal.OpenOperator(a.config.Keys.Dir)
	a.spool, errs[6] = recorder.OpenSpool(recorder.SpoolOptions{Dir: a.config.Recorder.SpoolDir, Node: a.node, Put: a.objects, Erase: a.objects,
		Conflict: store.ErrConflict, Log: quiet, Witness: func(ctx context.Context, w recorder.Witnessed) error {
			if a.unwitnessed {
				return nil
			}
			body := fmt.Sprintf(`{"take":%q,"manifest":"%v","complete":%v}`, w.Take, w.Manifest, w.Complete)
			_, err := a.ledger.Append(ctx, w.Call, "sealed", []byte(body))
			return err
		}})
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { a.spool.Run(ctx) })
	a.close = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		if err := errors.Join(a.spool.Close(), a.ledger.Close(), a.db.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(a.close)
	return a
}

// prove writes the rows of a caller who goes on after they were told, and what it opens.
func (a *archive) prove(call string, at float64, record bool) {
	a.t.Helper()
	rules := map[string]string{"converse": "after_notice", "record": "opt_out", "transcript": "opt_out", "snippet": "opt_out"}
	valves := map[string]bool{"converse": true, "record": record, "transcript": record, "snippet": record}
	row := consent.Row{Event: "granted", At: at, How: consent.HowContinued, Mode: "opt_out", Policy: rules, Valves: valves, Decision: &consent.Decision{},
		Message: consent.MessageRow{ID: "m", Language: "en", Parts: []consent.PartRow{{Kind: consent.PartRecording, SHA256: "00", To: at, Confirmed: true}}}}
	ended := consent.Row{Event: "ended", At: at + 60, How: consent.HowHungUp, Mode: "opt_out", Policy: rules, Message: row.Message,
		Valves: map[string]bool{"converse": false, "record": false, "transcript": false, "snippet": false}}
	for _, r := range []consent.Row{row, ended} {
		body, err := json.Marshal(r)
		if err == nil {
			_, err = a.ledger.Append(a.t.Context(), call, r.Event, body)
		}
		if err != nil {
			a.t.Fatal(err)
		}
	}
}

// record keeps a call whose caller says pcm, with its rows.
func (a *archive) record(call string, pcm []int16) {
	a.t.Helper()
	ctx, started := a.t.Context(), time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	keys, err := seal.NewTakeKeys(ctx, a.keys)
	if err != nil {
		a.t.Fatal(err)
	}
	err = a.db.InsertCall(ctx, store.Call{ID: call, Agent: "a", Kind: "phone", Direction: "inbound", Started: started, Node: seal.Fingerprint(a.node.PublicKey())[:16]})
	if err != nil {
		a.t.Fatal(err)
	}
	a.prove(call, 4, !a.ungranted)
	r, err := a.spool.Begin(recorder.TakeOptions{Call: call, Take: "t1", Rate: 8000, Coding: media.MuLaw, Started: started, Played: "mark", Keys: keys})
	if err != nil {
		a.t.Fatal(err)
	}
	gate := gatetest.Open()
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	for at := media.Tick(0); len(pcm) >= 160; at, pcm = at+media.FrameTicks, pcm[160:] {
		if at > 0 && at%(8*media.TickRate) == 0 {
			<-time.After(150 * time.Millisecond) // it queues ten seconds
		}
		if f, ok := gate.Record(media.Frame{At: at, PCM: pcm[:160]}); ok {
			r.Write(recorder.Caller, f)
		}
	}
	if text, ok := gate.Text(0, media.TickRate, "hello"); ok {
		if err := r.Note(recorder.Note{Kind: "turn", Text: text, Doc: map[string]string{"speaker": "caller"}}); err != nil {
			a.t.Fatal(err)
		}
	}
	sum, err := r.Finish(ctx, recorder.Ending{Outcome: "completed", Reason: "hung_up"})
	if err != nil || !sum.Complete {
		a.t.Fatal(sum, err)
	}
	running.Wait()
	err = errors.Join(a.db.SetRecording(ctx, call, "stored", 1),
		a.db.FinishCall(ctx, call, store.End{At: started.Add(time.Minute), Duration: time.Minute, Outcome: "completed", Reason: "hung_up"}))
	if err != nil {
		a.t.Fatal(err)
	}
}

// drain waits until all is stored.
func (a *archive) drain() {
	a.t.Helper()
	if err := a.spool.Drain(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
}

// verifier opens what the calls are verified by.
func (a *archive) verifier(o app.VerifyOptions) *app.Verifier {
	a.t.Helper()
	v, err := app.OpenVerifierIn(a.t.Context(), a.config, a.s3, o)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { v.Close() })
	return v
}

// certify publishes the certificate of the node, as a gateway does when it starts.
func (a *archive) certify() {
	a.t.Helper()
	operator, err := seal.OpenOperator(a.config.Keys.Dir)
	if err != nil {
		a.t.Fatal(err)
	}
	b := certified(a.t, operator, a.node, time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC))
	if err := a.objects.Put(a.t.Context(), "nodes/"+seal.Fingerprint(a.node.PublicKey())+".json", b, sha256.Sum256(b)); err != nil {
		a.t.Fatal(err)
	}
}
