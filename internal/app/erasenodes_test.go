package app

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/store"
)

// TestEraseOnAnotherGateway: of several gateways with one database, the one that
// answered a call has its spool. Asked elsewhere, an erasure waits for that one, which
// ends the call if it is live and does it within a minute.
func TestEraseOnAnotherGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		objects := &names{}
		here, there := newTestEraser(t, t.TempDir(), objects), newTestEraser(t, t.TempDir(), objects)
		if err := errors.Join(there.db.Close(), there.ledger.Close()); err != nil {
			t.Fatal(err)
		}
		there.db, there.ledger = here.db, here.ledger
		var ended []string
		there.end = func(c store.Call) { ended = append(ended, c.ID) }
		here.end = func(c store.Call) { t.Errorf("%s was not answered here", c.ID) }
		for _, e := range []*eraser{here, there} {
			e.config.Database.URL = "postgres://shared"
		}
		if err := here.db.InsertCall(t.Context(), store.Call{ID: "one", Agent: "a", Kind: "phone", Direction: "inbound", Started: time.Now(),
			Node: nodeName(there.node.PublicKey()), Consent: "granted", Recording: "recording", Takes: 1}); err != nil {
			t.Fatal(err)
		}
		objects.recorded("one")
		here.keep(t, &replay{eraser: here})
		done, err := here.erase(t.Context(), ErasureRequest{Call: "one"})
		if err != nil || len(done.Calls) != 1 || done.Calls[0].State != ErasureElsewhere || done.Receipt != "" || len(objects.of("one")) != 5 {
			t.Fatalf("%+v, %v; there is %v", done, err, objects.of("one"))
		}
		time.Sleep(5 * time.Minute)
		if len(objects.of("one")) != 5 {
			t.Error("a gateway without the spool has erased it")
		}
		there.keep(t, &replay{eraser: there})
		time.Sleep(destroyEvery)
		of, err := here.db.Erasure(t.Context(), "one")
		if err != nil || of.Done.IsZero() || of.Receipt == "" || len(objects.of("one")) > 0 || !slices.Equal(ended, []string{"one"}) {
			t.Errorf("%+v, %v; there is %v, ended %q", of, err, objects.of("one"), ended)
		}
		time.Sleep(time.Hour)
		if !here.gone(t, "one") || len(objects.of("one")) > 0 {
			t.Error("it is back")
		}
	})
}
