// Package onnx runs neural networks through the ONNX Runtime, a shared library
// which it loads from the models folder when the first network is opened.
//
// It refuses to load a library or a network whose SHA-256 sum is not the one
// in package models. It starts no goroutine, and its sessions run on the
// caller's thread alone: who decodes when is decided by their owners.
package onnx

import (
	"errors"
	"fmt"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"sidetone/internal/models"
)

// loading guards the library, of which a process can hold only one.
var loading sync.Mutex

// load loads the runtime library of the models folder dir, unless this process
// has done so before.
func load(dir string) error {
	loading.Lock()
	defer loading.Unlock()
	if ort.IsInitialized() {
		return nil
	}
	path, err := models.Verify(dir, models.Runtime)
	if err != nil {
		return err
	}
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(ort.WithLogLevelError()); err != nil {
		return fmt.Errorf("onnx: loading %s: %w", path, err)
	}
	return nil
}

// Session is a network in memory. Its Bindings may run at the same time, and
// all share its weights, with all other Sessions of the same file.
type Session struct {
	file    string
	session *ort.DynamicAdvancedSession
	letGo   func() error
}

// Open loads a network, one of the names of package models, from the models
// folder dir, and the runtime library before the first one. The error wraps
// models.ErrMissing or models.ErrTampered when a file is not as it must be.
func Open(dir, file string) (*Session, error) {
	session, letGo, err := hold(dir, file, nil, nil)
	if err != nil {
		return nil, err
	}
	return &Session{file, session, letGo}, nil
}

// open makes a session of the content of a file.
func open(network []byte, inputs, outputs []string) (*ort.DynamicAdvancedSession, error) {
	options, err := singleThreaded()
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	return ort.NewDynamicAdvancedSessionWithONNXData(network, inputs, outputs, options)
}

// singleThreaded are the options of every session. One thread: calls and not
// operators run side by side. Quantized weights that are only used after
// conversion are converted once, when the network is loaded, and not in each
// run: that halves the time of a decoder step. With that no run needs large
// temporaries, and none keeps an arena, which would hold the peak memory of the
// longest run for each that ever ran beside it.
func singleThreaded() (*ort.SessionOptions, error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		options.SetIntraOpNumThreads(1),
		options.SetInterOpNumThreads(1),
		options.SetExecutionMode(ort.ExecutionModeSequential),
		options.SetCpuMemArena(false),
		options.SetMemPattern(false),
		options.AddSessionConfigEntry("session.disable_quant_qdq", "1"),
	)
	if err != nil {
		options.Destroy()
		return nil, err
	}
	return options, nil
}

// Close frees the network, if no other Session holds it. All Bindings of this one
// must have been closed. It is idempotent.
func (s *Session) Close() error { return s.letGo() }
