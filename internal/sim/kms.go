package sim

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// KMS is a stand-in for AWS KMS with fault switches: it speaks the JSON 1.1
// protocol of the API reference (Encrypt, Decrypt, DescribeKey,
// ScheduleKeyDeletion), checks signatures of version 4, and keeps the keys in
// memory. It is what the tests of the KMS driver run against; the real service was
// not to be had.
type KMS struct {
	AccessKeyID, SecretAccessKey, Region string

	mu     sync.Mutex
	keys   map[string]*kmsKey // by ARN
	alias  map[string]string  // ARN by "alias/..."
	fault  string             // the exception that every request gets
	hang   bool               // requests get no answer
	counts map[string]int     // requests by operation
}

// kmsKey is a symmetric key.
type kmsKey struct {
	aead    cipher.AEAD
	state   string // Enabled, Disabled, PendingDeletion
	usage   string
	deleted time.Time
}

// NewKMS makes a KMS without keys.
func NewKMS() *KMS {
	return &KMS{AccessKeyID: "AKIASIM", SecretAccessKey: rand.Text(), Region: "eu-central-1",
		keys: map[string]*kmsKey{}, alias: map[string]string{}, counts: map[string]int{}}
}

// CreateKey makes a key that alias names, and returns its ARN.
func (k *KMS) CreateKey(alias string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var secret [32]byte
	var id [16]byte
	rand.Read(secret[:])
	rand.Read(id[:])
	block, err := aes.NewCipher(secret[:])
	if err != nil {
		panic(err) // of a key of 32 bytes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	arn := fmt.Sprintf("arn:aws:kms:%s:111122223333:key/%x-%x-%x-%x-%x", k.Region, id[:4], id[4:6], id[6:8], id[8:10], id[10:])
	k.keys[arn] = &kmsKey{aead: aead, state: "Enabled", usage: "ENCRYPT_DECRYPT"}
	k.alias["alias/"+alias] = arn
	return arn
}

// Fail has every request answered with an exception of that name, such as
// "KMSInternalException"; empty ends it.
func (k *KMS) Fail(exception string) { k.set(func() { k.fault = exception }) }

// Hang has requests wait until their client gives up.
func (k *KMS) Hang(yes bool) { k.set(func() { k.hang = yes }) }

// SetState puts a key into a state: Enabled or Disabled.
func (k *KMS) SetState(arn, state string) { k.set(func() { k.keys[arn].state = state }) }

// SetUsage makes a key one for another use, such as SIGN_VERIFY.
func (k *KMS) SetUsage(arn, usage string) { k.set(func() { k.keys[arn].usage = usage }) }

// Requests returns how many requests there were of an operation.
func (k *KMS) Requests(operation string) (n int) {
	k.set(func() { n = k.counts[operation] })
	return n
}

func (k *KMS) set(do func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	do()
}

// RoundTrip implements http.RoundTripper, so that no network is needed.
func (k *KMS) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := k.answer(r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {kmsJSON}}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
}

// ServeHTTP implements http.Handler.
func (k *KMS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, body := k.answer(r)
	w.Header().Set("Content-Type", kmsJSON)
	w.WriteHeader(status)
	w.Write(body) // who is gone reads nothing
}

// kmsJSON is the content type of requests and answers.
const kmsJSON = "application/x-amz-json-1.1"

// answer returns the status and the body that a request gets.
func (k *KMS) answer(r *http.Request) (status int, body []byte) {
	answer, err := k.serve(r)
	status = http.StatusOK
	if err != nil {
		e := &kmsError{http.StatusInternalServerError, "KMSInternalException", err.Error()}
		errors.As(err, &e)
		status, answer = e.status, map[string]string{"__type": e.name, "message": e.message}
	}
	body, err = json.Marshal(answer)
	if err != nil {
		panic(err) // maps of strings, numbers and bytes
	}
	return status, body
}

// kmsRequest is what the operations have in common.
type kmsRequest struct {
	KeyID               string            `json:"KeyId"`
	Plaintext           []byte            `json:"Plaintext"`
	CiphertextBlob      []byte            `json:"CiphertextBlob"`
	EncryptionContext   map[string]string `json:"EncryptionContext"`
	PendingWindowInDays int               `json:"PendingWindowInDays"`
}

// kmsError is an exception.
type kmsError struct {
	status        int
	name, message string
}

func (e *kmsError) Error() string { return e.name + ": " + e.message }

func invalid(name, message string) error { return &kmsError{http.StatusBadRequest, name, message} }

func (k *KMS) serve(r *http.Request) (any, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		return nil, err
	}
	operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	if r.Method != http.MethodPost || r.URL.Path != "/" || !ok || r.Header.Get("Content-Type") != kmsJSON {
		return nil, invalid("UnknownOperationException", "not the JSON protocol")
	}
	k.mu.Lock()
	k.counts[operation]++
	hang, fault := k.hang, k.fault
	k.mu.Unlock()
	if hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if fault != "" {
		status := http.StatusBadRequest
		if fault == "KMSInternalException" {
			status = http.StatusInternalServerError
		}
		return nil, &kmsError{status, fault, "as the test wants"}
	}
	if err := k.checkSignature(r, body); err != nil {
		return nil, err
	}
	var in kmsRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, invalid("SerializationException", err.Error())
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch operation {
	case "Encrypt":
		return k.encrypt(in)
	case "Decrypt":
		return k.decrypt(in)
	case "DescribeKey":
		return k.describe(in)
	case "ScheduleKeyDeletion":
		return k.scheduleDeletion(in)
	}
	return nil, invalid("UnknownOperationException", operation)
}

// checkSignature signs the request again, with the headers that it names.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func (k *KMS) checkSignature(r *http.Request, body []byte) error {
	given := r.Header.Get("Authorization")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return invalid("IncompleteSignatureException", "no date")
	}
	_, list, _ := strings.Cut(given, "SignedHeaders=")
	list, _, _ = strings.Cut(list, ",")
	again := r.Clone(r.Context())
	again.Header = http.Header{}
	for _, name := range strings.Split(list, ";") {
		if values := r.Header.Values(name); len(values) > 0 {
			again.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	sum := sha256.Sum256(body)
	err = v4.NewSigner().SignHTTP(r.Context(), aws.Credentials{AccessKeyID: k.AccessKeyID, SecretAccessKey: k.SecretAccessKey},
		again, hex.EncodeToString(sum[:]), "kms", k.Region, at)
	if err != nil {
		return err
	}
	if again.Header.Get("Authorization") != given {
		return invalid("InvalidSignatureException", "another signature was expected")
	}
	return nil
}

// find returns the key that id names, in a state in which it can be used.
func (k *KMS) find(id string, use bool) (string, *kmsKey, error) {
	arn := id
	if a, ok := k.alias[id]; ok {
		arn = a
	}
	for full := range k.keys {
		if strings.HasSuffix(full, ":key/"+id) {
			arn = full
		}
	}
	key := k.keys[arn]
	switch {
	case key == nil:
		return "", nil, invalid("NotFoundException", "no such key")
	case !use:
	case key.state == "Disabled":
		return "", nil, invalid("DisabledException", arn+" is disabled")
	case key.state != "Enabled":
		return "", nil, invalid("KMSInvalidStateException", arn+" is pending deletion")
	case key.usage != "ENCRYPT_DECRYPT":
		return "", nil, invalid("InvalidKeyUsageException", arn+" is for another use")
	}
	return arn, key, nil
}

// bound is what a ciphertext is bound to: the encryption context, sorted.
func bound(context map[string]string) (b []byte) {
	for _, name := range slices.Sorted(maps.Keys(context)) {
		b = fmt.Appendf(b, "%q=%q;", name, context[name])
	}
	return b
}

func (k *KMS) encrypt(in kmsRequest) (any, error) {
	arn, key, err := k.find(in.KeyID, true)
	if err != nil {
		return nil, err
	}
	if n := len(in.Plaintext); n == 0 || n > 4096 {
		return nil, invalid("ValidationException", "1 to 4096 bytes can be encrypted")
	}
	nonce := make([]byte, key.aead.NonceSize())
	rand.Read(nonce)
	blob := append([]byte(arn+"\n"), nonce...) // the key is named in the ciphertext
	return map[string]any{"KeyId": arn, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
		"CiphertextBlob": key.aead.Seal(blob, nonce, in.Plaintext, bound(in.EncryptionContext))}, nil
}

func (k *KMS) decrypt(in kmsRequest) (any, error) {
	named, rest, ok := strings.Cut(string(in.CiphertextBlob), "\n")
	if !ok {
		return nil, invalid("InvalidCiphertextException", "")
	}
	arn, key, err := k.find(named, true)
	if err != nil {
		return nil, err
	}
	if in.KeyID != "" {
		if wanted, _, err := k.find(in.KeyID, false); err != nil || wanted != arn {
			return nil, invalid("IncorrectKeyException", "the ciphertext is of another key")
		}
	}
	n := min(key.aead.NonceSize(), len(rest))
	if n < key.aead.NonceSize() {
		return nil, invalid("InvalidCiphertextException", "")
	}
	plain, err := key.aead.Open(nil, []byte(rest[:n]), []byte(rest[n:]), bound(in.EncryptionContext))
	if err != nil {
		return nil, invalid("InvalidCiphertextException", "")
	}
	return map[string]any{"KeyId": arn, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT", "Plaintext": plain}, nil
}

func (k *KMS) describe(in kmsRequest) (any, error) {
	arn, key, err := k.find(in.KeyID, false)
	if err != nil {
		return nil, err
	}
	_, id, _ := strings.Cut(arn, ":key/")
	m := map[string]any{"Arn": arn, "KeyId": id, "KeyState": key.state, "Enabled": key.state == "Enabled",
		"KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": key.usage, "KeyManager": "CUSTOMER"}
	if !key.deleted.IsZero() {
		m["DeletionDate"] = float64(key.deleted.Unix())
	}
	return map[string]any{"KeyMetadata": m}, nil
}

func (k *KMS) scheduleDeletion(in kmsRequest) (any, error) {
	arn, key, err := k.find(in.KeyID, false)
	if err != nil {
		return nil, err
	}
	if key.state == "PendingDeletion" {
		return nil, invalid("KMSInvalidStateException", arn+" is pending deletion")
	}
	if in.PendingWindowInDays < 7 || in.PendingWindowInDays > 30 {
		return nil, invalid("ValidationException", "7 to 30 days")
	}
	key.state, key.deleted = "PendingDeletion", time.Now().AddDate(0, 0, in.PendingWindowInDays)
	return map[string]any{"KeyId": arn, "KeyState": key.state, "DeletionDate": float64(key.deleted.Unix()),
		"PendingWindowInDays": in.PendingWindowInDays}, nil
}
