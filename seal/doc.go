// Package seal holds every key of a recording: the age identities and
// recipients, the operator's epoch keys that wrap them, the pool of keys made
// ahead of the calls, the cipher of the spool and the key a node signs with.
//
// It refuses to seal anything to nobody, to keep an identity longer than it
// takes to wrap it, and to print a secret. It is the only package that knows
// age. Its one goroutine is that of Pool.Run, which its starter waits for.
package seal
