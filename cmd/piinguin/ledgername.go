package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/audit"
)

// nameFlags say which ledger serve writes.
type nameFlags struct {
	name           string
	acceptRollback bool
}

func (o *nameFlags) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&o.name, "ledger-name", "", "`name` of the ledger, which no other has, such as vault.acme.com/pii; it is given at\nthe first start, or made then, and never changes")
	flags.BoolVar(&o.acceptRollback, "accept-rollback", false, "go on from a restored copy of the ledger, under the new --ledger-name")
}

// identify returns the name and the key of the ledger in the store, or of the one that begins.
func (o *nameFlags) identify(ctx context.Context, store audit.Reader, keyFile string) (string, audit.Key, error) {
	if o.name != "" && !audit.ValidName(o.name) {
		return "", audit.Key{}, errors.New("--ledger-name must be a URL without a scheme, such as vault.acme.com/pii: at most 63 of a-z, 0-9, hyphen and slash, with dots before the first slash; its last part not a number")
	}
	name, err := audit.Name(ctx, store)
	switch {
	case errors.Is(err, audit.ErrNotFound) && o.acceptRollback:
		return "", audit.Key{}, errors.New("--accept-rollback: there is no ledger here")
	case errors.Is(err, audit.ErrNotFound):
		if name = o.name; name == "" {
			if name, err = audit.NewName(rand.Reader); err != nil {
				return "", audit.Key{}, err
			}
		}
	case err != nil:
		return "", audit.Key{}, err
	case o.name != "" && o.name != name && !o.acceptRollback:
		return "", audit.Key{}, fmt.Errorf("--ledger-name %s: the ledger in the store is %s, and keeps its name; to go on from a restored copy, add --accept-rollback", o.name, name)
	case o.acceptRollback && o.name == "":
		return "", audit.Key{}, errors.New("--accept-rollback needs the new --ledger-name")
	}
	key, err := openKey(ctx, keyFile, store, name)
	if o.acceptRollback {
		name = o.name
	}
	return name, key, err
}

// restart lets a restored ledger go on under its new name, if --accept-rollback says so. What is lost is
// the newest file that is kept under the old name.
func (o *nameFlags) restart(ctx context.Context, store audit.Backend, key audit.Key, a *anchors, log zerolog.Logger) error {
	if !o.acceptRollback {
		return nil
	}
	before, err := audit.Name(ctx, store)
	if err != nil {
		return err
	}
	var lost *audit.KeptFile
	if before != o.name {
		if used, err := a.newest(ctx, o.name); err != nil || used != nil {
			return errors.Join(err, fmt.Errorf("--ledger-name %s: a ledger of this name was kept already; a restored copy needs a name that was never used", o.name))
		}
		if lost, err = a.newest(ctx, before); err != nil {
			return err
		}
	}
	if err := audit.Restart(ctx, store, key, o.name, lost, time.Now); err != nil {
		return fmt.Errorf("--accept-rollback: %w", err)
	}
	if before != o.name {
		log.Warn().Str("before", before).Str("ledger", o.name).Bool("kept", lost != nil).Msg("the ledger goes on from a restored copy under another name")
	}
	return nil
}
