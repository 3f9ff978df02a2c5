package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"sidetone/configs"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// Erasing erases calls and holds them: for the command line. The gateway of the data
// directory does it if one runs; else it is done here, and no gateway can start
// meanwhile.
type Erasing struct {
	config  *configs.Config
	records *Records // nil: a gateway runs
	here    *eraser  // nil: a gateway runs
}

// OpenErasing opens the stores, unless a gateway has them.
func OpenErasing(ctx context.Context, c *configs.Config, log *slog.Logger) (*Erasing, error) {
	return openErasing(ctx, c, log, func() (*Records, error) { return OpenRecords(ctx, c) })
}

// OpenErasingIn is OpenErasing with an object store that the caller has opened.
func OpenErasingIn(ctx context.Context, c *configs.Config, s3 store.S3Options, log *slog.Logger) (*Erasing, error) {
	return openErasing(ctx, c, log, func() (*Records, error) { return OpenRecordsIn(ctx, c, s3) })
}

func openErasing(ctx context.Context, c *configs.Config, log *slog.Logger, open func() (*Records, error)) (*Erasing, error) {
	x := &Erasing{config: c}
	records, err := open()
	if err != nil {
		return nil, err
	}
	x.records = records
	err = x.open(ctx, log)
	if errors.Is(err, recorder.ErrSpoolLocked) {
		return &Erasing{config: c}, records.Close()
	}
	if err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

func (x *Erasing) open(ctx context.Context, log *slog.Logger) error {
	e, err := newEraser(ctx, x.config, log)
	if err != nil {
		return err
	}
	if e.node, err = seal.OpenNode(NodeDir(x.config)); err != nil {
		return err
	}
	r := x.records
	e.db, e.ledger, e.objects = r.db, r.ledger, r.objects
	e.end, e.forget = func(store.Call) {}, func(string) {}
	e.epochs = func() ([]seal.Epoch, error) {
		k, err := seal.LoadKeyring(x.config.Keys.Dir)
		if err != nil {
			return nil, err
		}
		return k.Epochs(), nil
	}
	if e.spool, err = recorder.OpenSpool(recorder.SpoolOptions{Dir: x.config.Recorder.SpoolDir, Node: e.node, Put: r.objects, Erase: r.objects,
		Conflict: store.ErrConflict, Log: log}); err != nil {
		return err
	}
	x.here = e
	if len(x.config.Webhooks.Endpoints) > 0 {
		e.jobs, err = store.OpenJobs(ctx, jobsAt(x.config), store.JobsOptions{Log: log}) // none are done here
	}
	return err
}

// Close closes the stores.
func (x *Erasing) Close() (err error) {
	if x.here != nil {
		err = x.here.spool.Close()
		if x.here.jobs != nil {
			err = errors.Join(err, x.here.jobs.Stop(context.Background()))
		}
	}
	if x.records != nil {
		err = errors.Join(err, x.records.Close())
	}
	return err
}

// Erase erases a call, or all calls of a number, or says what would go.
func (x *Erasing) Erase(ctx context.Context, r ErasureRequest) (result ErasureResult, err error) {
	if x.here != nil {
		return x.here.erase(ctx, r)
	}
	return result, x.ask(ctx, http.MethodPost, "/api/v1/erasures", r, &result)
}

// Receipt returns the newest receipt of a call, or one by its id, byte for byte as it
// was signed.
func (x *Erasing) Receipt(ctx context.Context, id string) ([]byte, error) {
	if x.here != nil {
		return x.here.receipt(ctx, id)
	}
	var body json.RawMessage
	return body, x.ask(ctx, http.MethodGet, "/api/v1/erasures/"+url.PathEscape(id), nil, &body)
}

// Hold puts a call under a legal hold; reason is the id of a case, or empty.
func (x *Erasing) Hold(ctx context.Context, call, reason string) (h Hold, err error) {
	if x.here != nil {
		return x.here.hold(ctx, call, reason)
	}
	return h, x.ask(ctx, http.MethodPost, "/api/v1/calls/"+url.PathEscape(call)+"/hold", Hold{Reason: reason}, &h)
}

// Release ends the hold of a call, and does what has waited for that.
func (x *Erasing) Release(ctx context.Context, call string) (h Hold, err error) {
	if x.here != nil {
		return x.here.release(ctx, call)
	}
	return h, x.ask(ctx, http.MethodDelete, "/api/v1/calls/"+url.PathEscape(call)+"/hold", nil, &h)
}

// maxErased bounds the answer of a gateway, in bytes: a call takes some 200.
const maxErased = 64 << 20

// ask asks the gateway that runs.
func (x *Erasing) ask(ctx context.Context, method, path string, body, answer any) error {
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, OperatorURL(x.config)+path, &sent)
	if err != nil {
		return err
	}
	got, err := operator(x.config, r)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(io.LimitReader(got.Body, maxErased))
	if err != nil {
		return err
	}
	if got.StatusCode != http.StatusOK {
		return fmt.Errorf("the gateway answers: %s", strings.TrimSpace(string(text)))
	}
	if raw, ok := answer.(*json.RawMessage); ok {
		*raw = text
		return nil
	}
	return json.Unmarshal(text, answer)
}
