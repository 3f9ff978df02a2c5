package webrtc

import "time"

// The E-model (ITU-T G.107), cut down to what is known of a leg: delay and loss.
// All else has its default, which makes R 93.2 (7.7); echo is the browser's to
// cancel; jitter has become delay or loss in the jitter buffer. The scale is
// that of narrow band, for G.113 lists no wide-band values of Opus: the figure
// compares legs and networks, and is no opinion of listeners.
const (
	bestRating = 93.2
	// robustness is Bpl of a codec that conceals lost packets (G.113, table I.4:
	// 25.1 for G.711 with concealment). Opus with in-band FEC does no worse.
	robustness = 25.1
	// coding is the delay of a packet's making: its 20 ms and the look-ahead.
	coding = 20*time.Millisecond + opusDelay
)

// rating is R (G.107, 7-1) for a delay from mouth to ear in seconds and a share
// of packets lost at random. The delay's impairment is the fit of Cole and
// Rosenbluth ("Voice over IP performance monitoring", 2001) to G.107's Id; the
// loss's is Ie,eff (G.107, 7-29) with Ie 0 and BurstR 1.
func rating(delay, loss float64) float64 {
	ms, percent := delay*1000, loss*100
	impairment := 0.024*ms + 0.11*max(0, ms-177.3)
	return bestRating - impairment - 95*percent/(percent+robustness)
}

// mos is the mean opinion score of R (G.107, annex B).
func mos(r float64) float64 {
	r = min(max(r, 0), 100)
	return max(1, 1+0.035*r+7e-6*r*(r-60)*(100-r))
}
