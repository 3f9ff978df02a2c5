package webtest

import (
	"image/png"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// site serves pages by path, with a strict policy, and script.js.
func site(t *testing.T, script string, pages map[string]string) string {
	t.Helper()
	mux := http.NewServeMux()
	for path, page := range pages {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; img-src data:")
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, `<!doctype html><html lang="en"><title>Test</title><link rel="icon" href="data:,">`+page)
		})
	}
	mux.HandleFunc("GET /script.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = io.WriteString(w, script)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

const shadowScript = `
const root = document.querySelector('#host').attachShadow({ mode: 'open' });
const label = document.createElement('label');
label.textContent = 'Name';
const field = label.appendChild(document.createElement('input'));
const button = document.createElement('button');
button.textContent = 'Greet';
const words = document.createElement('p');
words.className = 'words';
button.addEventListener('click', () => {
  setTimeout(() => { words.textContent = 'Hello, ' + field.value; button.remove(); }, 100);
});
root.append(label, button, words);
`

func TestPageIsUsedAsByAPerson(t *testing.T) {
	url := site(t, shadowScript, map[string]string{"/{$}": `<main><h1>Page</h1><div id="host"></div></main><script src="/script.js"></script>`})
	p := Start(t).Open(url, Options{Language: "de-DE", Width: 500, Height: 300, Dark: true, ReducedMotion: true})
	p.Fill("textbox", "Name", "Ada")
	if focused := p.Focused(); focused != "Name" {
		t.Errorf("the focus is on %q", focused)
	}
	p.Press("Tab")
	if focused := p.Focused(); focused != "Greet" {
		t.Errorf("the focus is on %q", focused)
	}
	if !p.Visible("button", "Greet") || p.Visible("button", "Leave") {
		t.Error("what is visible is not what is there")
	}
	p.Click("button", "Greet")
	p.AwaitText(".words", "Ada", time.Second)
	p.AwaitGone("button", "Greet", time.Second)
	if text := p.Text(".words"); text != "Hello, Ada" {
		t.Errorf("the page says %q", text)
	}
	var seen [3]bool
	p.Eval(`[navigator.language === 'de-DE', matchMedia('(prefers-color-scheme: dark)').matches,
		matchMedia('(prefers-reduced-motion: reduce)').matches]`, &seen)
	if seen != [3]bool{true, true, true} {
		t.Errorf("language, darkness, motion: %v", seen)
	}
	if problems := p.Problems(); len(problems) > 0 {
		t.Errorf("problems: %q", problems)
	}
	if violations := p.Axe(); len(violations) > 0 {
		t.Errorf("violations: %q", violations)
	}

	file, err := os.Open(p.Screenshot("greeting"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if size, err := png.DecodeConfig(file); err != nil || size.Width != 500 || size.Height != 300 {
		t.Errorf("the screenshot is %v by %v: %v", size.Width, size.Height, err)
	}
}

// A check that finds nothing is worth nothing.
func TestProblemsAndViolationsAreFound(t *testing.T) {
	url := site(t, "undefinedFunction()", map[string]string{
		"/{$}": `<main><h1>Page</h1><button></button></main><script src="/script.js"></script><script>inline()</script><script src="/missing.js"></script>`,
	})
	p := Start(t).Open(url, Options{})
	problems := strings.Join(p.Problems(), "\n")
	for _, want := range []string{"undefinedFunction is not defined", "Content Security Policy", "404"} {
		if !strings.Contains(problems, want) {
			t.Errorf("no %q among the problems:\n%s", want, problems)
		}
	}
	if violations := p.Axe(); len(violations) != 1 || !strings.HasPrefix(violations[0], "button-name: ") {
		t.Errorf("violations: %q", violations)
	}
}

// loopScript asks for the microphone when clicked, and calls itself.
const loopScript = `
const words = document.querySelector('#words');
document.querySelector('button').addEventListener('click', async () => {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true } });
    const [near, far] = [new RTCPeerConnection(), new RTCPeerConnection()];
    near.addEventListener('icecandidate', (e) => e.candidate && far.addIceCandidate(e.candidate));
    far.addEventListener('icecandidate', (e) => e.candidate && near.addIceCandidate(e.candidate));
    const audio = new Audio();
    far.addEventListener('track', (e) => { audio.srcObject = e.streams[0]; audio.play(); });
    near.addEventListener('connectionstatechange', () => { words.textContent = near.connectionState; });
    near.addTrack(stream.getTracks()[0], stream);
    await near.setLocalDescription();
    await far.setRemoteDescription(near.localDescription);
    await far.setLocalDescription();
    await near.setRemoteDescription(far.localDescription);
  } catch (error) {
    words.textContent = error.name;
  }
});
`

const loopPage = `<main><h1>Page</h1><button>Call</button><p id="words"></p></main><script src="/script.js"></script>`

func TestSpeechIsHeard(t *testing.T) {
	p := Start(t).Open(site(t, loopScript, map[string]string{"/{$}": loopPage}), Options{})
	p.Click("button", "Call")
	p.AwaitText("#words", "connected", 5*time.Second)
	var asked []any
	if p.Eval("__webtest.constraints", &asked); len(asked) != 1 {
		t.Errorf("the page asked for %v", asked)
	}

	const rate, hertz = 16000, 1000
	before := p.Now()
	saying := p.StartSaying(tone(hertz, rate, time.Second), rate)
	if !p.Visible("button", "Call") {
		t.Error("the page can not be looked at while it is spoken to")
	}
	spoken := saying.Wait()
	if length := spoken.To - spoken.From; math.Abs(length-1000) > 1 || spoken.From < before || spoken.To > p.Now() {
		t.Errorf("spoken from %v to %v, asked at %v", spoken.From, spoken.To, before)
	}
	p.AwaitEval("performance.now() > "+strconv.FormatFloat(spoken.To+500, 'f', -1, 64), 5*time.Second)

	heard := p.Heard()
	from, to := loud(heard)
	if got := heard.hertz(from, to); math.Abs(got-hertz) > 20 {
		t.Errorf("heard %v Hz", got)
	}
	if length := to - from; math.Abs(length-1000) > 100 {
		t.Errorf("heard for %v ms", length)
	}
	if delay := from - spoken.From; delay < -20 || delay > 500 {
		t.Errorf("heard %v ms after it was spoken", delay)
	}
}

func TestMicrophoneIsDeniedOrMissing(t *testing.T) {
	url := site(t, loopScript, map[string]string{"/{$}": loopPage})
	b := Start(t)
	for microphone, want := range map[Microphone]string{Denied: "NotAllowedError", Missing: "NotFoundError"} {
		p := b.Open(url, Options{Microphone: microphone})
		p.Click("button", "Call")
		p.AwaitText("#words", want, 5*time.Second)
		if heard := p.Heard(); len(heard.PCM) > 0 {
			t.Errorf("heard %d samples without a call", len(heard.PCM))
		}
		p.Close()
	}
}

func tone(hertz, rate int, length time.Duration) []int16 {
	pcm := make([]int16, int(length.Seconds()*float64(rate)))
	for i := range pcm {
		pcm[i] = int16(10000 * math.Sin(2*math.Pi*float64(hertz*i)/float64(rate)))
	}
	return pcm
}

// loud returns from when to when the sound is more than noise.
func loud(s Sound) (from, to float64) {
	first, last := -1, -1
	for i, v := range s.PCM {
		if v > 7000 || v < -7000 {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	ms := func(i int) float64 { return s.From + 1000*float64(i)/float64(s.Rate) }
	return ms(first), ms(last)
}

// hertz counts the zero crossings between two times.
func (s Sound) hertz(from, to float64) float64 {
	index := func(ms float64) int { return int((ms - s.From) / 1000 * float64(s.Rate)) }
	crossings := 0
	for i := index(from) + 1; i < index(to); i++ {
		if s.PCM[i-1] < 0 && s.PCM[i] >= 0 {
			crossings++
		}
	}
	return float64(crossings) / (to - from) * 1000
}
