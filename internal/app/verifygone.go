package app

import (
	"context"
	"fmt"
	"slices"

	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// allGone reports whether nothing of a call should be there any more: it is destroyed,
// erased, or past its time.
func allGone(c store.Call) bool {
	return c.Recording == recordingDestroyed || c.Recording == store.ErasedState || c.Recording == store.ExpiredState
}

// gone names what is there of a call of which nothing should be.
func (v *Verifier) gone(ctx context.Context, c store.Call, takes []string, fault func(kind recorder.FaultKind, object, what string)) error {
	what := "is there, though the call is " + c.Recording
	for _, take := range takes {
		fault(faultState, "rec/"+c.ID+"/"+take+"/", what)
	}
	for _, epoch := range v.epochs {
		folder := keysPrefix + epoch + "/" + c.ID + "/"
		keys, err := v.objects.List(ctx, folder)
		if err != nil {
			return err
		}
		if len(keys) > 0 {
			fault(faultState, folder, what)
		}
	}
	if c.Recording != store.ExpiredState {
		return nil
	}
	rows, err := v.records.ledger.Rows(ctx, c.ID)
	if err != nil {
		return err
	}
	witnessed := expiredBy(rows)
	for _, class := range seal.Classes {
		if !witnessed[class] {
			fault(faultLedger, "", fmt.Sprintf("has no row that says that its %s has expired", class))
		}
	}
	return nil
}

// expired returns the classes of a call that are past their time, by the row of the
// call or by the ledger, and names where these differ.
func (v *Verifier) expired(ctx context.Context, c store.Call, witnessed map[seal.Class]bool, fault func(kind recorder.FaultKind, object, what string)) ([]seal.Class, error) {
	known, err := v.records.db.Expiries(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	var classes []seal.Class
	for _, class := range seal.Classes {
		i := slices.IndexFunc(known, func(e store.Expiry) bool { return e.Class == string(class) })
		switch {
		case i < 0 && !witnessed[class]:
			continue
		case i < 0:
			fault(faultState, "", fmt.Sprintf("%s has expired by the ledger, and the database does not know that", class))
		case !known[i].Done.IsZero() && !witnessed[class]:
			fault(faultLedger, "", fmt.Sprintf("no row says that the %s of the call has expired", class))
		}
		classes = append(classes, class)
	}
	return classes, nil
}
