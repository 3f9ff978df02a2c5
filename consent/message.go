package consent

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
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
	ID       string          `json:"-"`        // SHA-256 of all below, as the file of that name holds it
	Language string          `json:"language"` // BCP 47
	Parts    []Part          `json:"parts"`
	Prompts  map[Prompt]Part `json:"prompts"` // what is said beside it
	Wait     media.Tick      `json:"-"`       // from the last part to the grant
}

// Part is one part of a message: words, and the audio of exactly those words.
type Part struct {
	Kind   PartKind    `json:"kind"` // of a prompt, its name
	Text   string      `json:"text"`
	SHA256 string      `json:"sha256"` // of the 16-bit PCM
	Audio  media.Audio `json:"-"`      // at the rate it was made
}

// PartSource is what a part is made of: a recorded file, or text to be rendered.
// With a file, Text is what it says, for the transcript.
type PartSource struct {
	Kind PartKind
	Text string
	File string // path of an MP3 or WAV file; empty to render Text
}

// Renderer speaks text with the voice named Voice.
type Renderer struct {
	Voice string
	Speak func(ctx context.Context, text string) (media.Audio, error)
}

// Library makes messages, and keeps what they say and how they sound in a folder.
// Messages that it makes share the sounds of parts that are made of the same. It is
// for one goroutine.
type Library struct {
	dir   string
	sound map[made]recording
}

// made is what a sound is made of.
type made struct{ voice, text, file string }

// recording is a sound and the SHA-256 of its 16-bit PCM.
type recording struct {
	sha256 string
	audio  media.Audio
}

// NewLibrary returns a library in a folder, which need not be there.
func NewLibrary(dir string) *Library { return &Library{dir, map[made]recording{}} }

// Prepare makes the message of sources and of the words of its prompts. Text is
// rendered once per voice and kept as a WAV file named by voice and text; what is
// there is used as it is, so that a message never changes under its name. The sound
// of every part is kept as SHA256.wav, and what the message says as ID.json, of which
// ID is the SHA-256.
func (l *Library) Prepare(ctx context.Context, language string, sources []PartSource, prompts map[Prompt]string, r Renderer) (Message, error) {
	m := Message{Language: language, Wait: ClearWait, Prompts: map[Prompt]Part{}}
	for i, s := range sources {
		if !slices.Contains(PartKinds, s.Kind) {
			return Message{}, fmt.Errorf("%w: part %d: unknown kind %q, want one of %v", ErrMessage, i+1, s.Kind, PartKinds)
		}
		part, err := l.part(ctx, s, r)
		if err != nil {
			return Message{}, fmt.Errorf("%w: part %d (%s): %w", ErrMessage, i+1, s.Kind, err)
		}
		m.Parts = append(m.Parts, part)
	}
	for name, text := range prompts {
		part, err := l.part(ctx, PartSource{Kind: PartKind(name), Text: text}, r)
		if err != nil {
			return Message{}, fmt.Errorf("%w: prompt %s: %w", ErrMessage, name, err)
		}
		m.Prompts[name] = part
	}
	return m, m.publish(l.dir)
}

// publish keeps what the message says, as a file whose SHA-256 is its name.
func (m *Message) publish(dir string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	id := sha256.Sum256(text)
	m.ID = hex.EncodeToString(id[:])
	return keepFile(filepath.Join(dir, m.ID+".json"), text)
}

// part makes a part, and keeps its sound.
func (l *Library) part(ctx context.Context, s PartSource, r Renderer) (Part, error) {
	of := made{r.Voice, s.Text, s.File}
	sound, ok := l.sound[of]
	if !ok {
		audio, err := l.audio(ctx, s, r)
		if err != nil {
			return Part{}, err
		}
		sound = recording{digest(audio), audio}
		if err := keepSound(filepath.Join(l.dir, sound.sha256+".wav"), audio); err != nil {
			return Part{}, err
		}
		l.sound[of] = sound
	}
	return Part{Kind: s.Kind, Text: s.Text, SHA256: sound.sha256, Audio: sound.audio}, nil
}

// audio reads or renders the audio of a source.
func (l *Library) audio(ctx context.Context, s PartSource, r Renderer) (media.Audio, error) {
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
	path := filepath.Join(l.dir, "rendered", hex.EncodeToString(name[:])+".wav")
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
	return audio, keepSound(path, audio)
}

// keepSound keeps audio as a WAV file.
func keepSound(path string, audio media.Audio) error {
	format := media.WAVFormat{Coding: media.PCM16, Channels: 1, Rate: audio.Rate}
	return keepFile(path, appendPCM(media.AppendWAVHeader(nil, format, uint32(2*len(audio.PCM))), audio))
}

// keepFile writes a file as a whole or not at all. One that is there is left as
// it is: its name says what it holds.
func keepFile(path string, data []byte) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "*.tmp") // others may write the same
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil { // an empty one would stay for good
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
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
