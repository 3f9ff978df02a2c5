package store

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestDeletions(t *testing.T) { onEachEngine(t, testDeletions) }

func testDeletions(t *testing.T, location string) {
	d := openDB(t, location)
	ctx := t.Context()
	pending := func() string {
		list, err := d.PendingDeletions(ctx)
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, w := range list {
			if w.Requested.Before(time.Now().Add(-time.Hour)) || w.Requested.After(time.Now()) {
				t.Errorf("%+v was requested at another time", w)
			}
			text += fmt.Sprintf("%s/%s ", w.Call, w.Take)
		}
		return text
	}
	if got := pending(); got != "" {
		t.Errorf("at first %q waits", got)
	}
	if err := errors.Join(d.RequestDeletion(ctx, "c1", "t1"), d.RequestDeletion(ctx, "c1", "t1"), d.RequestDeletion(ctx, "c2", "")); err != nil {
		t.Fatal(err)
	}
	if got := pending(); got != "c1/t1 c2/ " {
		t.Errorf("%q waits", got)
	}
	if err := errors.Join(d.FinishDeletion(ctx, "c1", "t1"), d.FinishDeletion(ctx, "c1", "t1")); err != nil {
		t.Error(err)
	}
	if err := d.FinishDeletion(ctx, "c1", "t2"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown wish: %v", err)
	}
	if got := pending(); got != "c2/ " {
		t.Errorf("after the first is done, %q waits", got)
	}
	if err := d.RequestDeletion(ctx, "c1", "t1"); err != nil {
		t.Fatal(err)
	}
	d.Close()
	d = openDB(t, location)
	if list, err := d.PendingDeletions(ctx); err != nil || len(list) != 2 {
		t.Errorf("%+v wait after another wish and a restart, error %v", list, err)
	}
}
