package webhooks

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// The events.
const (
	CallFinished    = "call.finished"
	RecordingStored = "recording.stored"
	RecordingFailed = "recording.failed"
)

// Events are all events.
var Events = []string{CallFinished, RecordingStored, RecordingFailed}

// Body is what is posted.
type Body struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // of what happened
	Data      Data      `json:"data"`
}

// Data is what is said of a call, and of a take of it where the event has one.
type Data struct {
	Call       string    `json:"call"`
	Agent      string    `json:"agent"`
	Kind       string    `json:"kind"`      // phone, web
	Direction  string    `json:"direction"` // inbound, outbound
	Consent    string    `json:"consent"`
	Started    time.Time `json:"started_at"`
	Ended      time.Time `json:"ended_at,omitzero"` // zero while the call lives
	DurationMS int64     `json:"duration_ms,omitempty"`
	Outcome    string    `json:"outcome,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Takes      int       `json:"takes,omitempty"`     // recorded stretches
	Take       string    `json:"take,omitempty"`      // of a recording
	Recording  string    `json:"recording,omitempty"` // stored: complete or incomplete; failed: failed
}

// ID is the name of an event: the same whenever it is made of the same.
func ID(event, call, take string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{event, call, take}, "\x00")))
	return "msg_" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:15]))
}

// Encode returns the body as it is posted.
func (b Body) Encode() ([]byte, error) {
	text, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	return text, nil
}
