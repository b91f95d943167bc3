package relay_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/relay/relaytest"
	"github.com/piinguin/piinguin/rpc/client"
)

// canary stands in every original value and in every text of a failing server. It
// must never be found in an error, a report or a log.
const canary = "c4n4ry"

const tstamp = "2024-03-01 10:00:00.000"

// newTestRelay makes a relay over real HTTP to a server.
func newTestRelay(t *testing.T, s *relaytest.Server) *relay.Relay {
	t.Helper()
	return newTestRelayAt(t, client.Config{Host: s.URL, Token: relaytest.Token})
}

func newTestRelayAt(t *testing.T, cfg client.Config) *relay.Relay {
	t.Helper()
	cfg.Attempts = 1 // the client's retries are its own; here each call counts
	// Time-outs are tested on their own; a slow machine must not cause them.
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Hour
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return relay.New(c)
}

// line is a TSV line of a PII transformation event; items is the JSON of pii.
func line(when, pii string) string {
	return tsv(when, "pii_transformation",
		`{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":`+
			`"iglu:com.snowplowanalytics.snowplow/pii_transformation/jsonschema/1-0-0","data":{"pii":`+pii+
			`,"strategy":{"pseudonymize":{"hashFunction":"SHA-256"}}}}}`)
}

func tsv(when, name, unstruct string) string {
	f := make([]string, 131)
	f[3], f[5], f[58], f[126] = when, name, unstruct, name
	return strings.Join(f, "\t")
}

// pairsLine is a line of pairs: modified, original, modified, original, ...
func pairsLine(when string, pairs ...string) string {
	var items []map[string]string
	for i := 0; i < len(pairs); i += 2 {
		items = append(items, map[string]string{"fieldName": "user_id", "modifiedValue": pairs[i], "originalValue": pairs[i+1]})
	}
	text, err := json.Marshal(map[string]any{"pojo": items})
	if err != nil {
		panic(err)
	}
	return line(when, string(text))
}

// at is a collector_tstamp, some seconds into a day.
func at(seconds int) string {
	return time.Date(2024, 3, 1, 10, 0, seconds, 0, time.UTC).Format("2006-01-02 15:04:05.000")
}

func mustDecode(t *testing.T, lines ...string) []relay.Event {
	t.Helper()
	var events []relay.Event
	for _, l := range lines {
		e, reason := relay.Decode([]byte(l))
		if reason != "" {
			t.Fatalf("decode: %s", reason)
		}
		events = append(events, e)
	}
	return events
}

func sampleLines(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimRight(string(text), "\n"), "\n")
}

func samplePairs(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/expected_pairs.json")
	if err != nil {
		t.Fatal(err)
	}
	pairs := map[string]string{}
	if err := json.Unmarshal(text, &pairs); err != nil {
		t.Fatal(err)
	}
	return pairs
}

func wantNoCanary(t *testing.T, where string, text ...any) {
	t.Helper()
	if strings.Contains(fmt.Sprint(text...), canary) {
		t.Errorf("%s holds an original value", where)
	}
}
