package remote

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"net/http"
)

// Bounds of an answer in events.
const (
	lineMax      = 1 << 20
	malformedMax = 8 // in a row
)

// IsEvents reports whether an answer comes as server-sent events.
func IsEvents(resp *http.Response) bool {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return kind == "text/event-stream"
}

// events is a Source of server-sent events as OpenAI has them: speech.audio.delta
// with audio in base64, and speech.audio.done. The audio of others, such as
// {"audio": ...} without a type, is taken as well.
type events struct {
	body      io.ReadCloser
	lines     *bufio.Scanner
	malformed int
}

func newEvents(body io.ReadCloser) *events {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 0, 16<<10), lineMax)
	return &events{body: body, lines: lines}
}

// Next implements Source.
func (e *events) Next() ([]byte, error) {
	for e.lines.Scan() {
		data, ok := bytes.CutPrefix(e.lines.Bytes(), []byte("data:"))
		if data = bytes.TrimSpace(data); !ok || len(data) == 0 {
			continue
		}
		if string(data) == "[DONE]" {
			return nil, io.EOF
		}
		var event struct {
			Type  string          `json:"type"`
			Audio *string         `json:"audio"`
			Delta *string         `json:"delta"`
			Error json.RawMessage `json:"error"`
		}
		if json.Unmarshal(data, &event) != nil {
			if e.malformed++; e.malformed > malformedMax {
				return nil, errAnswer
			}
			continue
		}
		e.malformed = 0
		if event.Type == "error" || len(event.Error) > 0 && string(event.Error) != "null" {
			return nil, errAnswer
		}
		if event.Type == "speech.audio.done" {
			return nil, io.EOF
		}
		if event.Audio == nil {
			event.Audio = event.Delta
		}
		if event.Audio == nil {
			continue
		}
		audio, err := base64.StdEncoding.DecodeString(*event.Audio)
		if err != nil {
			return nil, errAnswer
		}
		return audio, nil
	}
	switch err := e.lines.Err(); err {
	case nil:
		return nil, errShort // there was no end
	case bufio.ErrTooLong:
		return nil, errAnswer
	default:
		return nil, err
	}
}

// Close implements Source.
func (e *events) Close() { e.body.Close() }
