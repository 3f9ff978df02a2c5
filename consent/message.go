package consent

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"sidetone/media"
)

// PartKind says what a part of a message tells the caller.
type PartKind string

// The kinds of part, in the order in which a message has them.
const (
	PartAI        PartKind = "ai"
	PartWho       PartKind = "who"
	PartRecording PartKind = "recording"
	PartPurpose   PartKind = "purpose"
	PartVendor    PartKind = "vendor"
	PartChoice    PartKind = "choice"
	PartRights    PartKind = "rights"
)

// PartKinds lists all kinds, in order.
var PartKinds = []PartKind{PartAI, PartWho, PartRecording, PartPurpose, PartVendor, PartChoice, PartRights}

// ErrMessage says that a message can not be used; the wrapping error says why.
var ErrMessage = errors.New("consent: unusable message")

// Message is what a caller hears before anything else: immutable, and named by
// its content.
type Message struct {
	ID       string // SHA-256 over the parts
	Language string // BCP 47
	Parts    []Part
	Wait     media.Tick // from the last part to the grant
}

// Part is one part of a message: words, and the audio of exactly those words.
type Part struct {
	Kind   PartKind
	Text   string
	SHA256 string      // of the 16-bit PCM
	Audio  media.Audio // at the rate it was made
}

// Source is what a part is made of: a recorded file, or text to be rendered.
// With a file, Text is what it says, for the transcript.
type Source struct {
	Kind PartKind
	Text string
	File string // path of an MP3 or WAV file; empty to render Text
}

// Renderer speaks text with the voice named Voice.
type Renderer struct {
	Voice string
	Speak func(ctx context.Context, text string) (media.Audio, error)
}

// Prepare makes the message of sources. Text is rendered once per voice and
// kept in dir as a WAV file named by voice and text; what is there is used as
// it is, so that a message never changes under its name.
func Prepare(ctx context.Context, dir, language string, sources []Source, r Renderer) (Message, error) {
	m := Message{Language: language, Wait: ClearWait}
	id := sha256.New()
	for i, s := range sources {
		audio, err := prepare(ctx, dir, s, r)
		if err != nil {
			return Message{}, fmt.Errorf("%w: part %d (%s): %w", ErrMessage, i+1, s.Kind, err)
		}
		sum := digest(audio)
		m.Parts = append(m.Parts, Part{Kind: s.Kind, Text: s.Text, SHA256: sum, Audio: audio})
		fmt.Fprintf(id, "%s %s\n", s.Kind, sum)
	}
	m.ID = hex.EncodeToString(id.Sum(nil))
	return m, nil
}

func prepare(ctx context.Context, dir string, s Source, r Renderer) (media.Audio, error) {
	if !slices.Contains(PartKinds, s.Kind) {
		return media.Audio{}, fmt.Errorf("unknown kind, want one of %v", PartKinds)
	}
	if s.File != "" {
		data, err := os.ReadFile(s.File)
		if err != nil {
			return media.Audio{}, err
		}
		return media.DecodeAudio(s.File, data)
	}
	if s.Text == "" {
		return media.Audio{}, errors.New("neither text nor file")
	}
	name := sha256.Sum256([]byte(r.Voice + "\x00" + s.Text))
	path := filepath.Join(dir, hex.EncodeToString(name[:])+".wav")
	if data, err := os.ReadFile(path); err == nil {
		return media.DecodeWAV(data)
	} else if !errors.Is(err, os.ErrNotExist) {
		return media.Audio{}, err
	}
	if r.Speak == nil {
		return media.Audio{}, errors.New("there is no voice to render the text with")
	}
	audio, err := r.Speak(ctx, s.Text)
	if err != nil {
		return media.Audio{}, fmt.Errorf("render: %w", err)
	}
	return audio, keep(path, audio)
}

// keep writes audio to path as a whole or not at all.
func keep(path string, audio media.Audio) error {
	format := media.WAVFormat{Coding: media.PCM16, Channels: 1, Rate: audio.Rate}
	data := media.AppendWAVHeader(nil, format, uint32(2*len(audio.PCM)))
	data = appendPCM(data, audio)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path+".tmp", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

func digest(audio media.Audio) string {
	sum := sha256.Sum256(appendPCM(nil, audio))
	return hex.EncodeToString(sum[:])
}

func appendPCM(dst []byte, audio media.Audio) []byte {
	for _, s := range audio.PCM {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(s))
	}
	return dst
}
