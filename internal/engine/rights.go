package engine

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/internal/awsx"
	"github.com/piinguin/piinguin/server/store"
)

// rightsFor is how long it serves that no right is missing. Three of the calls that find it out cost a
// write unit each.
const rightsFor = time.Minute

// watched is records that are ready only if the server has every right that it will need on its
// tables. Some are needed only under load, such as dynamodb:BatchGetItem, so nothing else would show
// before that they are missing.
type watched struct {
	store.Store
	log    zerolog.Logger
	rights map[string][]awsx.Right // by table

	mu  sync.Mutex
	at  time.Time // of the latest look
	err error     // what it found
}

// Ready implements store.Store.
func (w *watched) Ready(ctx context.Context) error {
	if err := w.Store.Ready(ctx); err != nil {
		return err
	}
	return w.check(ctx)
}

// check looks again after a minute, or at once if a right was missing, and logs what has changed.
func (w *watched) check(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil && time.Since(w.at) < rightsFor {
		return nil
	}
	before := w.err
	w.at, w.err = time.Now(), missing(ctx, w.rights)
	switch {
	case w.err != nil && before == nil:
		w.log.Error().Err(w.err).Msg("not ready")
	case w.err == nil && before != nil:
		w.log.Info().Msg("no right on the DynamoDB tables is missing any more")
	}
	return w.err
}

// missing names the actions of IAM that the server lacks, by table.
func missing(ctx context.Context, rights map[string][]awsx.Right) error {
	var all []string
	for table, of := range rights {
		if actions := awsx.Missing(ctx, of); len(actions) > 0 {
			all = append(all, fmt.Sprintf("DynamoDB table %s: IAM does not allow this server %s", table, strings.Join(actions, ", ")))
		}
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", store.ErrUnavailable, strings.Join(all, "; "))
}
