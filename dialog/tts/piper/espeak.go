package piper

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// What a phonemizer asks of espeak-ng.
const (
	patience = 3 * time.Second // for an answer, also for the first, with which the program starts
	longest  = 8 << 10         // an answer's line, in bytes
)

// marks are asked in turn after the clauses of a request, so that what comes back
// can be told to be whole and nobody else's.
var marks = []string{"end of request", "and this is another"}

var errSpeller = errors.New("espeak-ng gave no answer")

// phonemizer asks one espeak-ng, which runs until it fails or is closed, how words
// are pronounced. The words go by its standard input, never by its arguments or a
// shell. It belongs to one goroutine.
type phonemizer struct {
	program, language string
	patience          time.Duration // how long an answer may take
	process           *process      // nil when none runs
}

// process is a running espeak-ng.
type process struct {
	command  *exec.Cmd
	patience time.Duration
	in       io.WriteCloser
	out      *bufio.Reader
	marks    []string // what it answers to marks
	turn     int      // which of them is next
}

// say returns how each clause is pronounced, in the International Phonetic
// Alphabet. A clause is one line of letters. A program that has died, hangs or
// answers out of turn is replaced, once.
func (p *phonemizer) say(clauses []string) ([]string, error) {
	var err error
	for range 2 {
		if p.process == nil {
			if p.process, err = start(p.program, p.language, p.patience); err != nil {
				continue
			}
		}
		var said []string
		if said, err = p.process.say(clauses); err == nil {
			return said, nil
		}
		p.close()
	}
	return nil, err
}

// close ends the program, if one runs.
func (p *phonemizer) close() {
	if p.process != nil {
		p.process.end()
		p.process = nil
	}
}

// start runs the program and has it say the marks.
func start(program, language string, patience time.Duration) (*process, error) {
	command := exec.Command(program, "-q", "--ipa", "-v", language)
	command.Env = []string{"LC_ALL=C.UTF-8"}
	// A signal from the terminal is for the gateway, which goes on speaking until
	// its calls have ended.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start espeak-ng: %w", err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start espeak-ng: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start espeak-ng: %w", err)
	}
	p := &process{command: command, patience: patience, in: in, out: bufio.NewReaderSize(out, longest)}
	p.marks, err = p.ask(marks...)
	if err == nil && (p.marks[0] == "" || p.marks[0] == p.marks[1]) {
		err = fmt.Errorf("%w: it says the same of everything", errSpeller)
	}
	if err != nil {
		p.end()
		return nil, err
	}
	return p, nil
}

// end kills the program and waits for it.
func (p *process) end() {
	p.kill()
	_ = p.command.Wait() // a killed program's status says nothing
}

// kill kills the program's process group, which may have ended by itself.
func (p *process) kill() { _ = syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL) }

// say asks for the clauses and makes sure that the answer is theirs.
func (p *process) say(clauses []string) ([]string, error) {
	if p.out.Buffered() > 0 {
		return nil, fmt.Errorf("%w: it speaks out of turn", errSpeller)
	}
	p.turn = (p.turn + 1) % len(marks)
	n := len(clauses)
	said, err := p.ask(append(clauses[:n:n], marks[p.turn])...)
	if err != nil {
		return nil, err
	}
	if said[n] == p.marks[p.turn] {
		return said[:n], nil
	}
	return nil, fmt.Errorf("%w: its answer has other lines than the question", errSpeller)
}

// ask writes lines and reads as many.
func (p *process) ask(lines ...string) ([]string, error) {
	timer := time.AfterFunc(p.patience, p.kill)
	defer timer.Stop()
	if _, err := io.WriteString(p.in, strings.Join(lines, "\n")+"\n"); err != nil {
		return nil, fmt.Errorf("%w: %w", errSpeller, err)
	}
	said := make([]string, len(lines))
	for i := range said {
		line, err := p.out.ReadSlice('\n')
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errSpeller, err)
		}
		said[i] = strings.TrimSpace(string(line))
	}
	return said, nil
}
