package web

import (
	"fmt"
	"testing"

	"sidetone/web/webtest"
)

// hush has the gateway silence what comes before an RTP timestamp that lies so
// many ms after the one that is being played. It returns that timestamp, and what
// the visitor heard in the second from then on.
func (s stranger) hush(ms int) (before float64, heard []int16, rate int) {
	s.t.Helper()
	s.Eval(fmt.Sprintf(`(() => {
		const [source] = __webtest.peers[0].getReceivers()[0].getSynchronizationSources();
		globalThis.hushing = { before: (source.rtpTimestamp + %d) >>> 0, at: performance.now() };
		gateway.send({ type: 'hush', before: hushing.before });
	})()`, 48*ms), nil)
	s.AwaitEval("performance.now() > hushing.at + 1000", soon)
	var at float64
	s.Eval("hushing.before", &before)
	s.Eval("hushing.at", &at)
	sound := s.Heard()
	from := int((at - sound.From) * float64(sound.Rate) / 1000)
	return before, sound.PCM[min(max(0, from), len(sound.PCM)):], sound.Rate
}

// TestWidgetHushes has the gateway stop a tone that goes on: what comes before
// the timestamp of the hush is not heard, and what follows is. A hush that comes
// late changes nothing.
func TestWidgetHushes(t *testing.T) {
	s := visit(t, webtest.Start(t), inline, "", webtest.Options{})
	s.talk()
	s.Eval("gateway.speak(true)", nil)
	s.AwaitEval("__webtest.heard().pcm.length > 200000", soon)
	s.hush(-100)
	before, heard, rate := s.hush(500)
	s.awaitGot("hushed", fmt.Sprintf(`{"type":"hushed","before":%.0f}`, before))

	silent, window := 0, rate/100
	for i := 0; i+window <= len(heard); i += window {
		if peak(heard[i:i+window]) < 100 {
			silent += 10
		}
	}
	t.Logf("silent for %d ms", silent)
	if silent == 0 {
		t.Error("the agent was not silenced")
	}
	if level := peak(heard[max(0, len(heard)-10*window):]); level < 1000 {
		t.Errorf("what followed was not heard; its peak is %d", level)
	}
	s.flawless()
}
