// Package consent decides what may be kept of a call: the policy, the message,
// the state machine that plays it and hears the answer, the rows of proof, and
// the Gate that mints the only types which may be recorded, recognised or
// written down.
//
// It refuses to let a caller's audio or words out on any other way, to open a
// valve before the row that permits it is on disk, and to reach back in time.
// It starts no goroutine and reads no clock: the call steps it.
package consent
