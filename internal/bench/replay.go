package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// replayed is how many events a replay sends.
const replayed = 10_000

// replay measures how many events a second the relay's command stores from a file. Its CPU time
// is the server's an event.
func replay(server starter) func(ctx context.Context, b *bench) (sample, error) {
	return func(ctx context.Context, b *bench) (sample, error) {
		to, err := server(ctx, b)
		if err != nil {
			return sample{}, err
		}
		file := filepath.Join(b.folder, "events.tsv")
		if err := eventsFile(file, b.round*replayed); err != nil {
			return sample{}, err
		}
		cmd := b.program(ctx, "piinguin-relay", "replay", "--host", to.url, file)
		cmd.Env = append(cmd.Environ(), "PIINGUIN_TOKEN=dev-writer")
		before, err := cpuTime(to.pid)
		if err != nil {
			return sample{}, err
		}
		begun := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			return sample{}, fmt.Errorf("%w: %s", err, out)
		}
		took := time.Since(begun)
		after, err := cpuTime(to.pid)
		return sample{Rate: replayed / took.Seconds(), CPU: float64((after - before).Microseconds()) / replayed}, err
	}
}

// eventsFile writes a file of PII transformation events with one pair each, as Snowplow
// emits them, TSV. The pairs are numbered from first on, as a pair that is stored costs less the
// second time.
func eventsFile(path string, first int) error {
	f, err := os.Create(path) //nolint:gosec // in the bench's own folder
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	fields := make([]string, 131)
	fields[1], fields[3], fields[5], fields[126] = "srv", "2026-01-31 12:00:00.000", "pii_transformation", "pii_transformation"
	fields[52] = `{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data":[{"schema":"iglu:com.snowplowanalytics.snowplow/parent_event/jsonschema/1-0-0","data":{"parentEventId":"a0f0213e-d514-44e5-8c3a-0c7a4d3c2b10"}}]}`
	for n := first; n < first+replayed; n++ {
		fields[58] = fmt.Sprintf(`{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.snowplowanalytics.snowplow/pii_transformation/jsonschema/1-0-0","data":{"pii":{"pojo":[{"fieldName":"user_id","originalValue":"somebody-%d@example.com","modifiedValue":"%064x"}]},"strategy":{"pseudonymize":{"hashFunction":"SHA-256"}}}}}`, n, n)
		if _, err := out.WriteString(strings.Join(fields, "\t") + "\n"); err != nil {
			return err
		}
	}
	return errors.Join(out.Flush(), f.Close())
}
