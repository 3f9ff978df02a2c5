package app_test

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/seal"
	"sidetone/seal/kms"
	"sidetone/store"
)

// openKMSVault makes a vault whose keys are those of a simulated AWS KMS: the real
// service was not to be had.
func openKMSVault(t *testing.T, key string) (*vault, *sim.KMS) {
	t.Helper()
	k := sim.NewKMS()
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", k.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", k.SecretAccessKey)
	v := openVault(t, "a")
	v.config.Keys.KMSKeyID, v.config.Keys.KMSRegion, v.config.Keys.KMSEndpoint = key, k.Region, server.URL
	var err error
	if v.service, err = kms.New(t.Context(), kms.Options{Region: k.Region, Endpoint: server.URL}); err != nil {
		t.Fatal(err)
	}
	return v, k
}

// TestKMS has keys that move from a file to KMS, and on to another key there; the
// end of the first leaves what was erased in it to nobody.
func TestKMS(t *testing.T) {
	v, k := openKMSVault(t, "")
	one, two := k.CreateKey("one"), k.CreateKey("two")
	v.init(app.KeyPlan{})
	v.record(2)
	v.config.Keys.KMSKeyID = "alias/one"
	if w := v.rotate(app.Rotation{}); w.Moved != 6 || len(w.Left) > 0 {
		t.Errorf("to KMS: %+v", w)
	}
	v.record(2)
	v.check("epoch-2")
	if _, err := v.admin().Rotate(t.Context(), app.Rotation{}); !errors.Is(err, seal.ErrPlan) {
		t.Errorf("to the same key: %v", err)
	}
	backup, folder := filepath.Join(t.TempDir(), "backup"), filepath.Join(v.bucketDir(), "a", "keys")
	if err := os.CopyFS(backup, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	v.config.Keys.KMSKeyID = "alias/two"
	if w := v.rotate(app.Rotation{}); w.Moved != 12 || len(w.Left) > 0 {
		t.Errorf("to another key: %+v", w)
	}
	v.check("epoch-3")
	v.later()
	e, err := v.admin().DestroyEpoch(t.Context(), "epoch-2", "", nil)
	if days := time.Until(e.IrrecoverableAfter).Hours() / 24; err != nil || days < 6.9 || days > 7.1 || e.ServiceKey != one {
		t.Errorf("%+v, %v", e, err)
	}
	list, err := v.admin().List(t.Context())
	if err != nil || list[2].ServiceKey != two || list[2].Private != "service" || list[2].Wrapped != 12 {
		t.Errorf("%+v, %v", list, err)
	}
	if err := os.CopyFS(folder, os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	restored := 0
	for page, err := range v.objects.Pages(t.Context(), "keys/epoch-2/") {
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range page {
			b, err := v.objects.Get(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			restored++
			for _, arn := range []string{one, two} {
				if _, err := v.service.Decrypt(t.Context(), arn, b); !errors.Is(err, seal.ErrNoIdentity) {
					t.Errorf("%s opens with %s: %v", key, arn, err)
				}
			}
		}
	}
	if restored != 12 {
		t.Errorf("%d keys were restored", restored)
	}
}

// TestGatewayWithKMS: its first start makes an epoch of the configured key. With KMS
// away it starts, answers, keeps nothing of a caller who agreed, and has a row that
// says so.
func TestGatewayWithKMS(t *testing.T) {
	v, k := openKMSVault(t, "alias/one")
	arn := k.CreateKey("one")
	config := configure(t, "SIDETONE_RECORDER_ON_FULL=unrecorded")
	config.Keys.KMSKeyID, config.Keys.KMSRegion, config.Keys.KMSEndpoint = "alias/one", k.Region, v.config.Keys.KMSEndpoint
	if e, err := app.InitKeys(t.Context(), config, app.KeyPlan{}); err != nil || e.ServiceKey != arn {
		t.Fatalf("%+v, %v", e, err)
	}
	k.Fail("KMSInternalException")
	g := start(t, config)
	c, err := g.carrier(t, sim.CarrierOptions{}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	report, err := sim.Script{Steps: []sim.Step{sim.AfterAgent(2500 * time.Millisecond), sim.HangUp()}, HangupAfter: 20 * time.Second}.Run(t.Context(), c)
	if err != nil || len(report.Heard) < 8000 {
		t.Errorf("the caller heard %d samples, %v", len(report.Heard), err)
	}
	k.Fail("")
	detail, err := g.records(t).Call(t.Context(), report.CallSID)
	if err != nil {
		t.Fatal(err)
	}
	events := ""
	for _, row := range detail.Proof {
		events += row.Event + " "
	}
	if !strings.Contains(events, "granted ") || !strings.Contains(events, "unrecordable ") {
		t.Errorf("rows: %s", events)
	}
	objects, err := store.OpenS3(t.Context(), g.s3)
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"keys/", "rec/"} {
		if keys, err := objects.List(t.Context(), prefix); err != nil || len(keys) > 0 {
			t.Errorf("objects are left: %s, %v", strings.Join(keys, " "), err)
		}
	}
}
