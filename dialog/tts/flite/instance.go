package flite

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental/sysfs"
	"github.com/tetratelabs/wazero/sys"
)

// The files of an instance: Flite is a command that reads a text file and
// writes a wave file.
const (
	textFile = "text"
	waveFile = "wave"
)

// instance is one run of the command, made ready and not yet started.
type instance struct {
	module api.Module
	files  *files
}

// instantiate makes a fresh memory of 17 MiB, about 8 ms of work.
func (v *Voice) instantiate() (*instance, error) {
	in := &instance{files: &files{}}
	mounts, ok := wazero.NewFSConfig().(sysfs.FSConfig)
	if !ok {
		panic("flite: wazero's file system configuration takes no own file system")
	}
	config := wazero.NewModuleConfig().
		WithName(""). // many at once
		WithStartFunctions().
		WithArgs("flite", "-voice", v.name, "-f", "/"+textFile, "-o", "/"+waveFile).
		WithFSConfig(mounts.WithSysFSMount(in.files, "/"))
	var err error
	in.module, err = v.runtime.InstantiateModule(context.Background(), v.compiled, config)
	if err != nil {
		return in, fmt.Errorf("%w: instantiate: %w", ErrUnavailable, err)
	}
	return in, nil
}

// run speaks text, once in the life of an instance.
func (in *instance) run(text string) (wave, error) {
	in.files.text.data = []byte(text)
	_, err := in.module.ExportedFunction("_start").Call(context.Background())
	var exit *sys.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 0) {
		return wave{}, fmt.Errorf("flite: synthesise: %w", err)
	}
	w, err := parseWave(in.files.wave.data)
	if err != nil {
		return wave{}, fmt.Errorf("flite: synthesise: %w", err)
	}
	return w, nil
}

func (in *instance) close() {
	if in.module != nil {
		in.module.Close(context.Background()) // frees memory only; nothing can fail
	}
}
