package openai

import (
	"errors"
	"strings"
	"testing"

	"sidetone/transcribe"
	"sidetone/transcribe/remote"
)

// opened is a session that is ready, with turns that end at these seconds.
func opened(t *testing.T, turns ...float64) *realtime {
	t.Helper()
	r := newRealtime(8000, prompt{Model: "m"}, false)
	r.Read([]byte(`{"type":"session.updated"}`))
	if !r.Ready() {
		t.Fatal("the session is not ready")
	}
	for _, at := range turns {
		r.Finalize(at)
	}
	return r
}

const items = `"type":"conversation.item.input_audio_transcription.`

// TestItems completes turns in any order: all is solid up to the first that is
// not complete.
func TestItems(t *testing.T) {
	r := opened(t, 1, 2, 3)
	for i, step := range []struct {
		message string
		key     int64
		text    string
		final   bool
		solid   float64
	}{
		{`{"type":"input_audio_buffer.committed","item_id":"a","previous_item_id":null}`, -1, "", false, 0},
		{`{"type":"input_audio_buffer.committed","item_id":"b","previous_item_id":"a"}`, -1, "", false, 0},
		{`{` + items + `delta","item_id":"b","delta":"two"}`, 1, "two", false, 0},
		{`{` + items + `completed","item_id":"b","transcript":"Two."}`, 1, "Two.", true, 0},
		{`{` + items + `completed","item_id":"b","transcript":"again"}`, -1, "", false, 0},
		{`{` + items + `delta","item_id":"a","delta":"on"}`, 0, "on", false, 0},
		{`{` + items + `delta","item_id":"a","delta":"e"}`, 0, "one", false, 0},
		{`{` + items + `completed","item_id":"a","transcript":"One."}`, 0, "One.", true, 2},
		{`{"type":"error","error":{"type":"invalid_request_error","code":"input_audio_buffer_commit_empty","event_id":"turn_2"}}`, 2, "", true, 3},
		{`{"type":"error","error":{"type":"invalid_request_error","code":"whatever","event_id":null}}`, -1, "", false, 0},
	} {
		report, err := r.Read([]byte(step.message))
		if err != nil {
			t.Fatal(err)
		}
		p := report.Passage
		if p == nil {
			p = &remote.Passage{Key: -1}
		}
		if p.Key != step.key || p.Text != step.text || p.Final != step.final || report.Solid != step.solid {
			t.Errorf("step %d: turn %d says %q (final %v), solid up to %g s; want %+v", i, p.Key, p.Text, p.Final, report.Solid, step)
		}
	}
}

func TestShortTurnIsFilledUp(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		r := newRealtime(rate, prompt{}, false)
		r.Audio(make([]int16, rate/50))
		messages := r.Finalize(0.02)
		if n := len(messages); n != 2 || !strings.Contains(string(messages[0].Data), "append") || !strings.Contains(string(messages[1].Data), "commit") {
			t.Fatalf("at %d Hz: %d messages", rate, n)
		}
		perSecond := 8000.0
		if rate == 16000 {
			perSecond = 2 * pcmRate
		}
		if seconds := float64(len(messages[0].Data)) * 3 / 4 / perSecond; seconds < 0.075 {
			t.Errorf("at %d Hz: filled up with %.3f s", rate, seconds)
		}
	}
}

func TestErrorsHaveAClass(t *testing.T) {
	for message, want := range map[string]transcribe.Class{
		`{"type":"error","error":{"type":"invalid_request_error","code":"invalid_api_key"}}`: transcribe.Denied,
		`{"type":"error","error":{"type":"rate_limit_error","code":"x"}}`:                    transcribe.Limited,
		`{"type":"error","error":{"type":"server_error"}}`:                                   transcribe.Busy,
		`{` + items + `failed","item_id":"a","error":{"code":"audio_unintelligible"}}`:       transcribe.Busy,
	} {
		_, err := opened(t, 1).Read([]byte(message))
		var f *transcribe.Failure
		if !errors.As(err, &f) || f.Class != want {
			t.Errorf("%s is %v, want class %s", message, err, want)
		}
	}
	_, err := newRealtime(8000, prompt{}, false).Read([]byte(`{"type":"error","error":{"type":"invalid_request_error","code":"model_not_found"}}`))
	var f *transcribe.Failure
	if !errors.As(err, &f) || f.Class != transcribe.Rejected || f.Code != "model_not_found" {
		t.Errorf("a session that is refused: %v", err)
	}
}

func FuzzRealtime(f *testing.F) {
	for _, seed := range []string{`{` + items + `delta","item_id":"a","delta":"x"}`, `{` + items + `completed","item_id":7}`, `{"type":"error","error":{"event_id":"turn_-1","code":"input_audio_buffer_commit_empty"}}`,
		`{"type":"error","error":"no"}`, `{"type":"input_audio_buffer.committed"}`, `7`} {
		f.Add([]byte(seed), []byte(`{"type":"session.updated"}`))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		r := newRealtime(8000, prompt{}, false)
		r.Finalize(1)
		for range 3 {
			for _, data := range [][]byte{first, second} {
				if report, err := r.Read(data); err == nil && (report.Solid > 1 || len(r.order) > len(r.committed)+1) {
					t.Errorf("solid up to %g s, with %d items", report.Solid, len(r.order))
				}
			}
		}
	})
}

// FuzzStream reads answers in events.
func FuzzStream(f *testing.F) {
	for _, seed := range []string{"data: {\"type\":\"transcript.text.done\",\"text\":\"x\"}\n\n", "data:{\"type\":\"transcript.text.delta\",\"delta\":\"a\"}\r\n\r\ndata: [DONE]\n\n", "event: x\n: y\n", "data: \n"} {
		f.Add([]byte(seed))
	}
	e, err := New(Options{Key: "k"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &request{engine: e, rate: 8000}
		text, err := r.stream(t.Context(), strings.NewReader(string(data)), func(string) {}, func() {})
		var failure *transcribe.Failure
		if err == nil && !strings.Contains(string(data), "transcript.text.done") && !strings.Contains(string(data), `\u`) {
			t.Errorf("%q was taken for a final", text)
		}
		if err != nil && !errors.As(err, &failure) {
			t.Errorf("the error %v has no class", err)
		}
	})
}
