// Package elevenlabs is ElevenLabs' voices, by either of two interfaces
// (https://elevenlabs.io/docs/api-reference/text-to-speech/stream and
// .../v-1-text-to-speech-voice-id-stream-input). Phone calls get mu-law as
// ElevenLabs makes it, others PCM at 16 kHz.
//
// A sentence is whole when it is to be said, and for that ElevenLabs advises HTTP:
// one request on a kept connection, whose answer streams. The WebSocket is for text
// that comes in pieces; it ends with its text, and there is no other sign of where
// the audio of a sentence ends. Used for sentences it takes a connection each, so that
// some are opened ahead. Times of characters, which come beside the audio, are not used:
// what was heard is told by what was played.
//
// The package refuses redirects, and text of more than MaxText bytes a request. A
// Voice owns the goroutines of its sockets, which Close ends and waits for.
package elevenlabs

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/dialog/tts/remote"
)

// MaxText is what one request says at most; the strictest model takes 5,000
// characters.
const MaxText = 4800

// pieces are as long as the API takes them.
var pieces = tts.Cutter{Min: 12, First: MaxText, Max: MaxText}

// API is an interface of ElevenLabs.
type API string

// The interfaces.
const (
	HTTP      API = "http"
	WebSocket API = "websocket"
)

// Options are those of a Voice. Zero fields take the defaults.
type Options struct {
	API   API    // HTTP
	URL   string // https://api.elevenlabs.io
	Key   string // none for servers that want none
	Model string // eleven_flash_v2_5
	Voice string // an id; JBFqnCBsd6RMkjVDRZzb, which every account has
	// ZeroRetention asks ElevenLabs to keep nothing (enable_logging=false), which only
	// enterprise contracts may.
	ZeroRetention bool
	Remote        remote.Options
}

// Voice speaks. It is safe for use by all calls at once.
type Voice struct {
	client  *remote.Client
	options Options
	header  http.Header

	mu     sync.Mutex
	spare  []*socket // opened ahead
	closed bool
	stop   context.CancelFunc
	life   context.Context
	group  sync.WaitGroup
}

var _ dialog.Speaker = (*Voice)(nil)

// New returns a voice. It does not connect.
func New(o Options) *Voice {
	o.API = cmp.Or(o.API, HTTP)
	o.URL = cmp.Or(o.URL, "https://api.elevenlabs.io")
	o.Model = cmp.Or(o.Model, "eleven_flash_v2_5")
	o.Voice = cmp.Or(o.Voice, "JBFqnCBsd6RMkjVDRZzb")
	v := &Voice{client: remote.NewClient("elevenlabs", o.Remote), options: o, header: http.Header{}}
	if o.Key != "" {
		v.header["xi-api-key"] = []string{o.Key}
	}
	v.life, v.stop = context.WithCancel(context.Background())
	return v
}

// Name returns "elevenlabs".
func (v *Voice) Name() string { return v.client.Engine }

// Local reports whether the server is on this machine.
func (v *Voice) Local() bool { return remote.OnThisMachine(v.options.URL) }

// Close drops the connections that are kept, and waits for what they started.
func (v *Voice) Close() error {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.stop()
	v.group.Wait()
	return v.client.Close()
}

// query is what both interfaces are told of the audio.
func (v *Voice) query(f remote.Format) url.Values {
	format := "pcm_" + strconv.Itoa(f.Rate)
	if f.Coding == remote.MuLaw {
		format = "ulaw_8000"
	}
	q := url.Values{"output_format": {format}}
	if v.options.ZeroRetention {
		q.Set("enable_logging", "false")
	}
	return q
}

// Speak yields text as mono PCM at rate Hz as it comes. It yields a *tts.Failure,
// or why ctx ended.
func (v *Voice) Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	f := remote.Telephone(rate)
	return v.client.Pieces(pieces, text, func(piece string) iter.Seq2[[]int16, error] {
		return v.client.Speak(ctx, piece, rate, func(ctx context.Context) (remote.Source, remote.Format, error) {
			if v.options.API == WebSocket {
				source, err := v.converse(ctx, piece, f)
				return source, f, err
			}
			return v.client.Post(ctx, remote.Request{
				Base: v.options.URL, Path: "v1/text-to-speech/" + url.PathEscape(v.options.Voice) + "/stream", Query: v.query(f), Header: v.header,
				Body: map[string]string{"text": piece, "model_id": v.options.Model}, Format: f,
			})
		})
	})
}
