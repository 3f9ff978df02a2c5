// Package recorder keeps a consented recording: it lays the two sides of a call
// on one timeline, writes them encrypted to a local spool as they happen, seals
// the spool into segments that stock age opens, uploads those while the call
// runs, and reads them back. What the caller takes back it cuts out, or
// destroys with its keys.
//
// It refuses audio and words that no consent gate has let through, to write
// any of it in the clear, to hold a private key of a recording while making
// it, and to overwrite an object. A Spool's goroutines are those of its Run; a
// Recorder has one, its Run, which the call starts.
package recorder
