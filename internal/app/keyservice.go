package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"sidetone/configs"
	"sidetone/seal"
	"sidetone/seal/kms"
)

// openKMS reaches the key service of the configuration.
func openKMS(ctx context.Context, c *configs.Config) (*kms.Client, error) {
	return kms.New(ctx, kms.Options{Region: c.Keys.KMSRegion, Endpoint: c.Keys.KMSEndpoint})
}

// loadKeys opens the operator's keyring with its key service, if it has one. Where
// there is no keyring the error wraps fs.ErrNotExist.
func loadKeys(ctx context.Context, c *configs.Config) (*seal.Keyring, error) {
	k, err := seal.LoadKeyring(c.Keys.Dir)
	if err != nil {
		return nil, err
	}
	if c.Keys.KMSKeyID == "" && !k.UsesService() {
		return k, nil
	}
	service, err := openKMS(ctx, c)
	if err != nil {
		return nil, err
	}
	k.Use(service)
	return k, nil
}

// openOrInitKeys is loadKeys for a gateway, whose first start makes the first
// epoch.
func openOrInitKeys(ctx context.Context, c *configs.Config) (*seal.Keyring, error) {
	if c.Keys.KMSKeyID == "" {
		escrow, err := recipients("keys.escrow_recipients", c.Keys.EscrowRecipients)
		if err != nil {
			return nil, err
		}
		if _, err := seal.OpenKeyring(c.Keys.Dir, escrow...); err != nil {
			return nil, err
		}
		return loadKeys(ctx, c)
	}
	k, err := loadKeys(ctx, c)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if _, err := InitKeys(ctx, c, KeyPlan{}); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err // ErrExist: another process was first
	}
	return loadKeys(ctx, c)
}

// planService makes the plan of an epoch whose key is kept by KMS, after KMS has
// shown that it opens what it wraps.
func planService(ctx context.Context, c *configs.Config, id string) (seal.Plan, error) {
	service, err := openKMS(ctx, c)
	if err != nil {
		return seal.Plan{}, err
	}
	key, err := service.Resolve(ctx, id)
	if err != nil {
		return seal.Plan{}, fmt.Errorf("keys.kms_key_id: %w", err)
	}
	return seal.Plan{ServiceKey: key}, seal.ProveService(ctx, c.Keys.Dir, service, key)
}
