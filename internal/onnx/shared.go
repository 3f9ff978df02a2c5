package onnx

import (
	"fmt"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"sidetone/internal/models"
)

// network is one in memory, which all who hold it share.
type network struct {
	load    func() (*ort.DynamicAdvancedSession, error) // once
	holders int
}

// held are the networks in memory, by file, inputs and outputs. One that is opened
// again while another holds it is not loaded again: that would take up to a second,
// and its weights the same memory once more.
var held = struct {
	sync.Mutex
	networks map[string]*network
}{networks: map[string]*network{}}

// hold returns a network, loaded if nobody holds it, and what lets it go. The file
// must be whole each time.
func hold(dir, file string, inputs, outputs []string) (*ort.DynamicAdvancedSession, func() error, error) {
	if err := load(dir); err != nil {
		return nil, nil, err
	}
	content, err := models.Read(dir, file)
	if err != nil {
		return nil, nil, err
	}
	key := strings.Join([]string{file, strings.Join(inputs, ","), strings.Join(outputs, ",")}, "\n")
	held.Lock()
	n := held.networks[key]
	if n == nil {
		n = &network{load: sync.OnceValues(func() (*ort.DynamicAdvancedSession, error) { return open(content, inputs, outputs) })}
		held.networks[key] = n
	}
	n.holders++
	held.Unlock()
	session, err := n.load()
	if err != nil {
		letGo(key, nil)
		return nil, nil, fmt.Errorf("onnx: opening %s: %w", file, err)
	}
	return session, sync.OnceValue(func() error {
		if err := letGo(key, session); err != nil {
			return fmt.Errorf("onnx: closing %s: %w", file, err)
		}
		return nil
	}), nil
}

// letGo frees a network, if it was loaded, when the last who held it lets it go.
func letGo(key string, session *ort.DynamicAdvancedSession) error {
	held.Lock()
	defer held.Unlock()
	n := held.networks[key]
	if n.holders--; n.holders > 0 {
		return nil
	}
	delete(held.networks, key)
	if session == nil {
		return nil
	}
	return session.Destroy()
}
