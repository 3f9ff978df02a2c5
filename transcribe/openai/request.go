package openai

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sidetone/media"
	"sidetone/transcribe"
	"sidetone/transcribe/remote"
)

// maxReply bounds an answer, in bytes.
const maxReply = 1 << 20

// maxMalformed bounds the events in a row that are none.
const maxMalformed = 8

// Why a request was given up.
var (
	errSilent = errors.New("the engine says nothing")
	errLong   = errors.New("the answer takes too long")
)

// newClient makes the client of an engine. It follows no redirect, since a
// request holds a voice and a key.
func newClient(o remote.Options) *http.Client {
	t := &http.Transport{DialContext: o.DialContext, TLSHandshakeTimeout: o.Connect, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true}
	if o.DialContext == nil {
		t.Proxy = http.ProxyFromEnvironment
		t.DialContext = (&net.Dialer{Timeout: o.Connect}).DialContext
	}
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// request asks for the words of the turns of one call.
type request struct {
	engine *Engine
	rate   int
	header http.Header
	prompt prompt
}

// ask implements remote.Request.
func (r *request) ask(ctx context.Context, pcm []int16, heard func(string)) (string, error) {
	o := r.engine.options.Remote
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The engine listens to all before it says a word, for as long as that may take.
	silent := time.AfterFunc(2*o.Result, func() { cancel(errSilent) })
	defer silent.Stop()
	long := time.AfterFunc(5*o.Result, func() { cancel(errLong) })
	defer long.Stop()

	body, kind := r.form(pcm)
	address, err := url.JoinPath(r.engine.options.URL, "audio/transcriptions")
	if err != nil {
		return "", r.fail("connect", transcribe.Rejected, nil)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return "", r.fail("connect", transcribe.Rejected, nil)
	}
	req.Header = r.header.Clone()
	req.Header.Set("Content-Type", kind)
	resp, err := r.engine.client.Do(req)
	if err != nil {
		return "", r.broken(ctx, "connect", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", remote.Refusal(r.engine.Name(), "transcribe", resp)
	}
	reply := io.LimitReader(resp.Body, maxReply+1)
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/event-stream" {
		return r.stream(ctx, reply, heard, func() { silent.Reset(o.Result) })
	}
	return r.whole(ctx, reply)
}

// form makes the body: the audio as a WAV file, and what is said of it.
func (r *request) form(pcm []int16) (body []byte, kind string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, field := range [][2]string{
		{"model", r.prompt.Model}, {"language", r.prompt.Language}, {"prompt", r.prompt.Prompt}, {"response_format", "json"}, {"stream", "true"},
	} {
		if field[1] != "" {
			w.WriteField(field[0], field[1]) // a bytes.Buffer takes all
		}
	}
	for _, k := range r.prompt.Keywords {
		w.WriteField("keywords[]", k)
	}
	file, _ := w.CreateFormFile("file", "turn.wav")
	wav := media.AppendWAVHeader(nil, media.WAVFormat{Coding: media.PCM16, Channels: 1, Rate: r.rate}, uint32(2*len(pcm)))
	for _, x := range pcm {
		wav = binary.LittleEndian.AppendUint16(wav, uint16(x))
	}
	file.Write(wav)
	w.Close()
	return b.Bytes(), w.FormDataContentType()
}

// whole reads an answer in one piece, as of a server that does not stream.
func (r *request) whole(ctx context.Context, reply io.Reader) (string, error) {
	data, err := io.ReadAll(reply)
	if err != nil {
		return "", r.broken(ctx, "read", err)
	}
	var answer struct {
		Text *string `json:"text"`
	}
	if len(data) > maxReply || json.Unmarshal(data, &answer) != nil || answer.Text == nil {
		return "", r.fail("read", transcribe.Protocol, nil)
	}
	return strings.TrimSpace(*answer.Text), nil
}

// stream reads an answer in events. What follows the last word is not waited for.
func (r *request) stream(ctx context.Context, reply io.Reader, heard func(string), alive func()) (string, error) {
	lines := bufio.NewReaderSize(reply, 4096)
	said, read, malformed := "", 0, 0
	for {
		line, err := lines.ReadString('\n')
		if read += len(line); read > maxReply {
			return "", r.fail("read", transcribe.Protocol, nil)
		}
		data, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "data:")
		if data = strings.TrimSpace(data); ok && data != "[DONE]" {
			final, done, bad := r.event(data, &said, heard)
			switch {
			case done:
				return final, nil
			case !bad:
				malformed = 0
				alive()
			default:
				malformed++
			}
		}
		if malformed > maxMalformed || err == nil && ctx.Err() != nil {
			return "", r.broken(ctx, "read", errMalformed)
		}
		if err != nil {
			return "", r.broken(ctx, "read", err)
		}
	}
}

var errMalformed = errors.New("not a stream of this protocol")

// event takes one event.
func (r *request) event(data string, said *string, heard func(string)) (final string, done, bad bool) {
	var e struct {
		Type  string          `json:"type"`
		Delta string          `json:"delta"`
		Text  json.RawMessage `json:"text"`
	}
	if json.Unmarshal([]byte(data), &e) != nil || e.Type == "" {
		return "", false, true
	}
	switch e.Type {
	case "transcript.text.delta":
		*said += e.Delta
		heard(strings.TrimSpace(*said))
	case "transcript.text.done":
		if json.Unmarshal(e.Text, &final) != nil {
			return "", false, true
		}
		return strings.TrimSpace(final), true, false
	}
	return "", false, false
}

func (r *request) fail(op string, class transcribe.Class, err error) *transcribe.Failure {
	return &transcribe.Failure{Engine: r.engine.Name(), Op: op, Class: class, Err: err}
}

// broken says why a request failed.
func (r *request) broken(ctx context.Context, op string, err error) error {
	var network *net.OpError
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errSilent), errors.Is(cause, errLong):
		return r.fail(op, transcribe.TimedOut, cause)
	case errors.Is(err, errMalformed):
		return r.fail(op, transcribe.Protocol, nil)
	case remote.TimedOut(err):
		return r.fail(op, transcribe.TimedOut, nil)
	case errors.As(err, &network) && network.Op == "dial", op == "connect" && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return r.fail(op, transcribe.Unreachable, remote.Plain(err))
	}
	return r.fail(op, transcribe.Cut, remote.Plain(err))
}
