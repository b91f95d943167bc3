package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/internal/awsx"
	"github.com/piinguin/piinguin/server/store"
)

// rightsFor is how long it serves that no right is missing. Some of the calls that find it out cost a
// write unit each.
const rightsFor = time.Minute

// watched is records that are ready only if the server has every right that it will need on its
// tables. Some are needed only under load, such as dynamodb:BatchGetItem, so nothing else would show
// before that they are missing.
type watched struct {
	store.Store
	log    zerolog.Logger
	rights map[string][]awsx.Right // by table

	mu    sync.Mutex
	at    time.Time // of the latest look
	err   error     // what it found
	spare string    // which rights that it can do without are missing
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
	before, spareBefore := w.err, w.spare
	needed, spare := missing(ctx, w.rights)
	w.at, w.err, w.spare = time.Now(), nil, spare
	if needed != "" {
		w.err = fmt.Errorf("%w: %s", store.ErrUnavailable, needed)
	}
	switch {
	case w.err != nil && before == nil:
		w.log.Error().Err(w.err).Msg("not ready")
	case w.err == nil && before != nil:
		w.log.Info().Msg("no right on the DynamoDB tables is missing any more")
	}
	if spare != "" && spare != spareBefore {
		w.log.Warn().Str("missing", spare).Msg("the server goes on without a right that makes it faster")
	}
	return w.err
}

// missing says which actions of IAM the server lacks: those that it needs, and those that it can spare.
func missing(ctx context.Context, rights map[string][]awsx.Right) (needed, spare string) {
	var needs, spares []string
	for _, table := range slices.Sorted(maps.Keys(rights)) {
		var needed, spare []string
		for _, r := range awsx.Missing(ctx, rights[table]) {
			if r.Spare {
				spare = append(spare, r.Action)
			} else {
				needed = append(needed, r.Action)
			}
		}
		needs, spares = append(needs, told(table, needed)...), append(spares, told(table, spare)...)
	}
	return strings.Join(needs, "; "), strings.Join(spares, "; ")
}

// told is nothing where no action is missing.
func told(table string, actions []string) []string {
	if len(actions) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("DynamoDB table %s: IAM does not allow this server %s", table, strings.Join(actions, ", "))}
}
