package configs

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that is written with its unit, such as 5m or
// 1m30s. It is read with days of 24 hours and years of 365 days as well, such as
// 90d or 1y6d.
type Duration time.Duration

// String writes the duration as it is read, without zero units at its end.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}

// The longer units, the longest first.
var longUnits = []struct {
	name byte
	d    time.Duration
}{{'y', 365 * 24 * time.Hour}, {'d', 24 * time.Hour}}

// ParseDuration reads a duration as it stands in a configuration.
func ParseDuration(text string) (Duration, error) {
	wrong := errors.New("must be a duration with its unit, such as 30s, 5m or 1h30m")
	var sum time.Duration
	rest := text
	for _, u := range longUnits {
		at := strings.IndexByte(rest, u.name)
		if at < 0 {
			continue
		}
		n, err := strconv.ParseUint(rest[:at], 10, 31)
		if err != nil || n > uint64((math.MaxInt64-sum)/u.d) {
			return 0, wrong
		}
		sum, rest = sum+time.Duration(n)*u.d, rest[at+1:]
	}
	if rest == "" && text != "" {
		return Duration(sum), nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || sum > 0 && (d < 0 || d > math.MaxInt64-sum) {
		return 0, wrong
	}
	return Duration(sum + d), nil
}

// ByteSize is a number of bytes, written with a unit of 1024: B, KiB, MiB, GiB
// or TiB.
type ByteSize int64

var byteUnits = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// String writes the size in its largest whole unit.
func (b ByteSize) String() string {
	for _, u := range byteUnits {
		if b != 0 && int64(b)%u.bytes == 0 {
			return strconv.FormatInt(int64(b)/u.bytes, 10) + u.name
		}
	}
	return "0B"
}

// MarshalText implements encoding.TextMarshaler.
func (b ByteSize) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

func parseByteSize(text string) (ByteSize, error) {
	for _, u := range byteUnits {
		digits, found := strings.CutSuffix(text, u.name)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 63)
		if err == nil && int64(n) <= math.MaxInt64/u.bytes {
			return ByteSize(int64(n) * u.bytes), nil
		}
		break
	}
	return 0, errors.New("must be a whole number with its unit, such as 512MiB or 10GiB")
}

// The enumerations. Each lists what it may be, in choices.
type (
	ConsentMode string // the least that callers are asked
	STT         string // speech recognition
	OpenAISTT   string // which of OpenAI's interfaces to speech recognition
	TTS         string // voice

	SpeechFormat  string // what OpenAI's voices are asked for
	SpeechStream  string // and how it comes
	ElevenLabsAPI string // which of ElevenLabs' interfaces
	LLMEngine     string // what a chat endpoint speaks
	OnFull        string // what happens to new calls when the spool is full
	Peers         string // which browsers' addresses are taken
	SSE           string // how the object store is asked to encrypt
	LogLevel      string
	LogFormat     string
)

// Their values.
const (
	ModeAny         ConsentMode = ""              // agents and places decide
	ModeNotice      ConsentMode = "notice"        // recorded once told
	ModeOptOut      ConsentMode = "opt_out"       // recorded once told, unless the caller objects
	ModeOptInEither ConsentMode = "opt_in_either" // recorded after a yes, by key or voice
	ModeOptInSpeech ConsentMode = "opt_in_speech" // recorded after a spoken yes
	ModeOptInDTMF   ConsentMode = "opt_in_dtmf"   // recorded after a yes by key
	ModeNoRecord    ConsentMode = "no_record"     // never recorded

	STTMoonshine STT = "moonshine"
	STTDeepgram  STT = "deepgram"
	STTOpenAI    STT = "openai"
	STTNone      STT = "none"

	OpenAITranscriptions OpenAISTT = "transcriptions"
	OpenAIRealtime       OpenAISTT = "realtime"
	OpenAIRealtimeBeta   OpenAISTT = "realtime_beta"

	TTSPiper TTS = "piper"
	TTSFlite TTS = "flite"

	TTSOpenAI     TTS = "openai"
	TTSElevenLabs TTS = "elevenlabs"
	TTSDeepgram   TTS = "deepgram"

	SpeechPCM SpeechFormat = "pcm"
	SpeechWAV SpeechFormat = "wav"

	SpeechStreamAny    SpeechStream = "" // as the server likes
	SpeechStreamAudio  SpeechStream = "audio"
	SpeechStreamEvents SpeechStream = "sse"

	ElevenLabsHTTP      ElevenLabsAPI = "http"
	ElevenLabsWebSocket ElevenLabsAPI = "websocket"

	LLMOpenAI    LLMEngine = "openai" // chat completions, as many servers do
	LLMAnthropic LLMEngine = "anthropic"

	RefuseCalls OnFull = "refuse_calls"
	Unrecorded  OnFull = "unrecorded"

	PeersAny    Peers = "any"
	PeersPublic Peers = "public" // none in private ranges
	PeersAuto   Peers = "auto"   // any while the gateway is for this machine's own browsers

	SSENone SSE = "" // as the bucket is set
	SSES3   SSE = "AES256"
	SSEKMS  SSE = "aws:kms"

	FormatText LogFormat = "text"
	FormatJSON LogFormat = "json"
)

func (ConsentMode) choices() []string {
	return []string{string(ModeAny), string(ModeNotice), string(ModeOptOut), string(ModeOptInEither),
		string(ModeOptInSpeech), string(ModeOptInDTMF), string(ModeNoRecord)}
}
func (STT) choices() []string {
	return []string{string(STTMoonshine), string(STTDeepgram), string(STTOpenAI), string(STTNone)}
}
func (OpenAISTT) choices() []string {
	return []string{string(OpenAITranscriptions), string(OpenAIRealtime), string(OpenAIRealtimeBeta)}
}
func (TTS) choices() []string {
	return []string{string(TTSPiper), string(TTSFlite), string(TTSOpenAI), string(TTSElevenLabs), string(TTSDeepgram)}
}
func (SpeechFormat) choices() []string { return []string{string(SpeechPCM), string(SpeechWAV)} }
func (SpeechStream) choices() []string {
	return []string{string(SpeechStreamAny), string(SpeechStreamAudio), string(SpeechStreamEvents)}
}
func (ElevenLabsAPI) choices() []string {
	return []string{string(ElevenLabsHTTP), string(ElevenLabsWebSocket)}
}
func (LLMEngine) choices() []string {
	return []string{string(LLMOpenAI), string(LLMAnthropic)}
}
func (OnFull) choices() []string { return []string{string(RefuseCalls), string(Unrecorded)} }
func (SSE) choices() []string    { return []string{string(SSENone), string(SSES3), string(SSEKMS)} }
func (Peers) choices() []string {
	return []string{string(PeersAny), string(PeersPublic), string(PeersAuto)}
}
func (LogLevel) choices() []string  { return []string{"debug", "info", "warn", "error"} }
func (LogFormat) choices() []string { return []string{string(FormatText), string(FormatJSON)} }

// Level returns the level for log/slog.
func (l LogLevel) Level() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l)); err != nil {
		panic("configs: log level was not validated")
	}
	return level
}

// setScalar gives v, no list and no map, the value that text stands for. Its
// errors do not repeat the text, which may be a secret in the wrong place.
func setScalar(v reflect.Value, text string) error {
	switch v.Interface().(type) {
	case Duration:
		d, err := ParseDuration(text)
		v.SetInt(int64(d))
		return err
	case ByteSize:
		b, err := parseByteSize(text)
		v.SetInt(int64(b))
		return err
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return errors.New("must be true or false")
		}
		v.SetBool(text == "true")
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return errors.New("must be a number")
		}
		v.SetFloat(n)
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return errors.New("must be a whole number")
		}
		v.SetInt(int64(n))
	default:
		panic(fmt.Sprintf("configs: no scalar: %s", v.Type()))
	}
	return nil
}

// setEntry puts an entry into the map v, which is nil as long as it is empty.
func setEntry(v reflect.Value, key string, item reflect.Value) {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	v.SetMapIndex(reflect.ValueOf(key), item)
}
