package recorder_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"sidetone/internal/sim"
	"sidetone/store"
)

// wire is the built-in store behind a proxy that has faults, for a spool in a
// bubble: from the spool to the proxy all is HTTP on pipes, in virtual time; from
// there to the store's socket it is in real time, in which the bubble's stands
// still.
type wire struct {
	lanes chan lane
	pipe  *sim.PipeListener
	s3    store.S3Options

	mu      sync.Mutex
	fault   wireFault
	conns   map[net.Conn]struct{}
	refused int            // connections and requests that the fault took
	created map[string]int // how often the store has said that it made an object
	sent    int64          // bytes of bodies that the store was given
}

// wireFault is what happens to requests; the zero value is nothing.
type wireFault struct {
	away bool // no connection is made, and those there are end
	rate int  // bytes a second that are taken; 0: any
	// meet answers a request in place of the store.
	meet  func(w *wire, rw http.ResponseWriter, r *http.Request)
	spoil func(*wireAnswer) // changes what the store answers
}

// lane goes to the real store. It is made outside of the bubble.
type lane struct {
	ask    chan wireRequest
	answer chan wireAnswer
}

type wireRequest struct {
	method, path, host string
	header             http.Header
	body               []byte
}

type wireAnswer struct {
	err    error
	status int
	header http.Header
	body   []byte
}

// newWire starts a built-in store, outside of any bubble.
func newWire(t testing.TB) *wire {
	t.Helper()
	b := must[*store.Builtin](t)(store.StartBuiltin(t.Context(), store.BuiltinOptions{Dir: t.TempDir()}))
	s3 := b.S3("sidetone")
	must[*store.Objects](t)(store.OpenS3(t.Context(), s3)) // makes the bucket
	const lanes = 16
	w := &wire{lanes: make(chan lane, lanes), s3: s3}
	client := &http.Client{Transport: &http.Transport{DialContext: b.DialContext, MaxIdleConnsPerHost: lanes}}
	var running sync.WaitGroup
	for range lanes {
		l := lane{make(chan wireRequest), make(chan wireAnswer)}
		w.lanes <- l
		running.Go(func() {
			for q := range l.ask {
				l.answer <- askStore(client, b, q)
			}
		})
	}
	t.Cleanup(func() {
		for range lanes {
			close((<-w.lanes).ask)
		}
		running.Wait()
		client.CloseIdleConnections()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// askStore asks the real store.
func askStore(client *http.Client, b *store.Builtin, q wireRequest) (a wireAnswer) {
	r, err := http.NewRequest(q.method, "http://builtin.invalid"+q.path, bytes.NewReader(q.body))
	if err != nil {
		return wireAnswer{err: err}
	}
	r.Header, r.Host = q.header, q.host
	resp, err := client.Do(r)
	if err != nil {
		return wireAnswer{err: err}
	}
	defer resp.Body.Close()
	a.status, a.header = resp.StatusCode, resp.Header
	if a.body, a.err = io.ReadAll(resp.Body); a.err == nil && q.method == http.MethodPut {
		a.err = b.Sync(context.Background())
	}
	return a
}

// open serves the proxy in the bubble of t, from the time now on, and returns what
// reaches the store through it. It comes before all else in the bubble, whose time
// begins long ago.
func (w *wire) open(t *testing.T, now time.Time, prefix string) *store.Objects {
	t.Helper()
	time.Sleep(time.Until(now))
	w.pipe, w.conns, w.created = sim.NewPipeListener(), make(map[net.Conn]struct{}), make(map[string]int)
	w.set(wireFault{})
	w.refused, w.sent = 0, 0
	server := &http.Server{Handler: w, ConnState: w.keep}
	served := make(chan error, 1)
	go func() { served <- server.Serve(w.pipe) }()
	t.Cleanup(func() { server.Close(); <-served })
	o := w.s3
	o.CreateBucket, o.Sync, o.Prefix, o.DialContext = false, nil, prefix, w.dial
	return must[*store.Objects](t)(store.OpenS3(t.Context(), o))
}

// set makes a fault begin, and the one before end.
func (w *wire) set(f wireFault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = f
	if f.away {
		for c := range w.conns {
			c.Close()
		}
	}
}

func (w *wire) current() wireFault {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fault
}

func (w *wire) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if w.current().away {
		w.met()
		return nil, syscall.ECONNREFUSED
	}
	return w.pipe.DialContext(ctx, network, addr)
}

// met counts what a fault took.
func (w *wire) met() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refused++
}

func (w *wire) keep(c net.Conn, state http.ConnState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(w.conns, c)
	} else {
		w.conns[c] = struct{}{}
	}
}

// ServeHTTP passes a request on, if the fault lets it.
func (w *wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	f := w.current()
	if f.meet != nil {
		w.met()
		f.meet(w, rw, r)
		return
	}
	if f.rate > 0 {
		w.met()
	}
	body, err := io.ReadAll(paced(r.Body, f.rate))
	if err != nil {
		return // who asked gave up
	}
	a := w.pass(r, body)
	if f.spoil != nil && a.err == nil {
		w.met()
		f.spoil(&a)
	}
	w.answer(rw, a)
}

// answer gives the answer of the store.
func (w *wire) answer(rw http.ResponseWriter, a wireAnswer) {
	if a.err != nil {
		panic(http.ErrAbortHandler)
	}
	for name, values := range a.header {
		rw.Header()[name] = values
	}
	rw.WriteHeader(a.status)
	rw.Write(a.body)
}

// pass has the store answer.
func (w *wire) pass(r *http.Request, body []byte) wireAnswer {
	l := <-w.lanes
	l.ask <- wireRequest{r.Method, r.URL.RequestURI(), r.Host, r.Header.Clone(), body}
	a := <-l.answer
	w.lanes <- l
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent += int64(len(body))
	if r.Method == http.MethodPut && a.status == http.StatusOK {
		w.created[r.URL.Path]++
	}
	return a
}

// paced lets so many bytes a second pass.
func paced(r io.Reader, rate int) io.Reader {
	if rate == 0 {
		return r
	}
	return readFunc(func(p []byte) (int, error) {
		n, err := r.Read(p[:min(len(p), max(1, rate/10))])
		time.Sleep(time.Duration(n) * time.Second / time.Duration(rate))
		return n, err
	})
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// The faults of TestStoreHasFaults.
var (
	storeAway  = wireFault{away: true}
	storeSlow  = wireFault{rate: 1 << 10}
	storeBusy  = refuse(http.StatusServiceUnavailable, "SlowDown")
	storeShut  = refuse(http.StatusForbidden, "AccessDenied")
	storeStuck = wireFault{meet: func(_ *wire, _ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}}
	// storeReset ends the connection in the middle of what is sent.
	storeReset = wireFault{meet: func(_ *wire, rw http.ResponseWriter, r *http.Request) {
		io.CopyN(io.Discard, r.Body, r.ContentLength/2)
		breakOff(rw, "")
	}}
	// storeCut ends it in the middle of the answer, when all is done.
	storeCut = wireFault{meet: func(w *wire, rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.pass(r, body)
		breakOff(rw, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nX-Amz-Ch")
	}}
	// storeLies says that it has done what it has not.
	storeLies = wireFault{meet: func(w *wire, rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method == http.MethodPut {
			rw.Header().Set("ETag", otherTag)
			return
		}
		w.answer(rw, w.pass(r, body))
	}}
	// storeRenames has another ETag than the content says.
	storeRenames = wireFault{spoil: func(a *wireAnswer) { a.header.Set("ETag", otherTag) }}
	// storeClaims says of what it has that it is something else.
	storeClaims = wireFault{spoil: func(a *wireAnswer) {
		if a.header.Get("X-Amz-Checksum-Sha256") != "" {
			a.header.Set("X-Amz-Checksum-Sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
		}
	}}
)

const otherTag = `"d41d8cd98f00b204e9800998ecf8427e"`

// refuse answers with a status and an S3 error code.
func refuse(status int, code string) wireFault {
	return wireFault{meet: func(_ *wire, rw http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		rw.Header().Set("Content-Type", "application/xml")
		rw.WriteHeader(status)
		io.WriteString(rw, "<Error><Code>"+code+"</Code><Message>no</Message></Error>")
	}}
}

// breakOff ends the connection with what is said of the answer.
func breakOff(rw http.ResponseWriter, said string) {
	conn, out, err := rw.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	out.WriteString(said)
	out.Flush()
}
