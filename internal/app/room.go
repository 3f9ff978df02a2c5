package app

import (
	"context"
	"errors"
	"time"

	"sidetone/call"
	"sidetone/recorder"
)

// RoomChanged is the kind of event that says whether recordings can begin.
const RoomChanged call.UpdateKind = "room"

// Room says whether recordings can begin, and if not, why.
type Room string

// The rooms.
const (
	RoomThere    Room = "ok"
	RoomFilling  Room = "filling"  // they can, and the spool has more than 80 % of what it may hold
	RoomFull     Room = "full"     // the spool, or its disk
	RoomUnsynced Room = "unsynced" // the disk does not keep up
	RoomKeyless  Room = "no_keys"  // none are ready
	RoomRefused  Room = "storage"  // the object store keeps what is deleted of the keys
)

// A spool fills above the one, and does not any more below the other, in hundredths
// of what it may hold.
const fillsAbove, emptyBelow = 80, 70

// lookEvery is how often it is looked whether recordings can begin.
const lookEvery = time.Second

// rooms tells operators who follow the events whether recordings can begin, when that
// changes.
type rooms struct {
	look   func(was Room) Room
	events *hub
}

// run looks until ctx ends.
func (r *rooms) run(ctx context.Context) error {
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	was := RoomThere
	for {
		if now := r.look(was); now != was {
			was = now
			r.events.publish(Event{Kind: RoomChanged, Room: now})
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// roomNow says whether recordings can begin.
func (a *App) roomNow(was Room) Room {
	err := a.spool.Room()
	switch used := a.spool.Bytes() * 100 / max(1, int64(a.config.Recorder.SpoolMaxBytes)); {
	case a.storage.usable() != nil:
		return RoomRefused
	case errors.Is(err, recorder.ErrUnsynced):
		return RoomUnsynced
	case err != nil:
		return RoomFull
	case a.pool.Ready() == 0:
		return RoomKeyless
	case used >= fillsAbove, (was == RoomFilling || was == RoomFull) && used >= emptyBelow:
		return RoomFilling
	}
	return RoomThere
}
