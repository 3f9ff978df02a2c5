package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sidetone/store"
)

// Query selects calls; empty fields select all.
type Query struct {
	Agent, Outcome, Consent, Recording string
	Caller                             string // a number, such as +12125550123
	From, To                           string // of the start: at or after, before; a date (in UTC) or a time (RFC 3339)
	Shortest, Longest                  time.Duration
	Live                               bool   // only calls that have not ended
	Before                             string // only calls that come after this id in the list
	Limit                              int
}

// errQuery means a query that can not be understood.
var errQuery = errors.New("not understood")

// find returns the calls that a query selects, newest first. A number is looked up
// by its keyed hash: it is in no table.
func (q Query) find(ctx context.Context, db *store.DB, lookup []byte) ([]store.Call, error) {
	f := store.Filter{Agent: q.Agent, Outcome: q.Outcome, Consent: q.Consent, Recording: q.Recording,
		Shortest: q.Shortest, Longest: q.Longest, Live: q.Live, Before: q.Before, Limit: q.Limit}
	var err error
	if f.Since, err = day("from", q.From); err != nil {
		return nil, err
	}
	if f.Until, err = day("to", q.To); err != nil {
		return nil, err
	}
	if q.Shortest < 0 || q.Longest < 0 || q.Limit < 0 {
		return nil, fmt.Errorf("%w: a length or limit is negative", errQuery)
	}
	if q.Caller != "" {
		if !isNumber(q.Caller) {
			return nil, fmt.Errorf("%w: caller must be a number such as +12125550123", errQuery)
		}
		f.Subject, err = db.KnownSubject(ctx, hashOf(lookup, q.Caller))
		if errors.Is(err, store.ErrNotFound) {
			return []store.Call{}, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return db.Calls(ctx, f)
}

// day reads a date or a time; "" is none.
func day(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: %s must be a date such as 2026-11-22, or a time such as 2026-11-22T09:00:00Z", errQuery, name)
}

// queryOf reads the query of a request.
func queryOf(v url.Values) (Query, error) {
	q := Query{Agent: v.Get("agent"), Outcome: v.Get("outcome"), Consent: v.Get("consent"), Recording: v.Get("recording"),
		Caller: v.Get("caller"), From: v.Get("from"), To: v.Get("to"), Live: v.Has("live"), Before: v.Get("before")}
	if rest, ok := strings.CutPrefix(q.Caller, " "); ok {
		q.Caller = "+" + rest // a plus that nobody has escaped
	}
	for name, length := range map[string]*time.Duration{"min": &q.Shortest, "max": &q.Longest} {
		if text := v.Get(name); text != "" {
			n, err := strconv.ParseFloat(text, 64)
			if err != nil || !(n > 0 && n < 1e6) {
				return q, fmt.Errorf("%w: %s must be a number of seconds", errQuery, name)
			}
			*length = time.Duration(n * float64(time.Second))
		}
	}
	if limit := v.Get("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 {
			return q, fmt.Errorf("%w: limit must be a positive number", errQuery)
		}
		q.Limit = n
	}
	return q, nil
}

// listCalls answers the newest calls; the query holds the filter.
func (a *App) listCalls(w http.ResponseWriter, r *http.Request) {
	q, err := queryOf(r.URL.Query())
	var calls []store.Call
	if err == nil {
		calls, err = q.find(r.Context(), a.db, a.policy.lookup)
	}
	if errors.Is(err, errQuery) {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.answer(w, map[string]any{"calls": calls}, err)
}
