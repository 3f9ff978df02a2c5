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
// all share its weights.
type Session struct {
	file    string
	session *ort.DynamicAdvancedSession
}

// Open loads a network, one of the names of package models, from the models
// folder dir, and the runtime library before the first one. The error wraps
// models.ErrMissing or models.ErrTampered when a file is not as it must be.
func Open(dir, file string) (*Session, error) {
	session, err := open(dir, file, nil, nil)
	if err != nil {
		return nil, err
	}
	return &Session{file: file, session: session}, nil
}

func open(dir, file string, inputs, outputs []string) (*ort.DynamicAdvancedSession, error) {
	if err := load(dir); err != nil {
		return nil, err
	}
	network, err := models.Read(dir, file)
	if err != nil {
		return nil, err
	}
	options, err := singleThreaded()
	if err != nil {
		return nil, fmt.Errorf("onnx: opening %s: %w", file, err)
	}
	defer options.Destroy()
	session, err := ort.NewDynamicAdvancedSessionWithONNXData(network, inputs, outputs, options)
	if err != nil {
		return nil, fmt.Errorf("onnx: opening %s: %w", file, err)
	}
	return session, nil
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

// Close frees the network. All its Bindings must have been closed.
func (s *Session) Close() error {
	if err := s.session.Destroy(); err != nil {
		return fmt.Errorf("onnx: closing %s: %w", s.file, err)
	}
	return nil
}
