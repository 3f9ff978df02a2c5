// Package gatetest opens consent gates for tests, by stepping the real machine
// through a whole consent: there is no other way to open one. It refuses
// nothing and starts no goroutine.
package gatetest

import (
	"sidetone/consent"
	"sidetone/media"
)

// Open returns a gate whose valves are all open from tick 0 on.
func Open() *consent.Gate { return OpenAt(0) }

// OpenAt returns a gate whose valves are all open from tick at on.
func OpenAt(at media.Tick) *consent.Gate {
	_, policy, err := consent.ParseMode(string(consent.NoticeMode))
	if err != nil {
		panic("gatetest: internal error: " + err.Error())
	}
	m := consent.NewMachine(consent.Terms{Policy: policy}, consent.Message{})
	for _, a := range m.Step(consent.Answered{At: at}) {
		if row, ok := a.(consent.Append); ok {
			m.Step(consent.Written{At: at, Row: row.Number, Recordable: true})
		}
	}
	return m.Gate()
}
