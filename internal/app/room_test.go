package app

import (
	"context"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestRoomIsTold once when it changes, and to who comes later while it is not ok.
func TestRoomIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now atomic.Value
		now.Store(RoomThere)
		a := &App{events: newHub(), log: newLog(io.Discard)}
		r := &rooms{look: func(Room) Room { return now.Load().(Room) }, events: a.events}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go r.run(ctx)
		early := a.events.subscribe()
		var got []Room
		for _, room := range []Room{RoomThere, RoomFilling, RoomFull, RoomFull, RoomUnsynced, RoomThere} {
			now.Store(room)
			time.Sleep(5 * lookEvery)
			if room == RoomUnsynced {
				for path, want := range map[string]bool{"/": true, "/?carrier_id=CA1": false} {
					one, stop := context.WithTimeout(ctx, time.Second)
					w := httptest.NewRecorder()
					a.follow(w, httptest.NewRequestWithContext(one, "GET", path, nil))
					stop()
					if strings.Contains(w.Body.String(), `"kind":"room","room":"unsynced"`) != want {
						t.Errorf("who follows %s is shown %s", path, w.Body)
					}
				}
			}
		}
		a.events.unsubscribe(early)
		for e := range early {
			if e.Kind != RoomChanged || e.Call != "" {
				t.Errorf("%+v", e)
			}
			got = append(got, e.Room)
		}
		if want := []Room{RoomFilling, RoomFull, RoomUnsynced, RoomThere}; !slices.Equal(got, want) {
			t.Errorf("told %v, want %v", got, want)
		}
	})
}
