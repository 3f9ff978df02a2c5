package remote

import (
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"sidetone/consent/gatetest"
	"sidetone/media"
)

// offline returns a session that nobody runs.
func offline(gated bool) *Session {
	return NewSession(Line{Engine: "test", Rate: 8000, Chunk: media.TicksIn(40 * time.Millisecond), Gated: gated}, Options{})
}

// hear writes silence from one tick to another.
func hear(s *Session, from, to media.Tick) {
	gate := gatetest.Open()
	for at := from; at < to; at += media.FrameTicks {
		a, _ := gate.Converse(media.Frame{At: at, PCM: make([]int16, 160)})
		s.Write(a)
	}
}

// sent is what would be sent now, as (from, to) in seconds; a Finalize is (-1, -at).
func sent(s *Session) (got [][2]float64) {
	buf := make([]int16, 8000)
	for {
		at, n, end := s.due(buf, s.line.Chunk)
		switch {
		case n > 0:
			to := (at + media.TickOfSample(int64(n), 8000)).Seconds()
			if last := len(got) - 1; last >= 0 && got[last][1] == at.Seconds() {
				got[last][1] = to
			} else {
				got = append(got, [2]float64{at.Seconds(), to})
			}
		case end != nil:
			end.sent = time.Now()
			got = append(got, [2]float64{-1, -end.at.Seconds()})
		default:
			return got
		}
	}
}

// TestDue is what is sent of a call, and what again after the connection broke.
func TestDue(t *testing.T) {
	for _, c := range []struct {
		name  string
		gated bool
		call  func(*Session)
		want  [][2]float64
		again [][2]float64
	}{
		{"all there is", false, func(s *Session) { hear(s, sec(1), sec(3)) }, [][2]float64{{1, 3}}, [][2]float64{{1, 3}}},
		{"less than a chunk waits", false, func(s *Session) { hear(s, 0, sec(0.02)) }, nil, nil},
		{"a turn, and what follows it", false, func(s *Session) {
			hear(s, 0, sec(2))
			s.Finalize(sec(1))
		}, [][2]float64{{0, 1}, {-1, -1}, {1, 2}}, [][2]float64{{0, 1}, {-1, -1}, {1, 2}}},
		{"a turn that has ended is not sent again", false, func(s *Session) {
			hear(s, 0, sec(2))
			s.Finalize(sec(1.5))
			sent(s)
			s.answered()
			hear(s, sec(2), sec(3))
		}, [][2]float64{{2, 3}}, [][2]float64{{1.5, 3}}},
		{"no speech", true, func(s *Session) {
			hear(s, 0, sec(5))
			s.Finalize(sec(5))
		}, [][2]float64{{-1, -5}}, [][2]float64{{-1, -5}}},
		{"speech alone, with a little before it", true, func(s *Session) {
			hear(s, 0, sec(5.1))
			s.Speech(sec(5), true)
			hear(s, sec(5.1), sec(6))
			s.Speech(sec(6), false)
			hear(s, sec(6), sec(7))
			s.Finalize(sec(7))
			hear(s, sec(7), sec(10))
		}, [][2]float64{{4.7, 7}, {-1, -7}}, [][2]float64{{4.7, 7}, {-1, -7}}},
		{"two turns that wait", true, func(s *Session) {
			hear(s, 0, sec(1))
			s.Speech(sec(1), true)
			hear(s, sec(1), sec(2))
			s.Speech(sec(2), false)
			s.Finalize(sec(2.5))
			hear(s, sec(2), sec(4))
			s.Speech(sec(4), true)
			hear(s, sec(4), sec(5))
		}, [][2]float64{{0.7, 2.5}, {-1, -2.5}, {3.7, 5}}, [][2]float64{{0.7, 2.5}, {-1, -2.5}, {3.7, 5}}},
		{"speech goes on over the end of a turn", true, func(s *Session) {
			hear(s, 0, sec(1))
			s.Speech(sec(1), true)
			hear(s, sec(1), sec(3))
			s.Finalize(sec(2))
		}, [][2]float64{{0.7, 2}, {-1, -2}, {2, 3}}, [][2]float64{{0.7, 2}, {-1, -2}, {2, 3}}},
		{"never before the first frame", true, func(s *Session) {
			s.Speech(sec(9), true)
			hear(s, sec(10), sec(11))
		}, [][2]float64{{10, 11}}, [][2]float64{{10, 11}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := offline(c.gated)
			c.call(s)
			got := sent(s)
			s.rewind()
			again := sent(s)
			if !same(got, c.want) || !same(again, c.again) {
				t.Errorf("sent %v and again %v, want %v and %v", got, again, c.want, c.again)
			}
		})
	}
}

func same(a, b [][2]float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		for j := range 2 {
			if d := a[i][j] - b[i][j]; d > 0.021 || d < -0.021 {
				return false
			}
		}
	}
	return true
}

// TestLongTurn speaks for a minute to an engine that is not there: the newest
// half is kept, and the rest counted.
func TestLongTurn(t *testing.T) {
	s := offline(false)
	s.Speech(0, true)
	hear(s, 0, sec(60))
	dropped := testutil.ToFloat64(s.options.Metrics.dropped.WithLabelValues("test"))
	kept := 0.0
	for _, span := range sent(s) {
		kept += span[1] - span[0]
	}
	if kept > 30 || kept < 28 || kept+dropped < 59.9 || kept+dropped > 60.1 {
		t.Errorf("%.1f s are kept and %.1f s are counted as dropped, of 60 s", kept, dropped)
	}
}

// TestSilenceIsForgotten is silent for ten minutes.
func TestSilenceIsForgotten(t *testing.T) {
	for _, gated := range []bool{false, true} {
		s := offline(gated)
		for at := media.Tick(0); at < sec(600); at += sec(1) {
			hear(s, at, at+sec(1))
			sent(s)
		}
		if start, end, _ := s.tape.Span(); end-start > sec(3.1) {
			t.Errorf("gated %v: %.1f s of silence are kept", gated, (end - start).Seconds())
		}
	}
}

// TestWriteAllocatesNothing is the media path: once the tape has its room.
func TestWriteAllocatesNothing(t *testing.T) {
	s := offline(false)
	hear(s, 0, sec(10))
	gate, at, pcm, buf := gatetest.Open(), sec(10), make([]int16, 160), make([]int16, 8000)
	if n := testing.AllocsPerRun(500, func() {
		a, _ := gate.Converse(media.Frame{At: at, PCM: pcm})
		s.Write(a)
		at += media.FrameTicks
		s.due(buf, s.line.Chunk)
	}); n > 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func TestSocketURL(t *testing.T) {
	for base, want := range map[string]string{
		"https://api.example.com":         "wss://api.example.com/v1/listen?a=b",
		"http://127.0.0.1:80/proxy/":      "ws://127.0.0.1:80/proxy/v1/listen?a=b",
		"wss://api.example.com?x=y#z":     "wss://api.example.com/v1/listen?a=b",
		"ftp://api.example.com":           "",
		"https://user:pw@api.example.com": "",
		"api.example.com":                 "",
	} {
		got, err := SocketURL(base, "v1/listen", map[string][]string{"a": {"b"}})
		if got != want || (err == nil) != (want != "") {
			t.Errorf("SocketURL(%q) = %q, %v; want %q", base, got, err, want)
		}
	}
}

func TestCode(t *testing.T) {
	const secret = "sk-abcdefghijkl"
	for text, want := range map[string]string{
		"NET-0001":                      "NET-0001",
		"invalid_api_key: sk-abcdefg":   "invalid_api_key",
		"Incorrect key sk-abcdefghijkl": "Incorrect",
		"sk-abcdefghijkl":               "",
		"sk-abcdef":                     "",
		"  x":                           "",
		"":                              "",
	} {
		if got := Code(text, secret); got != want {
			t.Errorf("Code(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "3": 3 * time.Second, "-1": 0, "soon": 0, "99999999999": 0, "1000000": 24 * time.Hour} {
		if got := RetryAfter(http.Header{"Retry-After": {text}}); got != want && !(text == "99999999999" && got == 24*time.Hour) {
			t.Errorf("RetryAfter(%q) = %v, want %v", text, got, want)
		}
	}
}
