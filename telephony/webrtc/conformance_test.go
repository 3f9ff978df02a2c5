package webrtc

import (
	"testing"

	"sidetone/telephony"
	"sidetone/telephony/legtest"
)

func TestLegConforms(t *testing.T) {
	for name, c := range map[string]codec{"Opus": overOpus, "PCMU": overPCMU} {
		t.Run(name, func(t *testing.T) {
			legtest.Run(t, func(t *testing.T) (telephony.Leg, legtest.Far) {
				f := newFar(t, c)
				return f.call(), f
			})
		})
	}
}
