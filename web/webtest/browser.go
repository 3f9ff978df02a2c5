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

// Browser is a running Chromium. It ends with the test that started it.
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

// Start starts a browser, which ends at the test's cleanup.
func Start(t *testing.T) *Browser {
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
	cmd.Stderr = t.Output()
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
	t.Cleanup(func() { end(t, cmd, stdin, read) })
	if err := receive(ready, startPatience, &d.version); err != nil {
		t.Fatalf("webtest: start Chromium: %v", err)
	}
	return &Browser{t, d}
}

// In returns the browser for a subtest, which pages that it opens belong to.
func (b *Browser) In(t *testing.T) *Browser { return &Browser{t, b.driver} }

// end closes the driver's input, at which it closes the browser and ends. A
// driver that does not is killed; Chromium ends when its driver's pipe does.
func end(t *testing.T, cmd *exec.Cmd, stdin io.Closer, read <-chan struct{}) {
	_ = stdin.Close()
	timer := time.AfterFunc(endPatience, func() {
		t.Errorf("webtest: the driver did not end within %v and is killed", endPatience)
		_ = cmd.Process.Kill()
	})
	defer timer.Stop()
	<-read
	if err := cmd.Wait(); err != nil {
		t.Errorf("webtest: the driver: %v", err)
	}
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
