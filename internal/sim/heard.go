package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"

	"sidetone/media"
)

// SaveHeard writes what the caller heard to a WAV file of 16-bit PCM.
func (r Report) SaveHeard(path string) error {
	format := media.WAVFormat{Coding: media.PCM16, Channels: 1, Rate: sampleRate}
	data := media.AppendWAVHeader(nil, format, uint32(2*len(r.Heard)))
	for _, s := range r.Heard {
		data = binary.LittleEndian.AppendUint16(data, uint16(s))
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("sim: save what was heard: %w", err)
	}
	return nil
}

// Heard returns what the caller has heard so far, as Report.Heard has it.
func (c *Call) Heard() ([]int16, error) {
	var heard []byte
	err := c.do(func(l *line) { heard = bytes.Clone(l.ear.heard) })
	return media.AppendPCM(nil, heard), err
}

// Spans returns when the agent has been heard so far, as Report.Agent has it.
func (c *Call) Spans() (spans []Span, err error) {
	err = c.do(func(l *line) { spans = slices.Clone(l.ear.spans) })
	return spans, err
}

// Heard returns what the caller has heard so far, as WebReport.Heard has it.
func (c *WebCall) Heard() (heard []int16, err error) {
	err = c.line.do(func() {
		if l := c.line; l.ear != nil {
			heard = slices.Clone(l.ear.heard)
		}
	})
	return heard, err
}

// Spans returns when the agent has been heard so far, as WebReport.Agent has it.
func (c *WebCall) Spans() (spans []Span, err error) {
	err = c.line.do(func() {
		if l := c.line; l.ear != nil {
			spans = slices.Clone(l.ear.spans)
		}
	})
	return spans, err
}
