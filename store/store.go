// Package store keeps what Sidetone must not lose: objects in S3, rows of
// calls and one-time tokens in SQLite or PostgreSQL, and the ledger. It satisfies interfaces
// that consent, recorder and call declare, and imports none of them.
//
// It refuses to see plaintext: objects are sealed before they get here, and no
// column holds audio, words, names or numbers. It also refuses to decide what
// a failure means for a call; every error wraps one of the sentinels below.
//
// Objects has no goroutine of its own. Builtin owns the goroutines of the
// built-in S3 server and of its syncfs, until Close. Ledger owns its one
// writer, until Close.
package store

import "errors"

// The errors that callers tell apart. All are wrapped with the operation.
var (
	// ErrNotFound says that there is no such object or row.
	ErrNotFound = errors.New("store: not found")
	// ErrConflict says that the key or id is taken by something else.
	ErrConflict = errors.New("store: taken by something else")
	// ErrDenied says that the object store refused our credentials. Trying again
	// does not help until an operator acts.
	ErrDenied = errors.New("store: access denied")
	// ErrTooLarge says that an object is larger than MaxObject.
	ErrTooLarge = errors.New("store: object too large")
	// ErrInUse says that another server serves the directory, or that this
	// process already runs its one built-in server.
	ErrInUse = errors.New("store: built-in object store already in use")
	// ErrTampered says that a row or checkpoint of the ledger is missing, or is not
	// what was written and signed.
	ErrTampered = errors.New("store: ledger does not verify")
	// ErrUnsigned says that no checkpoint covers a row of the ledger yet.
	ErrUnsigned = errors.New("store: not yet covered by a signed checkpoint")
	// ErrNotDurable says that a PostgreSQL may report a commit before it is on disk.
	ErrNotDurable = errors.New("store: commits would not be durable")
	// ErrClosed says that the ledger or built-in store was closed.
	ErrClosed = errors.New("store: closed")
)
