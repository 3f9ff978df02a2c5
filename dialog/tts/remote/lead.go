package remote

import "sidetone/dialog/tts"

// leadMax is the most silence before the first sound that is left out, in
// seconds.
const leadMax = 1

// lead leaves out most of the silence with which a clip begins: vendors' begin
// with up to 300 ms of it, which would delay each reply.
type lead struct {
	begun   bool
	held    []int16 // the newest silence
	dropped int
}

// cut returns what of the next samples is to be heard.
func (l *lead) cut(pcm []int16, rate int) []int16 {
	if l.begun || len(pcm) == 0 {
		return pcm
	}
	l.held = append(l.held, pcm...)
	from := tts.Onset(l.held, rate)
	switch {
	case from >= 0:
		pcm = l.held[from:]
	case l.dropped+len(l.held) >= leadMax*rate:
		pcm = l.held
	default:
		keep := min(len(l.held), rate/50)
		l.dropped += len(l.held) - keep
		l.held = append(l.held[:0], l.held[len(l.held)-keep:]...)
		return nil
	}
	l.begun, l.held = true, nil
	return pcm
}
