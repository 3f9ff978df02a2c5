package app_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/configs"
	"sidetone/internal/app"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// vault is a keyring, and a bucket with the keys and a piece of some takes.
type vault struct {
	t       testing.TB
	config  *configs.Config
	s3      store.S3Options
	objects *store.Objects
	secrets map[string]string // of the takes' identities, by object without its epoch
	hook    func(*http.Request)
	service seal.Service // nil: none
}

// RoundTrip tells the test of a request before it is sent.
func (v *vault) RoundTrip(r *http.Request) (*http.Response, error) {
	if v.hook != nil {
		v.hook(r)
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return base().RoundTrip(r)
}

// base reaches the object store of the tests.
var base = sync.OnceValue(func() *http.Transport {
	return &http.Transport{DialContext: builtin.S3("any").DialContext, MaxIdleConnsPerHost: 16}
})

// openVault makes a vault, below a prefix of the test's bucket.
func openVault(t testing.TB, prefix string) *vault {
	t.Helper()
	config, _, err := configs.Load("", []string{"SIDETONE_DATA_DIR=" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	v := &vault{t: t, config: config, s3: bucket(t), secrets: make(map[string]string)}
	v.s3.Prefix, v.s3.Sync, v.s3.DialContext, v.s3.Transport = prefix, nil, nil, v
	if v.objects, err = store.OpenS3(t.Context(), v.s3); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *vault) init(p app.KeyPlan) app.KeyEpoch {
	v.t.Helper()
	e, err := app.InitKeys(v.t.Context(), v.config, p)
	if err != nil {
		v.t.Fatal(err)
	}
	return e
}

func (v *vault) keyring() *seal.Keyring {
	v.t.Helper()
	k, err := seal.LoadKeyring(v.config.Keys.Dir)
	if err != nil {
		v.t.Fatal(err)
	}
	if v.service != nil {
		k.Use(v.service)
	}
	return k
}

func (v *vault) put(key string, b []byte) {
	v.t.Helper()
	if err := v.objects.Put(v.t.Context(), key, b, sha256.Sum256(b)); err != nil {
		v.t.Fatal(err)
	}
}

// record stores the wrapped keys of n takes, and a segment of each.
func (v *vault) record(n int) {
	v.t.Helper()
	k := v.keyring()
	for i := range n {
		call := fmt.Sprintf("call%d-%d", len(k.Epochs()), i)
		for _, class := range seal.Classes {
			id, err := seal.GenerateIdentity()
			if err != nil {
				v.t.Fatal(err)
			}
			epoch, wrapped, err := k.Wrap(v.t.Context(), id)
			if err != nil {
				v.t.Fatal(err)
			}
			key := recorder.KeyObject(epoch, call, "t1", class)
			v.put(key, wrapped)
			v.secrets[strings.TrimPrefix(key, "keys/"+epoch)] = id.Secret()
			if class == seal.Audio {
				segment, err := seal.Seal(nil, []byte("what was said"), id.Recipient())
				if err != nil {
					v.t.Fatal(err)
				}
				v.put(recorder.SegmentObject(call, "t1", 1), segment)
			}
		}
	}
}

func (v *vault) admin() *app.KeyAdmin {
	v.t.Helper()
	k, err := app.OpenKeyAdminIn(v.t.Context(), v.config, v.s3)
	if err != nil {
		v.t.Fatal(err)
	}
	return k
}

func (v *vault) rotate(r app.Rotation) app.Rewrapped {
	v.t.Helper()
	w, err := v.admin().Rotate(v.t.Context(), r)
	if err != nil {
		v.t.Fatal(err)
	}
	return w
}

// later lets an hour pass for the keyring, after which no gateway uses an epoch
// that is over.
func (v *vault) later() {
	v.t.Helper()
	path := filepath.Join(v.config.Keys.Dir, "epochs.json")
	b, err := os.ReadFile(path)
	if err != nil {
		v.t.Fatal(err)
	}
	b = regexp.MustCompile(`"created": "[^"]*"`).ReplaceAll(b, []byte(`"created": "`+time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)+`"`))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		v.t.Fatal(err)
	}
}

// check holds the bucket against what was recorded: each identity lies in one of
// the epochs at least, and opens there.
func (v *vault) check(epochs ...string) {
	v.t.Helper()
	left := make(map[string]string, len(v.secrets))
	for key, secret := range v.secrets {
		left[key] = secret
	}
	k := v.keyring()
	for _, epoch := range epochs {
		keys, err := v.objects.List(v.t.Context(), "keys/"+epoch+"/")
		if err != nil {
			v.t.Fatal(err)
		}
		for _, key := range keys {
			b, err := v.objects.Get(v.t.Context(), key)
			if errors.Is(err, store.ErrNotFound) {
				continue // the store was still at its deletion
			}
			if err != nil {
				v.t.Fatal(err)
			}
			id, err := k.Unwrap(v.t.Context(), epoch, b)
			name := strings.TrimPrefix(key, "keys/"+epoch)
			if err != nil || id.Secret() != v.secrets[name] {
				v.t.Fatalf("%s opens as another, or not: %v", key, err)
			}
			delete(left, name)
		}
	}
	if len(left) > 0 {
		v.t.Fatalf("%d of %d identities are lost", len(left), len(v.secrets))
	}
}

func TestRotateRewraps(t *testing.T) {
	v := openVault(t, "a")
	v.init(app.KeyPlan{})
	v.record(70) // several batches
	segments, err := v.objects.List(t.Context(), "rec/")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	w := v.rotate(app.Rotation{Progress: func(done, total int) { told = append(told, fmt.Sprintf("%d/%d", done, total)) }})
	if w.Epoch != "epoch-2" || w.Moved != 210 || w.Total != 210 || len(w.Left) > 0 || w.Erased > 0 {
		t.Errorf("%+v", w)
	}
	if want := "0/210 64/210 128/210 192/210 210/210"; strings.Join(told, " ") != want {
		t.Errorf("progress %v", told)
	}
	v.check("epoch-2")
	if after, err := v.objects.List(t.Context(), "rec/"); err != nil || len(after) != len(segments) {
		t.Errorf("%d objects of audio become %d, %v", len(segments), len(after), err)
	}
	list, err := v.admin().List(t.Context())
	if err != nil || len(list) != 2 || list[0].Wrapped != 0 || list[1].Wrapped != 210 || !list[1].Current || list[1].Private != "here" {
		t.Errorf("%+v, %v", list, err)
	}
	if again := v.rotate(app.Rotation{Resume: true}); again.Moved != 0 || again.Epoch != "epoch-2" {
		t.Errorf("a second pass: %+v", again)
	}
}

// TestRotateGoesOn kills a rotation before each of its requests to the store, and
// after it: at no moment is an identity lost, and the next pass ends it.
func TestRotateGoesOn(t *testing.T) {
	for n, requests := 1, 100; n < requests; n += 2 {
		v := openVault(t, fmt.Sprintf("n%d", n))
		v.init(app.KeyPlan{})
		v.record(3)
		admin := v.admin()
		ctx, kill := context.WithCancel(t.Context())
		var mu sync.Mutex
		count := 0
		v.hook = func(*http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if count++; count == n {
				kill()
			}
		}
		_, err := admin.Rotate(ctx, app.Rotation{})
		v.hook = nil
		kill()
		if err == nil {
			requests = count // that is how many there are
		}
		epochs := []string{"epoch-1"}
		if v.keyring().Current().ID == "epoch-2" {
			epochs = append(epochs, "epoch-2")
		}
		v.check(epochs...)
		if len(epochs) < 2 {
			continue // it had not begun
		}
		if w := v.rotate(app.Rotation{Resume: true}); len(w.Left) > 0 {
			t.Errorf("killed before request %d: %v", n, w.Left)
		}
		v.check("epoch-2")
		if _, err := os.Stat(filepath.Join(v.config.Keys.Dir, "rewrap.json")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("killed before request %d: its journal is left: %v", n, err)
		}
	}
}

// TestRotateMeetsDestruction destroys a take before each request of a rotation,
// which is killed some requests later and gone on with: no key of the take comes
// back.
func TestRotateMeetsDestruction(t *testing.T) {
	for n, requests := 1, 100; n < requests; n++ {
		v := openVault(t, fmt.Sprintf("n%d", n))
		v.init(app.KeyPlan{})
		v.record(2)
		node, err := seal.OpenNode(filepath.Join(v.config.DataDir, "node"))
		if err != nil {
			t.Fatal(err)
		}
		plain := v.s3 // the gateway's own way to the store
		plain.Transport = base()
		objects, err := store.OpenS3(t.Context(), plain)
		if err != nil {
			t.Fatal(err)
		}
		spool, err := recorder.OpenSpool(recorder.SpoolOptions{Dir: v.config.Recorder.SpoolDir, Node: node, Put: objects, Erase: objects})
		if err != nil {
			t.Fatal(err)
		}
		ctx, kill := context.WithCancel(t.Context())
		var mu sync.Mutex
		count := 0
		v.hook = func(*http.Request) {
			mu.Lock()
			defer mu.Unlock()
			count++
			if count == n {
				if err := spool.Destroy(t.Context(), "call1-0", "t1"); err != nil {
					t.Error(err)
				}
			}
			if n%3 > 0 && count == n+n%3 {
				kill()
			}
		}
		_, err = v.admin().Rotate(ctx, app.Rotation{})
		v.hook = nil
		kill()
		if err == nil {
			requests = count
		}
		if v.keyring().Current().ID == "epoch-2" {
			v.rotate(app.Rotation{Resume: true})
		}
		keys, err := v.objects.List(t.Context(), "keys/")
		if err != nil || len(keys) < 3 || strings.Contains(strings.Join(keys, " "), "call1-0") && count >= n {
			t.Errorf("destroyed before request %d of %d: %v, %v", n, count, keys, err)
		}
		if err := spool.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDestroyedEpochIsBeyondRecovery: after an epoch is destroyed, last week's
// copy of the bucket holds nothing that age opens with any key there is.
func TestDestroyedEpochIsBeyondRecovery(t *testing.T) {
	v := openVault(t, "a")
	v.init(app.KeyPlan{})
	v.record(2)
	if opened := v.ageOpens(); len(opened) != 6 {
		t.Fatalf("before: age opens %v", opened)
	}
	folder := filepath.Join(v.bucketDir(), "a", "keys")
	backup := filepath.Join(t.TempDir(), "backup")
	if err := os.CopyFS(backup, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	if err := v.objects.Erase(t.Context(), "keys/epoch-1/call1-0/"); err != nil { // the caller has withdrawn
		t.Fatal(err)
	}
	v.rotate(app.Rotation{})
	if _, err := v.admin().DestroyEpoch(t.Context(), "epoch-1", "", nil); err == nil || !strings.Contains(err.Error(), "try again") {
		t.Errorf("at once after the rotation: %v", err)
	}
	v.later()
	e, err := v.admin().DestroyEpoch(t.Context(), "epoch-1", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := e.Destroyed.Add(30 * 24 * time.Hour); e.Private != "destroyed" || !e.IrrecoverableAfter.Equal(want) {
		t.Errorf("%+v", e)
	}
	if err := os.CopyFS(folder, os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	if w := v.rotate(app.Rotation{Resume: true}); w.Moved > 0 || len(w.Left) > 0 {
		t.Errorf("a pass over what was brought back: %+v", w)
	}
	for _, key := range v.ageOpens() {
		if !strings.HasPrefix(key, "epoch-2/call1-1/") {
			t.Errorf("age opens %s", key)
		}
	}
	if opened := v.ageOpens(); len(opened) != 3 {
		t.Errorf("what was not erased: age opens %v", opened)
	}
}

func (v *vault) bucketDir() string { return filepath.Join(builtinDir, "buckets", v.s3.Bucket) }

// ageOpens lists the wrapped keys on the disk of the store that the age of the
// distribution opens with one of the keyring's private halves.
func (v *vault) ageOpens() (opened []string) {
	v.t.Helper()
	keys, err := filepath.Glob(filepath.Join(v.config.Keys.Dir, "*.agekey"))
	if err != nil || len(keys) == 0 {
		v.t.Fatal(keys, err)
	}
	folder := filepath.Join(v.bucketDir(), v.s3.Prefix, "keys")
	found := 0
	err = filepath.WalkDir(folder, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		found++
		for _, key := range keys {
			if exec.CommandContext(v.t.Context(), "age", "-d", "-i", key, "-o", os.DevNull, path).Run() == nil {
				opened = append(opened, strings.TrimPrefix(path, folder+"/"))
			}
		}
		return nil
	})
	if err != nil || found == 0 {
		v.t.Fatalf("%d files in %s, %v", found, folder, err)
	}
	return opened
}

// TestEpochInUseIsKept: what is wrapped to an epoch, in the store or on the spool,
// keeps it from being destroyed.
func TestEpochInUseIsKept(t *testing.T) {
	v := openVault(t, "a")
	v.init(app.KeyPlan{})
	v.record(1)
	v.rotate(app.Rotation{NoRewrap: true})
	v.later()
	destroy := func(want error, say string) {
		t.Helper()
		_, err := v.admin().DestroyEpoch(t.Context(), "epoch-1", "", nil)
		if !errors.Is(err, want) || err != nil && !strings.Contains(err.Error(), say) {
			t.Errorf("%v does not say %s", err, say)
		}
	}
	destroy(app.ErrWrapped, "keys/epoch-1/call1-0/t1-audio.age")
	v.rotate(app.Rotation{Resume: true})
	take := filepath.Join(v.config.Recorder.SpoolDir, "takes", "late.t1")
	head := fmt.Sprintf(`{"version":1,"call":"late","take":"t1","epoch":"epoch-1","audio":%q,"text":%[1]q,"snippets":%[1]q}`, v.keyring().Current().Recipients[0])
	if err := errors.Join(os.MkdirAll(take, 0o700), os.WriteFile(filepath.Join(take, "take.json"), []byte(head), 0o600)); err != nil {
		t.Fatal(err)
	}
	destroy(app.ErrWrapped, "1 takes on the spool")
	if list, err := v.admin().List(t.Context()); err != nil || list[0].Spooled != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if err := os.RemoveAll(take); err != nil {
		t.Fatal(err)
	}
	if _, err := v.admin().DestroyEpoch(t.Context(), "epoch-2", "", nil); !errors.Is(err, seal.ErrCurrent) {
		t.Errorf("the current one: %v", err)
	}
	destroy(nil, "")
	v.check("epoch-2")
}

// TestWhatCannotBeOpenedStays: a wrapped key that is damaged is named, the others
// are rewrapped, and its epoch is kept.
func TestWhatCannotBeOpenedStays(t *testing.T) {
	v := openVault(t, "a")
	v.init(app.KeyPlan{})
	v.record(2)
	v.put("keys/epoch-1/call1-9/t1-audio.age", []byte("age-encryption.org/v1\ngarbage"))
	w := v.rotate(app.Rotation{})
	if w.Moved != 6 || len(w.Left) != 1 || !strings.HasPrefix(w.Left[0], "keys/epoch-1/call1-9/t1-audio.age: ") {
		t.Errorf("%+v", w)
	}
	v.later()
	if _, err := v.admin().DestroyEpoch(t.Context(), "epoch-1", "", nil); !errors.Is(err, app.ErrWrapped) {
		t.Errorf("its epoch: %v", err)
	}
}

// TestRotateElsewhere: where the private half is not, no epoch begins whose
// predecessor could not be rewrapped; with the file at hand it is.
func TestRotateElsewhere(t *testing.T) {
	v := openVault(t, "a")
	one, two := filepath.Join(t.TempDir(), "one.agekey"), filepath.Join(t.TempDir(), "two.agekey")
	v.init(app.KeyPlan{File: one})
	v.record(2)
	for _, r := range []app.Rotation{{}, {Plan: app.KeyPlan{File: two}}} {
		if _, err := v.admin().Rotate(t.Context(), r); err == nil || v.keyring().Current().ID != "epoch-1" {
			t.Errorf("%+v: %v", r, err)
		}
	}
	w := v.rotate(app.Rotation{Plan: app.KeyPlan{File: two}, Identities: []string{one}})
	if w.Moved != 6 || len(w.Left) > 0 {
		t.Errorf("%+v", w)
	}
	v.later()
	if e, err := v.admin().DestroyEpoch(t.Context(), "epoch-1", one, nil); err != nil || e.IrrecoverableAfter.IsZero() {
		t.Errorf("%+v, %v", e, err)
	}
	public, err := app.ExportPublic(v.config)
	if err != nil || bytes.Contains(public, []byte("SECRET")) || !bytes.Contains(public, []byte("epoch-2")) {
		t.Errorf("public halves: %s, %v", public, err)
	}
	b, err := os.ReadFile(two)
	if err != nil || os.WriteFile(filepath.Join(v.config.Keys.Dir, "epoch-2.agekey"), b, 0o600) != nil {
		t.Fatal(err)
	}
	v.check("epoch-2")
}

// TestExportKey: a backup of the private half opens with the key it is sealed to,
// by age, and with nothing else.
func TestExportKey(t *testing.T) {
	v := openVault(t, "a")
	v.init(app.KeyPlan{})
	safe, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	backup, err := app.ExportKey(v.config, "epoch-1", safe.Recipient().String(), "")
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "safe.agekey")
	if err := os.WriteFile(key, safe.KeyFile(time.Now()), 0o600); err != nil {
		t.Fatal(err)
	}
	age := exec.CommandContext(t.Context(), "age", "-d", "-i", key)
	age.Stdin = bytes.NewReader(backup)
	got, err := age.Output()
	want, _ := v.keyring().Private("epoch-1")
	if err != nil || !strings.Contains(string(got), want.Secret()) {
		t.Errorf("age: %v", err)
	}
	for _, bad := range []struct{ epoch, to, passphrase string }{
		{"epoch-2", safe.Recipient().String(), ""}, {"epoch-1", "age1", ""}, {"epoch-1", "", "short"}, {"../epoch-1", "", "long enough for it"},
	} {
		if _, err := app.ExportKey(v.config, bad.epoch, bad.to, bad.passphrase); err == nil {
			t.Errorf("%+v", bad)
		}
	}
}
