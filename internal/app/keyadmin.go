package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"sidetone/configs"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// KeyPlan says who can open what is recorded in an epoch that is to begin; see
// seal.Plan.
type KeyPlan struct {
	Here       bool     // a pair is made, its private half kept in keys.dir
	File       string   // a pair is made, its private half written to this file
	Recipients []string // further recipients, "age1..."
	KMSKey     string   // a key of AWS KMS, and none of the others
}

func (p KeyPlan) isEmpty() bool {
	return !p.Here && p.File == "" && len(p.Recipients) == 0 && p.KMSKey == ""
}

func (p KeyPlan) parse(ctx context.Context, c *configs.Config) (seal.Plan, error) {
	if p.KMSKey != "" {
		if p.Here || p.File != "" || len(p.Recipients) > 0 {
			return seal.Plan{}, fmt.Errorf("%w: a KMS key has no recipients beside it", seal.ErrPlan)
		}
		return planService(ctx, c, p.KMSKey)
	}
	rs, err := recipients("recipient", p.Recipients)
	return seal.Plan{Here: p.Here, File: p.File, Recipients: rs}, err
}

// InitKeys makes the first epoch. An empty plan is that of a gateway's first start:
// the KMS key of the configuration or, without one, a new private half in keys.dir
// with the escrow recipients of the configuration.
func InitKeys(ctx context.Context, c *configs.Config, p KeyPlan) (KeyEpoch, error) {
	if p.isEmpty() && c.Keys.KMSKeyID != "" {
		p.KMSKey = c.Keys.KMSKeyID
	} else if p.isEmpty() {
		p = KeyPlan{Here: true, Recipients: c.Keys.EscrowRecipients}
	}
	plan, err := p.parse(ctx, c)
	if err != nil {
		return KeyEpoch{}, err
	}
	k, err := seal.InitKeyring(c.Keys.Dir, plan)
	if err != nil {
		return KeyEpoch{}, err
	}
	return describeEpoch(c, k, k.Current())
}

// ChallengeKey returns an armored age file for recipient, whose holder answers
// with what is in it.
func ChallengeKey(c *configs.Config, recipient string) ([]byte, error) {
	r, err := seal.ParseRecipient(recipient)
	if err != nil {
		return nil, err
	}
	return seal.Challenge(c.Keys.Dir, r)
}

// AnswerKey notes that the holder of recipient can decrypt, if answer is right.
func AnswerKey(c *configs.Config, recipient, answer string) error {
	r, err := seal.ParseRecipient(recipient)
	if err != nil {
		return err
	}
	return seal.Answer(c.Keys.Dir, r, answer)
}

// ProveKeys notes that the holder of each key in an identity file can decrypt: a
// challenge for who has the file at hand. It returns their recipients.
func ProveKeys(c *configs.Config, file string) (proved []string, err error) {
	ids, err := identitiesIn(file)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		proved = append(proved, id.Recipient().String())
	}
	return proved, seal.Prove(c.Keys.Dir, ids...)
}

// identitiesIn reads age identity files.
func identitiesIn(files ...string) (all seal.Identities, err error) {
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		ids, err := seal.ParseIdentities(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, ids...)
	}
	return all, nil
}

// minPassphrase is the least length of a passphrase, in bytes, that a backup of a
// private half is sealed with.
const minPassphrase = 12

// ExportKey returns the private half of an epoch as an age key file, sealed to a
// recipient or, where that is empty, to a passphrase.
func ExportKey(c *configs.Config, epoch, recipient, passphrase string) ([]byte, error) {
	k, err := seal.LoadKeyring(c.Keys.Dir)
	if err != nil {
		return nil, err
	}
	e, err := k.Epoch(epoch)
	if err != nil {
		return nil, err
	}
	id, err := k.Private(epoch)
	if err != nil {
		return nil, err
	}
	if recipient == "" {
		if len(passphrase) < minPassphrase {
			return nil, fmt.Errorf("the passphrase has less than %d characters", minPassphrase)
		}
		return seal.SealPassphrase(nil, id.KeyFile(e.Created), passphrase)
	}
	r, err := seal.ParseRecipient(recipient)
	if err != nil {
		return nil, err
	}
	return seal.Seal(nil, id.KeyFile(e.Created), r)
}

// ExportPublic returns the list of epochs, which holds public halves alone: the
// epochs.json of a gateway that records and can not open.
func ExportPublic(c *configs.Config) ([]byte, error) {
	k, err := seal.LoadKeyring(c.Keys.Dir)
	if err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(k.Epochs(), "", "  ")
	return append(b, '\n'), err
}

// KeyEpoch is an epoch as it stands.
type KeyEpoch struct {
	ID         string         `json:"id"`
	Created    time.Time      `json:"created,omitzero"`
	Current    bool           `json:"current"`
	Recipients []KeyRecipient `json:"recipients"`
	ServiceKey string         `json:"service_key,omitempty"` // of AWS KMS, in place of recipients
	Private    string         `json:"private"`               // here, elsewhere, service, destroyed; unknown: not in epochs.json
	Wrapped    int            `json:"wrapped"`               // identities in the object store that are wrapped to it
	Spooled    int            `json:"spooled"`               // takes on this gateway's spool that are
	Destroyed  time.Time      `json:"destroyed,omitzero"`
	// IrrecoverableAfter is when nobody can open any more what was wrapped to it;
	// none while somebody can.
	IrrecoverableAfter time.Time `json:"irrecoverable_after,omitzero"`
}

// KeyRecipient is one who opens what is wrapped in an epoch.
type KeyRecipient struct {
	Recipient string    `json:"recipient"`
	Role      string    `json:"role"` // own: of the pair made for the epoch; escrow, beside it; named, without one
	Proved    time.Time `json:"proved,omitzero"`
	Destroyed bool      `json:"destroyed"`
}

// describeEpoch says what the keyring knows of an epoch.
func describeEpoch(c *configs.Config, k *seal.Keyring, e seal.Epoch) (KeyEpoch, error) {
	proofs, err := seal.Proofs(k.Dir())
	if err != nil {
		return KeyEpoch{}, err
	}
	d := KeyEpoch{ID: e.ID, Created: e.Created, Current: e.ID == k.Current().ID, Destroyed: e.Destroyed, Private: "elsewhere",
		Recipients: []KeyRecipient{}, ServiceKey: e.ServiceKey}
	switch {
	case e.ServiceKey != "" && e.Destroyed.IsZero():
		d.Private = "service"
	case k.Holds(e.ID):
		d.Private = "here"
	case len(e.Openers()) == 0:
		d.Private = "destroyed"
	}
	d.IrrecoverableAfter, _ = e.Irrecoverable(time.Duration(c.Keys.BackupsKept))
	for i, r := range e.Recipients {
		role := "escrow"
		if e.Named {
			role = "named"
		} else if i == 0 {
			role = "own"
		}
		text := r.String()
		d.Recipients = append(d.Recipients, KeyRecipient{Recipient: text, Role: role,
			Proved: proofs[text].Proved, Destroyed: r.In(e.Gone)})
	}
	return d, nil
}

// KeyAdmin works on the operator's keys and what is wrapped to them: for the
// command line, beside a running gateway or without one.
type KeyAdmin struct {
	config  *configs.Config
	keys    *seal.Keyring
	objects *store.Objects
	opened  *Objects // nil when the caller has opened the object store
}

// OpenKeyAdmin opens keys and object store.
func OpenKeyAdmin(ctx context.Context, c *configs.Config) (*KeyAdmin, error) {
	objects, err := OpenObjects(ctx, c)
	if err != nil {
		return nil, err
	}
	k, err := OpenKeyAdminIn(ctx, c, objects.S3)
	if err != nil {
		return nil, errors.Join(err, objects.Close())
	}
	k.opened = objects
	return k, nil
}

// OpenKeyAdminIn is OpenKeyAdmin with an object store that the caller has opened.
func OpenKeyAdminIn(ctx context.Context, c *configs.Config, s3 store.S3Options) (*KeyAdmin, error) {
	k := &KeyAdmin{config: c}
	var err error
	if k.keys, err = loadKeys(ctx, c); err != nil {
		return nil, fmt.Errorf("%w (sidetone keys init makes the first epoch)", err)
	}
	if k.objects, err = store.OpenS3(ctx, s3); err != nil {
		return nil, err
	}
	return k, nil
}

// Close closes the object store.
func (k *KeyAdmin) Close() error {
	if k.opened == nil {
		return nil
	}
	return k.opened.Close()
}

// List describes all epochs, oldest first, and after them those that the object
// store has keys of and the keyring does not know.
func (k *KeyAdmin) List(ctx context.Context) ([]KeyEpoch, error) {
	spooled, err := recorder.SpooledEpochs(k.config.Recorder.SpoolDir)
	if err != nil {
		return nil, err
	}
	folders, err := k.objects.Folders(ctx, keysPrefix)
	if err != nil {
		return nil, err
	}
	var list []KeyEpoch
	known := make(map[string]bool)
	for _, e := range k.keys.Epochs() {
		d, err := describeEpoch(k.config, k.keys, e)
		if err != nil {
			return nil, err
		}
		known[e.ID] = true
		list = append(list, d)
	}
	for _, id := range folders {
		if !known[id] {
			list = append(list, KeyEpoch{ID: id, Private: "unknown", Recipients: []KeyRecipient{}})
		}
	}
	for i := range list {
		list[i].Spooled = spooled[list[i].ID]
		if list[i].Wrapped, err = k.count(ctx, list[i].ID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// count returns how many wrapped identities of an epoch the object store has.
func (k *KeyAdmin) count(ctx context.Context, epoch string) (n int, err error) {
	for page, err := range k.objects.Pages(ctx, keysPrefix+epoch+"/") {
		if err != nil {
			return 0, err
		}
		n += len(page)
	}
	return n, nil
}

// ErrWrapped means an epoch to which something is still wrapped.
var ErrWrapped = errors.New("app: keys of recordings are still wrapped to this epoch")

// shown is how many of the objects that keep an epoch from its end are named.
const shown = 20

// DestroyEpoch destroys the private half of an epoch that is over; see
// seal.Keyring.Destroy. While anything is wrapped to it, or may come to be, it
// does nothing, and the error says what: ErrWrapped with the objects' names.
func (k *KeyAdmin) DestroyEpoch(ctx context.Context, epoch, file string, gone []string) (KeyEpoch, error) {
	rs, err := recipients("gone", gone)
	if err != nil {
		return KeyEpoch{}, err
	}
	unlock, err := k.keys.LockRewrap()
	if err != nil {
		return KeyEpoch{}, err
	}
	defer unlock()
	if err := k.mayEnd(ctx, epoch); err != nil {
		return KeyEpoch{}, err
	}
	e, err := k.keys.Epoch(epoch)
	if err == nil && e.ServiceKey != "" {
		e, err = k.keys.DestroyService(ctx, epoch)
	} else if err == nil {
		e, err = k.keys.Destroy(epoch, file, rs...)
	}
	if err != nil {
		return KeyEpoch{}, err
	}
	return describeEpoch(k.config, k.keys, e)
}

// mayEnd returns nil if nothing is wrapped to an epoch, nor will be.
func (k *KeyAdmin) mayEnd(ctx context.Context, epoch string) error {
	if _, err := k.keys.Epoch(epoch); err != nil {
		return err
	}
	all := k.keys.Epochs()
	if epoch == k.keys.Current().ID {
		return fmt.Errorf("%s: %w", epoch, seal.ErrCurrent)
	}
	for i, e := range all[:len(all)-1] {
		if until := all[i+1].Created.Add(seal.Grace); e.ID == epoch && time.Now().Before(until) {
			return fmt.Errorf("gateways may still use %s: try again after %s", epoch, until.Local().Format(time.TimeOnly))
		}
	}
	if left, err := loadRewrapJournal(k.config.Keys.Dir); err != nil || left != nil {
		return errors.Join(err, errors.New("a rotation has not come to its end: run sidetone keys rotate --resume"))
	}
	// The spool first: what leaves it meanwhile is in the object store then.
	spooled, err := recorder.SpooledEpochs(k.config.Recorder.SpoolDir)
	if err != nil {
		return err
	}
	if n := spooled[epoch] + spooled[""]; n > 0 {
		return fmt.Errorf("%w: those of %d takes on the spool, which are recorded or wait for their upload", ErrWrapped, n)
	}
	for page, err := range k.objects.Pages(ctx, keysPrefix+epoch+"/") {
		if err != nil {
			return err
		}
		if n := len(page); n > 0 {
			return fmt.Errorf("%w:\n%s", ErrWrapped, strings.Join(page[:min(n, shown)], "\n"))
		}
	}
	return nil
}
