// Package configs is the configuration: its shape, its defaults, how it is
// read and what makes it invalid. sidetone.yaml beside it is the manual and
// names every key; a test holds the two together.
//
// Defaults come first, then the YAML file, then the environment, and last the
// files that secrets are read from; the result is validated as a whole and
// every fault is reported with its path. The package refuses to guess: what it
// does not know is an error. It never prints a secret, nor a line of the file.
// It knows nothing of the components that it configures, opens nothing but the
// files named here, and has no goroutines.
package configs

import (
	"cmp"
	"strings"
	"time"
)

// Config is everything an operator can set. The yaml tags are the keys.
type Config struct {
	DataDir   string    `yaml:"data_dir"`
	Database  Database  `yaml:"database"`
	Server    Server    `yaml:"server"`
	Limits    Limits    `yaml:"limits"`
	Telephony Telephony `yaml:"telephony"`
	Agents    Agents    `yaml:"agents"`
	Consent   Consent   `yaml:"consent"`
	Web       Web       `yaml:"web"`
	Speech    Speech    `yaml:"speech"`
	LLM       LLM       `yaml:"llm"`
	Recorder  Recorder  `yaml:"recorder"`
	Storage   Storage   `yaml:"storage"`
	Keys      Keys      `yaml:"keys"`
	Erasures  Erasures  `yaml:"erasures"`
	Retention Retention `yaml:"retention"`
	Webhooks  Webhooks  `yaml:"webhooks"`
	Log       Log       `yaml:"log"`
}

// Database is where calls and the ledger are kept.
type Database struct {
	URL     Secret `yaml:"url"` // postgres://...; empty: SQLite files in the data directory
	URLFile string `yaml:"url_file"`
}

// Server is the two listeners and how they stop.
type Server struct {
	Listen         string   `yaml:"listen"`
	AdminListen    string   `yaml:"admin_listen"`
	AdminURL       string   `yaml:"admin_url"` // without a slash at its end; empty: that of the request
	AdminToken     Secret   `yaml:"admin_token"`
	AdminTokenFile string   `yaml:"admin_token_file"`
	PublicURL      string   `yaml:"public_url"` // after Load empty only if the port of Listen is 0
	TLSCertFile    string   `yaml:"tls_cert_file"`
	TLSKeyFile     string   `yaml:"tls_key_file"`
	TrustedProxies []string `yaml:"trusted_proxies"` // addresses or prefixes
	LinkLife       Duration `yaml:"link_life"`       // the longest; 0: no links
	Drain          Duration `yaml:"drain"`
	DrainUpload    Duration `yaml:"drain_upload"`
}

// Limits bounds what one process takes on.
type Limits struct {
	Calls        int      `yaml:"calls"`
	CallDuration Duration `yaml:"call_duration"`
	OverflowText string   `yaml:"overflow_text"`
}

// Telephony is how calls come in.
type Telephony struct {
	Twilio Twilio `yaml:"twilio"`
	WebRTC WebRTC `yaml:"webrtc"`
}

// WebRTC is the sound of calls from browsers.
type WebRTC struct {
	Listen         string   `yaml:"listen"`
	Announce       []string `yaml:"announce"` // addresses
	Peers          Peers    `yaml:"peers"`
	TURNURLs       []string `yaml:"turn_urls"`
	TURNSecret     Secret   `yaml:"turn_secret"`
	TURNSecretFile string   `yaml:"turn_secret_file"`
	OpusBitrate    int      `yaml:"opus_bitrate"`
	OpusComplexity int      `yaml:"opus_complexity"`
}

// Web is who may call from a web page, and how much.
type Web struct {
	Demo               bool     `yaml:"demo"`
	Origins            []string `yaml:"origins"`
	CallDuration       Duration `yaml:"call_duration"`
	CallsPerAgent      int      `yaml:"calls_per_agent"`
	CallsPerAddress    int      `yaml:"calls_per_address"`
	CallsPerAddressDay int      `yaml:"calls_per_address_day"`
	CallsPerDay        int      `yaml:"calls_per_day"`
	MinutesPerDay      int      `yaml:"minutes_per_day"`
}

// Twilio is one account at Twilio.
type Twilio struct {
	AccountSID            string   `yaml:"account_sid"`
	AuthTokens            []Secret `yaml:"auth_tokens"`
	AuthTokensFile        string   `yaml:"auth_tokens_file"`
	APIKeySID             string   `yaml:"api_key_sid"`
	APIKeySecret          Secret   `yaml:"api_key_secret"`
	APIKeySecretFile      string   `yaml:"api_key_secret_file"`
	APIBaseURL            string   `yaml:"api_base_url"`
	InsecureSkipSignature bool     `yaml:"insecure_skip_signature"`
}

// Agents is where agents are kept and which one answers.
type Agents struct {
	Dir     string            `yaml:"dir"`
	Default string            `yaml:"default"`
	Numbers map[string]string `yaml:"numbers"` // dialled number to agent
}

// Consent is what holds for every agent.
type Consent struct {
	Floor         ConsentMode `yaml:"floor"`
	Jurisdictions string      `yaml:"jurisdictions"` // path of the policy file
	Hold          bool        `yaml:"hold"`          // destroy nothing for now
}

// Speech is recognition and voice.
type Speech struct {
	STT STT `yaml:"stt"`
	// STTFallbacks take over from STT, and from each other, inside a call.
	STTFallbacks []STT    `yaml:"stt_fallbacks"`
	KeyTerms     []string `yaml:"key_terms"` // words that callers are likely to say
	TTS          TTS      `yaml:"tts"`
	// TTSFallbacks take over from TTS, and from each other, inside a call.
	TTSFallbacks []TTS  `yaml:"tts_fallbacks"`
	Voice        string `yaml:"voice"`
	ModelsDir    string `yaml:"models_dir"`
	// FirstAudio is the longest wait for the first audio of a sentence, of whichever
	// voice, and of one elsewhere.
	FirstAudio Duration `yaml:"first_audio"`
	// STTTakeover is how long the words of a turn may take while another engine can
	// take over, and TTSTakeover is that of the first audio and of more.
	STTTakeover Duration   `yaml:"stt_takeover"`
	TTSTakeover Duration   `yaml:"tts_takeover"`
	Deepgram    Deepgram   `yaml:"deepgram"`
	OpenAI      OpenAI     `yaml:"openai"`
	ElevenLabs  ElevenLabs `yaml:"elevenlabs"`
}

// Recognition is the engines of speech recognition, in the order in which they are
// asked.
func (s Speech) Recognition() []STT {
	if s.STT == STTNone {
		return nil
	}
	return append([]STT{s.STT}, s.STTFallbacks...)
}

// OpenAI is speech recognition, and voice, by OpenAI or servers that speak as it
// does.
type OpenAI struct {
	API        OpenAISTT   `yaml:"api"`
	URL        string      `yaml:"url"` // with its /v1
	APIKey     Secret      `yaml:"api_key"`
	APIKeyFile string      `yaml:"api_key_file"`
	Model      string      `yaml:"model"`
	Language   string      `yaml:"language"` // in place of the agent's; empty: the agent's
	TTS        OpenAIVoice `yaml:"tts"`
}

// OpenAIVoice is the voice of OpenAI, or of a server that speaks as it does.
type OpenAIVoice struct {
	URL          string       `yaml:"url"` // with its /v1; empty: that of recognition, and its key
	APIKey       Secret       `yaml:"api_key"`
	APIKeyFile   string       `yaml:"api_key_file"`
	Model        string       `yaml:"model"`
	Voice        string       `yaml:"voice"`
	Instructions string       `yaml:"instructions"`
	Format       SpeechFormat `yaml:"format"`
	Stream       SpeechStream `yaml:"stream"`
	FirstPiece   int          `yaml:"first_piece"` // bytes; 0: whole sentences
}

// Voice returns the URL and the key of the voice.
func (o OpenAI) Voice() (string, Secret) {
	if o.TTS.URL != "" {
		return o.TTS.URL, o.TTS.APIKey
	}
	return o.URL, cmp.Or(o.TTS.APIKey, o.APIKey)
}

// ElevenLabs is voice by ElevenLabs.
type ElevenLabs struct {
	API           ElevenLabsAPI `yaml:"api"`
	URL           string        `yaml:"url"`
	APIKey        Secret        `yaml:"api_key"`
	APIKeyFile    string        `yaml:"api_key_file"`
	Model         string        `yaml:"model"`
	Voice         string        `yaml:"voice"`
	ZeroRetention bool          `yaml:"zero_retention"`
}

// Deepgram is speech recognition, and voice, by Deepgram.
type Deepgram struct {
	URL        string `yaml:"url"`
	APIKey     Secret `yaml:"api_key"`
	APIKeyFile string `yaml:"api_key_file"`
	Model      string `yaml:"model"`
	Language   string `yaml:"language"` // in place of the agent's; empty: the agent's
	Train      bool   `yaml:"train"`    // let audio and text be kept to improve models
	Voice      string `yaml:"voice"`
}

// LLM is a chat endpoint.
type LLM struct {
	Engine     LLMEngine     `yaml:"engine"`
	BaseURL    string        `yaml:"base_url"`
	APIKey     Secret        `yaml:"api_key"`
	APIKeyFile string        `yaml:"api_key_file"`
	Model      string        `yaml:"model"`
	Prices     Prices        `yaml:"prices"`
	FirstToken Duration      `yaml:"first_token"`
	Takeover   Duration      `yaml:"takeover"`
	Timeout    Duration      `yaml:"timeout"`
	Fallbacks  []LLMFallback `yaml:"fallbacks"`
	Tools      LLMTools      `yaml:"tools"`
}

// LLMTools is how the tools of agents' files are asked.
type LLMTools struct {
	Secrets      []Secret `yaml:"secrets"`
	SecretsFile  string   `yaml:"secrets_file"`
	AllowPrivate bool     `yaml:"allow_private"`
}

// LLMFallback is a chat endpoint that takes over from those before it.
type LLMFallback struct {
	Name       string    `yaml:"name"`
	Engine     LLMEngine `yaml:"engine"` // never empty after Load
	BaseURL    string    `yaml:"base_url"`
	APIKey     Secret    `yaml:"api_key"`
	APIKeyFile string    `yaml:"api_key_file"`
	Model      string    `yaml:"model"`
	Prices     Prices    `yaml:"prices"`
}

// Prices are those of a million tokens, in the operator's currency.
type Prices struct {
	Input   float64 `yaml:"input"`
	Cached  float64 `yaml:"cached"`
	Written float64 `yaml:"written"`
	Output  float64 `yaml:"output"`
}

// LLMMain is the name of the endpoint that is asked first.
const LLMMain = "main"

// Endpoints are all chat endpoints, in the order in which they are asked; none
// where there is no language model.
func (l LLM) Endpoints() []LLMFallback {
	if l.BaseURL == "" {
		return nil
	}
	first := LLMFallback{LLMMain, l.Engine, l.BaseURL, l.APIKey, l.APIKeyFile, l.Model, l.Prices}
	return append([]LLMFallback{first}, l.Fallbacks...)
}

// Recorder is the spool.
type Recorder struct {
	SpoolDir      string   `yaml:"spool_dir"` // never empty after Load
	SpoolMaxBytes ByteSize `yaml:"spool_max_bytes"`
	OnFull        OnFull   `yaml:"on_full"`
}

// Storage is where sealed objects go.
type Storage struct {
	S3 S3 `yaml:"s3"`
}

// S3 is a bucket.
type S3 struct {
	Endpoint             string `yaml:"endpoint"` // empty: the built-in store
	Region               string `yaml:"region"`
	Bucket               string `yaml:"bucket"`
	Prefix               string `yaml:"prefix"`
	KeysBucket           string `yaml:"keys_bucket"` // empty: bucket
	AccessKeyID          string `yaml:"access_key_id"`
	SecretAccessKey      Secret `yaml:"secret_access_key"`
	SecretAccessKeyFile  string `yaml:"secret_access_key_file"`
	PathStyle            bool   `yaml:"path_style"`
	CAFile               string `yaml:"ca_file"`
	SSE                  SSE    `yaml:"sse"`
	SSEKMSKeyID          string `yaml:"sse_kms_key_id"`
	ChecksumWhenRequired bool   `yaml:"checksum_when_required"`
}

// Keys is the operator's own keys.
type Keys struct {
	Dir              string   `yaml:"dir"` // never empty after Load
	EscrowRecipients []string `yaml:"escrow_recipients"`
	ProveEvery       Duration `yaml:"prove_every"`  // warn when a key was last proved longer ago
	BackupsKept      Duration `yaml:"backups_kept"` // for how long backups of a private key are kept
	KMSKeyID         string   `yaml:"kms_key_id"`   // of AWS KMS, for epochs that begin from now on; empty: age keys
	KMSRegion        string   `yaml:"kms_region"`
	KMSEndpoint      string   `yaml:"kms_endpoint"`
}

// Webhooks is who is told what happened.
type Webhooks struct {
	AllowPrivate bool      `yaml:"allow_private"`
	Endpoints    []Webhook `yaml:"endpoints"`
}

// Webhook is one endpoint.
type Webhook struct {
	Name        string   `yaml:"name"`
	URL         Secret   `yaml:"url"` // its path is often one
	Secrets     []Secret `yaml:"secrets"`
	SecretsFile string   `yaml:"secrets_file"`
	Events      []string `yaml:"events"` // empty: all
}

// Erasures is what outlives erased calls.
type Erasures struct {
	Location string `yaml:"location"` // of the tombstones: a directory, or s3://bucket/prefix; never empty after Load
}

// MinRetention is the least time for which anything is kept: a shorter one would be a
// missing unit.
const MinRetention = Duration(time.Hour)

// Retention is for how long the recordings of calls are kept at most, by class; 0 is
// for ever. What an agent says of its own calls can be shorter.
type Retention struct {
	Audio    Duration `yaml:"audio"`
	Snippets Duration `yaml:"snippets"`
	Text     Duration `yaml:"text"`
}

// Bucket returns the bucket and the prefix in it that the location names; ok is
// false for a directory.
func (e Erasures) Bucket() (bucket, prefix string, ok bool) {
	rest, ok := strings.CutPrefix(e.Location, "s3://")
	bucket, prefix, _ = strings.Cut(rest, "/")
	return bucket, strings.Trim(prefix, "/"), ok
}

// Log is what is written to standard error.
type Log struct {
	Level  LogLevel  `yaml:"level"`
	Format LogFormat `yaml:"format"`
}

// Default returns the configuration of an empty file and environment.
func Default() *Config {
	return &Config{
		DataDir: "data",
		Server: Server{
			Listen:      ":8080",
			AdminListen: "127.0.0.1:8081",
			LinkLife:    Duration(time.Hour),
			Drain:       Duration(5 * time.Minute),
			DrainUpload: Duration(30 * time.Second),
		},
		Limits: Limits{
			Calls:        100,
			CallDuration: Duration(30 * time.Minute),
			OverflowText: "All our lines are busy. Please call again in a few minutes.",
		},
		Telephony: Telephony{
			Twilio: Twilio{APIBaseURL: "https://api.twilio.com"},
			WebRTC: WebRTC{Listen: ":8082", Peers: PeersAuto, OpusBitrate: 24000, OpusComplexity: 5},
		},
		Web: Web{
			Demo: true, CallDuration: Duration(15 * time.Minute), CallsPerAgent: 50,
			CallsPerAddress: 5, CallsPerAddressDay: 100, CallsPerDay: 1000, MinutesPerDay: 3000,
		},
		Agents:  Agents{Dir: "configs/agents", Default: "interview"},
		Consent: Consent{Floor: ModeNotice, Jurisdictions: "configs/consent/jurisdictions.yaml"},
		Speech: Speech{STT: STTMoonshine, TTS: TTSPiper, ModelsDir: "models", FirstAudio: Duration(3 * time.Second),
			STTTakeover: Duration(2 * time.Second), TTSTakeover: Duration(1500 * time.Millisecond),
			Deepgram: Deepgram{URL: "https://api.deepgram.com", Model: "nova-3", Voice: "aura-2-thalia-en"},
			OpenAI: OpenAI{API: OpenAITranscriptions, URL: "https://api.openai.com/v1", Model: "gpt-4o-transcribe",
				TTS: OpenAIVoice{Model: "gpt-4o-mini-tts", Voice: "alloy", Format: SpeechPCM}},
			ElevenLabs: ElevenLabs{API: ElevenLabsHTTP, URL: "https://api.elevenlabs.io", Model: "eleven_flash_v2_5", Voice: "JBFqnCBsd6RMkjVDRZzb"}},
		LLM: LLM{Engine: LLMOpenAI, FirstToken: Duration(4 * time.Second), Takeover: Duration(2500 * time.Millisecond), Timeout: Duration(20 * time.Second)},
		Recorder: Recorder{
			SpoolMaxBytes: 10 << 30,
			OnFull:        RefuseCalls,
		},
		Storage: Storage{S3: S3{Region: "us-east-1", Bucket: "sidetone", PathStyle: true}},
		Keys:    Keys{ProveEvery: Duration(90 * 24 * time.Hour), BackupsKept: Duration(30 * 24 * time.Hour)},
		Log:     Log{Level: "info", Format: FormatText},
	}
}
