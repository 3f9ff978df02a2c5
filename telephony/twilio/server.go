package twilio

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"sidetone/telephony"
)

// The paths that Routes serves, under Options.PublicURL.
const (
	VoicePath  = "/twilio/voice"
	StreamPath = "/twilio/stream"
	StatusPath = "/twilio/status"
	NextPath   = "/twilio/next"
	// AnnouncePath is asked when somebody answers to whom a caller is handed on.
	AnnouncePath = "/twilio/announce"
)

// Incoming is a call that the carrier offers.
type Incoming struct {
	CallSid    string
	AccountSid string
	Direction  telephony.Direction
	From, To   string // as the carrier gave them; never assume E.164
}

// Admission is the answer to an Incoming.
type Admission struct {
	Accepted bool
	CallID   string // accepted: our id of the call, safe to log
	Agent    string // accepted: who answers
	Refusal  string // refused: said to the caller before hanging up; may be empty
}

// Options are the parts and settings of a Server.
type Options struct {
	// PublicURL is the base under which the carrier reaches us, as it is written
	// in the carrier's console: scheme, host, port if any, path prefix if any.
	PublicURL string
	// AuthTokens are the account's auth tokens; more than one while they rotate.
	AuthTokens []string
	// InsecureSkipSignature accepts unsigned requests.
	InsecureSkipSignature bool
	// Secret seals stream tokens; the same on all nodes, 32 random bytes.
	Secret []byte
	// Once remembers used stream tokens.
	Once Once
	// Admit decides on a call. It is asked once for a call, however often its
	// webhook comes, and must answer within ten seconds.
	Admit func(context.Context, Incoming) (Admission, error)
	// Serve runs an accepted call whose stream has started; it must Run or End
	// the leg. Its context ends when the Server closes.
	Serve func(context.Context, *Leg)
	// Unanswered, if set, is told the CallID of an accepted call that ended
	// before its stream came, so that what Admit reserved can be released.
	Unanswered func(callID string)
	// Now is the wall clock; nil means time.Now.
	Now func() time.Time
	// Log may be nil.
	Log *slog.Logger
	// Metrics may be nil.
	Metrics *Metrics
}

// Server answers the carrier's requests and turns its streams into legs.
type Server struct {
	opts     Options
	metrics  *Metrics
	upgrader websocket.Upgrader
	answers  *answers
	calls    calls
	warned   atomic.Int64 // wall clock second of the newest warning

	ctx    context.Context // of all Serves
	cancel context.CancelFunc

	mu      sync.Mutex // guards closed, and keeps Add of running before its Wait
	closed  bool
	running sync.WaitGroup
}

// New returns a Server; Routes puts it to work.
func New(o Options) *Server {
	o.PublicURL = strings.TrimRight(o.PublicURL, "/")
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	s := &Server{
		opts:    o,
		metrics: o.Metrics,
		answers: newAnswers(o.Now),
		calls:   calls{bySid: make(map[string]*call)},
		upgrader: websocket.Upgrader{
			HandshakeTimeout: writeWait,
			ReadBufferSize:   1024,
			WriteBufferSize:  1024,
			WriteBufferPool:  &sync.Pool{},
			// The signature and the token say who this is; a browser's origin does not.
			CheckOrigin: func(*http.Request) bool { return true },
		},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Routes registers the five endpoints.
func (s *Server) Routes(mux *http.ServeMux) {
	mux.HandleFunc(VoicePath, s.webhook(s.voice))
	mux.HandleFunc(NextPath, s.webhook(s.next))
	mux.HandleFunc(AnnouncePath, s.webhook(s.announce))
	mux.HandleFunc(StatusPath, s.webhook(s.status))
	mux.HandleFunc(StreamPath, s.stream)
}

// Close refuses all further requests, ends the context of every call, waits for
// them, and gives up on the calls whose stream has not come. It may be called
// more than once.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.running.Wait()
	for _, c := range s.calls.stop() {
		s.abandon(c)
	}
}

// enter counts the caller among what Close waits for. It reports false once the
// Server is closed; otherwise the caller must call s.running.Done.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}

// warn logs at most once a second: what it is about can be caused by anyone.
func (s *Server) warn(msg string, args ...any) {
	now := s.opts.Now().Unix()
	if s.warned.Swap(now) != now {
		s.opts.Log.Warn(msg, args...)
	}
}

// signed reports whether the request's signature is right for one of the urls.
func (s *Server) signed(r *http.Request, urls []string, form map[string][]string) bool {
	return s.opts.InsecureSkipSignature ||
		signed(s.opts.AuthTokens, urls, form, r.Header.Get("X-Twilio-Signature"))
}

// target is the path and query as they stand in the request line.
func target(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return r.RequestURI
	}
	return r.URL.RequestURI() // a proxy's absolute form
}
