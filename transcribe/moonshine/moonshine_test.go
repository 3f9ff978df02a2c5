package moonshine_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/internal/models"
	"sidetone/internal/models/modelstest"
	"sidetone/media"
	"sidetone/transcribe"
	"sidetone/transcribe/enginetest"
	"sidetone/transcribe/moonshine"
)

// engine is shared by the tests, as by the calls of a process.
var engine = sync.OnceValue(func() *moonshine.Engine {
	return moonshine.New(moonshine.Options{Dir: os.Getenv("SIDETONE_MODELS_DIR")})
})

func open(t testing.TB, rate int) (*moonshine.Engine, transcribe.Session) {
	t.Helper()
	e := shared(t)
	s, err := e.Open(transcribe.Options{Rate: rate})
	if err != nil {
		t.Fatal(err)
	}
	return e, s
}

var sharing struct {
	sync.Mutex
	engine *moonshine.Engine
}

func shared(t testing.TB) *moonshine.Engine {
	t.Helper()
	sharing.Lock()
	defer sharing.Unlock()
	if sharing.engine == nil {
		sharing.engine = moonshine.New(moonshine.Options{Dir: modelstest.Dir(t)})
	}
	return sharing.engine
}

func TestConformance(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		t.Run(map[int]string{8000: "phone", 16000: "web"}[rate], func(t *testing.T) {
			enginetest.Run(t, enginetest.Subject{
				Engine:     shared(t),
				Said:       enginetest.GoForward(t).At(t, rate),
				WordErrors: 1,
			})
		})
	}
}

var _ = []any{errors.Is, filepath.Join, strings.Cut, time.Now, models.Read, media.Tone, engine, open}
