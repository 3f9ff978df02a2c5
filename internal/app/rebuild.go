package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
	"sidetone/telephony"
)

// ErrLive says that a gateway may still have a call, or its spool.
var ErrLive = errors.New("app: a gateway may still have it")

// RebuildOptions say which call is recovered without its spool.
type RebuildOptions struct {
	Call string // its id, or the carrier's
	Take string // only this one; empty for all that have no manifest
	// NodeGone says that the gateway which took the call, another than this one, will
	// not come back with its spool.
	NodeGone bool
}

// RebuiltTake is a take that has got a manifest.
type RebuiltTake struct {
	Call     string   `json:"call"`
	Take     string   `json:"take"`
	Segments int      `json:"segments"`
	Seconds  float64  `json:"seconds"`
	Left     []string `json:"left"` // objects that could not be listed in it
}

// Rebuild makes manifests for what is stored of a call whose spool is lost. It
// refuses, with an error that wraps ErrLive, while a gateway may have the call.
func (r *Records) Rebuild(ctx context.Context, o RebuildOptions) ([]RebuiltTake, error) {
	c, err := r.db.Call(ctx, o.Call)
	if err != nil {
		return nil, err
	}
	node, err := seal.OpenNode(NodeDir(r.config))
	if err != nil {
		return nil, err
	}
	switch {
	case isGone(c):
		return nil, fmt.Errorf("app: call %s: %s", c.ID, whyGone(c))
	case c.Ended.IsZero():
		return nil, fmt.Errorf("%w: call %s has not ended; a gateway that starts ends the calls of its own crash", ErrLive, c.ID)
	case c.Node != "" && c.Node != nodeName(node.PublicKey()) && !o.NodeGone:
		return nil, fmt.Errorf("%w: call %s was taken by node %s, whose spool is not here", ErrLive, c.ID, c.Node)
	}
	rows, err := r.ledger.Rows(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	there, err := r.objects.Folders(ctx, "rec/"+c.ID+"/")
	if err != nil {
		return nil, err
	}
	if o.Take != "" {
		if !slices.Contains(there, o.Take) {
			return nil, fmt.Errorf("call %s, take %s: %w", c.ID, o.Take, recorder.ErrNothing)
		}
		there = []string{o.Take}
	}
	rebuilt := []RebuiltTake{}
	for _, take := range there {
		spooled, err := recorder.OnSpool(r.config.Recorder.SpoolDir, c.ID, take)
		if err != nil {
			return rebuilt, err
		}
		if spooled {
			return rebuilt, fmt.Errorf("%w: take %s lies on the spool of this machine, and the gateway finishes it", ErrLive, take)
		}
		got, err := r.rebuildTake(ctx, node, c, take, rows)
		if errors.Is(err, recorder.ErrStored) && o.Take == "" {
			continue
		}
		if err != nil {
			return rebuilt, err
		}
		rebuilt = append(rebuilt, got)
	}
	if len(rebuilt) == 0 {
		return rebuilt, fmt.Errorf("call %s: %w, or no take of it is stored", c.ID, recorder.ErrStored)
	}
	return rebuilt, nil
}

func (r *Records) rebuildTake(ctx context.Context, node *seal.Node, c store.Call, take string, rows []store.Row) (RebuiltTake, error) {
	origin := originOf(rows, take)
	ro := recorder.RebuildOptions{From: r.objects, Put: r.objects, NotFound: store.ErrNotFound, Conflict: store.ErrConflict, Node: node,
		Call: c.ID, Take: take, Rate: 8000, Coding: media.MuLaw, Origin: origin, Started: c.Started.Add(origin.Duration()),
		Outcome: c.Outcome, Reason: c.Reason,
		Witness: func(ctx context.Context, w recorder.Witnessed) error { return anchor(ctx, r.ledger, w) }}
	if c.Kind == string(telephony.Web) {
		ro.Rate, ro.Coding = 16000, media.PCM16
	}
	if anchors, err := anchorsOf(rows); err != nil || anchors[take] != (sealedRow{}) {
		return RebuiltTake{}, errors.Join(err, fmt.Errorf("%w: by the ledger call %s, take %s had one of SHA-256 %v; bring it back from a backup if it is gone",
			recorder.ErrStored, c.ID, take, anchors[take].Manifest))
	}
	got, err := recorder.Rebuild(ctx, ro)
	if err != nil {
		return RebuiltTake{}, err
	}
	n, err := strconv.Atoi(strings.TrimPrefix(take, "t"))
	if err != nil {
		n = 1
	}
	if _, err := settle(ctx, r.db, r.ledger, c.ID, max(c.Takes, n), false); err != nil {
		return RebuiltTake{}, err
	}
	return RebuiltTake{Call: c.ID, Take: take, Segments: len(got.Manifest.Segments), Seconds: seconds(&got.Manifest), Left: append([]string{}, got.Left...)}, nil
}

// originOf is where a take began, as far as the ledger tells: where the message was
// first heard that its grant answers.
func originOf(rows []store.Row, take string) media.Tick {
	grant, ok := grantsOf(rows)[take]
	if !ok || len(grant.Message.Parts) == 0 {
		return 0
	}
	began := grant.Message.Parts[0].From
	for _, p := range grant.Message.Parts {
		began = min(began, p.From)
	}
	return media.Tick(max(0, began)*media.TickRate + 0.5)
}
