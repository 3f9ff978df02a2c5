package webtest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Browser is a running Chromium. It ends with the test that started it, or with the
// last that shares it.
type Browser struct {
	t *testing.T // whom failures and screenshots belong to
	*driver
}

// driver is the process that drives a Browser.
type driver struct {
	stdin   io.WriteCloser
	version string

	mu      sync.Mutex
	last    int
	waiting map[int]chan<- answer
	ended   error // why there will be no more answers
}

// answer is what the driver writes.
type answer struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  string          `json:"error"`
}

// The patience with a driver: to start, to answer beyond the time that was
// allowed for what was asked, and to end.
const (
	startPatience = 60 * time.Second
	extraPatience = 30 * time.Second
	endPatience   = 10 * time.Second
)

// maxAnswer bounds one line of the driver: ten minutes of sound.
const maxAnswer = 128 << 20

var errDriverEnded = errors.New("the driver has ended")

// shared is the browser of all tests of a process whose TestMain calls Main.
var shared struct {
	sync.Mutex
	wanted bool
	driver *driver
	end    func() error
}

// Main runs the tests, as m.Run does, with one browser for all: it is started with
// the first test that asks for one, and ends after the last.
func Main(m *testing.M) (code int) {
	shared.wanted = true
	code = m.Run()
	if shared.driver == nil {
		return code
	}
	if err := shared.end(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

// Start returns the browser that Main has all tests share, whose pages close at the
// test's cleanup; without Main it starts one, which ends then.
func Start(t *testing.T) *Browser {
	t.Helper()
	if !shared.wanted {
		d, end := start(t, t.Output())
		t.Cleanup(func() {
			if err := end(); err != nil {
				t.Error(err)
			}
		})
		return &Browser{t, d}
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.driver == nil {
		shared.driver, shared.end = start(t, os.Stderr)
	}
	return &Browser{t, shared.driver}
}

// start starts a browser for a test. Its errors are written to stderr.
func start(t *testing.T, stderr io.Writer) (*driver, func() error) {
	t.Helper()
	script := filepath.Join(webFolder(t), "webtest", "driver.mjs")
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("webtest: %v; it is Debian's package chromium", err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("webtest: %v; it is Debian's package nodejs", err)
	}
	cmd := exec.Command(node, script, chromium)
	cmd.Stderr = stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d := &driver{stdin: stdin, waiting: make(map[int]chan<- answer)}
	ready := d.expect(0)
	if err := cmd.Start(); err != nil {
		t.Fatalf("webtest: start the driver: %v", err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		d.read(stdout)
	}()
	if err := receive(ready, startPatience, &d.version); err != nil {
		t.Fatalf("webtest: start Chromium: %v", errors.Join(err, end(cmd, stdin, read)))
	}
	return d, func() error { return end(cmd, stdin, read) }
}

// In returns the browser for a subtest, which pages that it opens belong to.
func (b *Browser) In(t *testing.T) *Browser { return &Browser{t, b.driver} }

// end closes the driver's input, at which it closes the browser and ends. A
// driver that does not is killed; Chromium ends when its driver's pipe does.
func end(cmd *exec.Cmd, stdin io.Closer, read <-chan struct{}) error {
	_ = stdin.Close()
	killed := make(chan struct{})
	timer := time.AfterFunc(endPatience, func() {
		close(killed)
		_ = cmd.Process.Kill()
	})
	<-read
	err := cmd.Wait()
	if !timer.Stop() {
		<-killed
		return fmt.Errorf("webtest: the driver did not end within %v and was killed", endPatience)
	}
	if err != nil {
		return fmt.Errorf("webtest: the driver: %w", err)
	}
	return nil
}

// webFolder finds the folder web of this module.
func webFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			web := filepath.Join(dir, "web")
			if _, err := os.Stat(filepath.Join(web, "node_modules", "playwright-core")); err != nil {
				t.Fatalf("webtest: npm's packages are missing (%v); run make web", err)
			}
			return web
		}
	}
	t.Fatal("webtest: no go.mod above the test")
	return ""
}

// Version is Chromium's.
func (b *Browser) Version() string { return b.version }

// read takes the driver's answers until it ends.
func (d *driver) read(stdout io.Reader) {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(make([]byte, 64<<10), maxAnswer)
	err := errDriverEnded
	for lines.Scan() {
		var a answer
		if err = json.Unmarshal(lines.Bytes(), &a); err != nil {
			err = fmt.Errorf("read the driver: %w", err)
			break
		}
		err = errDriverEnded
		d.deliver(a)
	}
	if lines.Err() != nil {
		err = fmt.Errorf("read the driver: %w", lines.Err())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = err
	for id, c := range d.waiting {
		delete(d.waiting, id)
		c <- answer{ID: id, Error: err.Error()}
	}
}

func (d *driver) deliver(a answer) {
	d.mu.Lock()
	c := d.waiting[a.ID]
	delete(d.waiting, a.ID)
	d.mu.Unlock()
	if c != nil {
		c <- a
	}
}

// expect prepares for the answer to a request.
func (d *driver) expect(id int) <-chan answer {
	c := make(chan answer, 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended != nil {
		c <- answer{ID: id, Error: d.ended.Error()}
		return c
	}
	d.waiting[id] = c
	return c
}

// send asks the driver for something.
func (d *driver) send(method string, params map[string]any) (<-chan answer, error) {
	d.mu.Lock()
	d.last++
	id := d.last
	d.mu.Unlock()
	line, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	c := d.expect(id)
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.stdin.Write(append(line, '\n')); err != nil {
		delete(d.waiting, id)
		return nil, fmt.Errorf("write to the driver: %w", err)
	}
	return c, nil
}

// receive waits for an answer and decodes it into v, unless that is nil.
func receive(c <-chan answer, patience time.Duration, v any) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case a := <-c:
		if a.Error != "" {
			return errors.New(strings.TrimSpace(a.Error))
		}
		if v == nil {
			return nil
		}
		return json.Unmarshal(a.Result, v)
	case <-timer.C:
		return fmt.Errorf("no answer within %v", patience)
	}
}
