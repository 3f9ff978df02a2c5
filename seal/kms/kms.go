// Package kms keeps the operator's key in AWS KMS: identities of takes are
// wrapped and unwrapped there, by a symmetric key that nobody can take out. It is
// the seal.Service of a keyring whose epochs are KMS keys.
//
// It refuses to use a key that can not encrypt and decrypt, and to wait for long.
// It starts no goroutines.
package kms

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go/logging"

	"sidetone/seal"
)

// purpose is the encryption context of all that is wrapped: what KMS encrypted
// for others does not open here, and policies and CloudTrail can tell it apart.
var purpose = map[string]string{"sidetone": "take-key"}

// ErrKey means a key that is of no use: unknown, disabled, being deleted, or of
// another kind than symmetric encryption.
var ErrKey = errors.New("kms: key can not be used")

const (
	attemptTimeout = 5 * time.Second
	attempts       = 3
	// pendingDays is how long KMS waits before it deletes a key: the least it allows.
	pendingDays = 7
)

// Options say how KMS is reached.
type Options struct {
	Region   string // empty: that of the environment or profile
	Endpoint string // empty: AWS's own of the region
	// AccessKeyID and SecretAccessKey are fixed credentials; empty: the SDK's own
	// chain (environment, profile, instance role).
	AccessKeyID, SecretAccessKey string
	Transport                    http.RoundTripper // nil: the network
}

// Client wraps with the keys of one account and region. Its methods may be called
// from any goroutine, and return after 20 s at the latest.
type Client struct{ api *kms.Client }

// New prepares a client. It reaches for the network only to find credentials.
func New(ctx context.Context, o Options) (*Client, error) {
	var load []func(*config.LoadOptions) error
	if o.Region != "" {
		load = append(load, config.WithRegion(o.Region))
	}
	if o.AccessKeyID != "" {
		load = append(load, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(o.AccessKeyID, o.SecretAccessKey, "")))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("kms: %w", err)
	}
	return &Client{api: kms.NewFromConfig(cfg, func(c *kms.Options) {
		if o.Endpoint != "" {
			c.BaseEndpoint = &o.Endpoint
		}
		c.Logger = logging.Nop{}
		c.HTTPClient = &http.Client{
			Transport: o.Transport,
			Timeout:   attemptTimeout,
			// A redirect would send a signed request elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		c.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = attempts
			r.MaxBackoff = time.Second
		})
	})}, nil
}

// Resolve returns the ARN of the key that id names, which may be a key id, an
// alias or an ARN of either, and holds the key fit for use; else the error wraps
// ErrKey.
func (c *Client) Resolve(ctx context.Context, id string) (string, error) {
	out, err := c.api.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &id})
	if err != nil {
		return "", fmt.Errorf("kms: describe %s: %w", id, classify(err))
	}
	m := out.KeyMetadata
	if m.KeySpec != types.KeySpecSymmetricDefault || m.KeyUsage != types.KeyUsageTypeEncryptDecrypt || !m.Enabled {
		return "", fmt.Errorf("%w: %s is %s, for %s, of kind %s", ErrKey, id, m.KeyState, m.KeyUsage, m.KeySpec)
	}
	return aws.ToString(m.Arn), nil
}

// Encrypt implements seal.Service.
func (c *Client) Encrypt(ctx context.Context, key string, plaintext []byte) ([]byte, error) {
	out, err := c.api.Encrypt(ctx, &kms.EncryptInput{KeyId: &key, Plaintext: plaintext, EncryptionContext: purpose})
	if err != nil {
		return nil, fmt.Errorf("kms: encrypt: %w", classify(err))
	}
	return out.CiphertextBlob, nil
}

// Decrypt implements seal.Service.
func (c *Client) Decrypt(ctx context.Context, key string, ciphertext []byte) ([]byte, error) {
	out, err := c.api.Decrypt(ctx, &kms.DecryptInput{KeyId: &key, CiphertextBlob: ciphertext, EncryptionContext: purpose})
	if err != nil {
		return nil, fmt.Errorf("kms: decrypt: %w", classify(err))
	}
	return out.Plaintext, nil
}

// End implements seal.Service: it has KMS delete the key, after seven days in
// which that can be called off. A key that is being deleted already is left at it.
func (c *Client) End(ctx context.Context, key string) (time.Time, error) {
	_, err := c.api.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &key, PendingWindowInDays: aws.Int32(pendingDays)})
	var state *types.KMSInvalidStateException
	if err != nil && !errors.As(err, &state) {
		return time.Time{}, fmt.Errorf("kms: schedule deletion: %w", classify(err))
	}
	out, err := c.api.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &key})
	if err != nil {
		return time.Time{}, fmt.Errorf("kms: describe: %w", classify(err))
	}
	if out.KeyMetadata.DeletionDate == nil {
		return time.Time{}, fmt.Errorf("%w: it is %s, and not being deleted", ErrKey, out.KeyMetadata.KeyState)
	}
	return *out.KeyMetadata.DeletionDate, nil
}

// classify adds the sentinel that fits KMS's answer.
func classify(err error) error {
	var (
		missing  *types.NotFoundException
		disabled *types.DisabledException
		state    *types.KMSInvalidStateException
		usage    *types.InvalidKeyUsageException
		cipher   *types.InvalidCiphertextException
		other    *types.IncorrectKeyException
	)
	switch {
	case errors.As(err, &missing), errors.As(err, &disabled), errors.As(err, &state), errors.As(err, &usage):
		return fmt.Errorf("%w: %w: %w", ErrKey, seal.ErrNoIdentity, err)
	case errors.As(err, &cipher), errors.As(err, &other):
		return fmt.Errorf("%w: %w", seal.ErrNoIdentity, err)
	}
	return err
}
