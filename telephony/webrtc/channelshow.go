package webrtc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"sidetone/media"
	"sidetone/telephony"
)

// eventsVersion is the version of docs/web-events.md.
const eventsVersion = 1

// Why something can not be shown.
var (
	errShowTooLong = errors.New("webrtc: too long to be shown")
	errShowKind    = errors.New("webrtc: unknown kind of message")
)

// marshalHello returns the first message to the page.
func marshalHello(info telephony.Info, h Hello) ([]byte, error) {
	if h.Ask == nil {
		h.Ask = []string{}
	}
	return marshal("hello", struct {
		Version int    `json:"v"`
		Call    string `json:"call"`
		Session string `json:"session"`
		Hello
	}{eventsVersion, info.ID, info.CarrierID, h})
}

// marshalHush returns the message that what comes before an RTP timestamp is not
// to be heard any more.
func marshalHush(before uint32) ([]byte, error) {
	return marshal("hush", struct {
		Before uint32 `json:"before"`
	}{before})
}

// marshalShow returns s as a message to the page, with its times filled in. The
// error wraps errShowTooLong or errShowKind.
func marshalShow(s telephony.Show) ([]byte, error) {
	switch s := s.(type) {
	case telephony.Question:
		if s.Parts == nil {
			s.Parts = []telephony.QuestionPart{}
		}
		s.Choices = listed(s.Choices)
		return marshal("consent", s)
	case telephony.Settled:
		s.Choices = listed(s.Choices)
		return marshal("consent_settled", s)
	case telephony.State:
		return marshal("state", s)
	case telephony.Caption:
		s.FromS, s.ToS = seconds(s.From), seconds(s.To)
		return marshal("caption", s)
	case telephony.Saying:
		return marshal("saying", s)
	case telephony.Said:
		s.FromS, s.ToS = seconds(s.From), seconds(s.To)
		return marshal("said", s)
	case telephony.Problem:
		return marshal("problem", s)
	case telephony.Over:
		return marshal("over", s)
	}
	return nil, fmt.Errorf("%w: %T", errShowKind, s)
}

// listed is a list of choices that the page has as a list, also when it is empty.
func listed(choices []telephony.Choice) []telephony.Choice {
	if choices == nil {
		return []telephony.Choice{}
	}
	return choices
}

// marshal writes a struct that has fields as a message of a type.
func marshal(kind string, body any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // words are text for the page, and shorter so
	if err := e.Encode(body); err != nil {
		return nil, err
	}
	fields := bytes.TrimSuffix(b.Bytes()[1:], []byte("\n"))
	m := append([]byte(`{"type":"`+kind+`",`), fields...)
	if len(m) > maxMessage {
		return nil, fmt.Errorf("%w: %s of %d bytes", errShowTooLong, kind, len(m))
	}
	return m, nil
}

// seconds is a tick as the page has it, to the millisecond.
func seconds(t media.Tick) float64 { return math.Round(t.Seconds()*1000) / 1000 }
