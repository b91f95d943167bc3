package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/rpc/client"
)

// eventsFile writes a file of PII transformation events with one pair each, as Snowplow
// emits them, TSV.
func eventsFile(path string, events int) error {
	f, err := os.Create(path) //nolint:gosec // in the bench's own folder
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	fields := make([]string, 131)
	fields[1], fields[3], fields[5], fields[126] = "srv", "2026-01-31 12:00:00.000", "pii_transformation", "pii_transformation"
	fields[52] = `{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data":[{"schema":"iglu:com.snowplowanalytics.snowplow/parent_event/jsonschema/1-0-0","data":{"parentEventId":"a0f0213e-d514-44e5-8c3a-0c7a4d3c2b10"}}]}`
	for n := range events {
		fields[58] = fmt.Sprintf(`{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.snowplowanalytics.snowplow/pii_transformation/jsonschema/1-0-0","data":{"pii":{"pojo":[{"fieldName":"user_id","originalValue":"somebody-%d@example.com","modifiedValue":"%064x"}]},"strategy":{"pseudonymize":{"hashFunction":"SHA-256"}}}}}`, n, n)
		if _, err := out.WriteString(strings.Join(fields, "\t") + "\n"); err != nil {
			return err
		}
	}
	return errors.Join(out.Flush(), f.Close())
}

// replayRow measures how many events a second a file is replayed into a server.
func replayRow(name, file string, handler http.Handler) (row, func(), error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return row{}, nil, err
	}
	h := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = h.Serve(listener) }()
	c, err := client.New(client.Config{Host: "http://" + listener.Addr().String(), Token: "dev-writer", Timeout: time.Minute})
	if err != nil {
		return row{}, nil, err
	}
	return row{name: name, whole: func(ctx context.Context) (int64, error) {
		in, err := os.Open(file) //nolint:gosec // in the bench's own folder
		if err != nil {
			return 0, err
		}
		defer func() { _ = in.Close() }()
		r := relay.NewReplay(relay.New(c), func(relay.Position, relay.Reason) {}, nil)
		err = errors.Join(r.Read(ctx, file, in, relay.Prefix{}), r.Flush(ctx))
		s := r.Summary()
		if err == nil && s.Stored+s.Superseded != s.Events {
			err = errors.New("not all events were stored")
		}
		return int64(s.Events), err
	}}, func() { _ = h.Close() }, nil
}
