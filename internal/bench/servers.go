package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/internal/awsx"
	"github.com/piinguin/piinguin/internal/engine"
	"github.com/piinguin/piinguin/server/dynamostore"
	"github.com/piinguin/piinguin/server/store"
)

// records is how many records are read from.
const records = 5000

// The latency of a call in AWS, for the engine in memory.
const (
	getWait = "3ms"
	putWait = "6ms"
)

// plain starts a server of serve.go, which needs nothing but arguments.
func (b *bench) plain(ctx context.Context, args ...string) (*child, error) {
	return b.server(strings.Join(args, " "), func() (*exec.Cmd, error) { return self(ctx, append([]string{"serve"}, args...)...) })
}

func startEcho(ctx context.Context, b *bench) (*child, error) { return b.plain(ctx, "echo") }

func startSynced(ctx context.Context, b *bench) (*child, error) {
	return b.plain(ctx, "synced", filepath.Join(b.folder, "synced"))
}

func startGroup(ctx context.Context, b *bench) (*child, error) {
	return b.plain(ctx, "group", filepath.Join(b.folder, "group.db"))
}

// piinguin is the built server. --dev has a token for each role; everything else that matters is
// as without it.
func (b *bench) piinguin(ctx context.Context, args ...string) *exec.Cmd {
	return b.program(ctx, "piinguin", append([]string{"serve", "--dev", "--listen", "127.0.0.1:0"}, args...)...)
}

// startSQLite starts Piinguin on SQLite.
func startSQLite(ctx context.Context, b *bench) (*child, error) {
	return b.server("sqlite", func() (*exec.Cmd, error) {
		path := filepath.Join(b.folder, "sqlite.db")
		if err := fillSQLite(ctx, path, records); err != nil {
			return nil, err
		}
		return b.piinguin(ctx, "--store", "sqlite:"+path, "--audit-key", path+".key"), nil
	})
}

func fillSQLite(ctx context.Context, path string, n int) error {
	e, err := engine.OpenSQLite(ctx, path, zerolog.Nop())
	if err != nil {
		return err
	}
	defer func() { _ = e.Close() }()
	return fill(ctx, e.Records, n)
}

// fill stores records, in the order of their keys.
func fill(ctx context.Context, s store.Store, n int) error {
	for from := 0; from < n; from += store.MaxBatch {
		var batch []store.Record
		for i := from; i < min(from+store.MaxBatch, n); i++ {
			batch = append(batch, store.Record{ModifiedValue: keyOf(i), Original: store.NewOriginal(original), ObservedAt: time.Now()})
		}
		for _, r := range s.Put(ctx, batch) {
			if r.Err != nil {
				return r.Err
			}
		}
	}
	return nil
}

// tables are the two tables of a server on an engine that speaks DynamoDB.
type tables struct{ endpoint, records, audit string }

// newTables makes tables with records in them.
func (b *bench) newTables(ctx context.Context, endpoint string) (tables, error) {
	t := tables{endpoint, "records-" + rand.Text(), "audit-" + rand.Text()}
	db := b.client(endpoint)
	for _, schema := range []*dynamodb.CreateTableInput{dynamostore.Schema(t.records), dynamolog.Schema(t.audit)} {
		if _, err := db.CreateTable(ctx, schema); err != nil {
			return t, err
		}
	}
	return t, fill(ctx, dynamostore.New(db, t.records), records)
}

// client returns a client of an engine that speaks DynamoDB.
func (b *bench) client(endpoint string) *dynamodb.Client {
	if b.clients[endpoint] == nil {
		b.clients[endpoint] = dynamodb.New(dynamodb.Options{
			Region: region, BaseEndpoint: aws.String(endpoint), HTTPClient: awsx.NewHTTPClient(),
			Credentials: credentials.NewStaticCredentialsProvider("bench", "bench", ""),
		})
	}
	return b.clients[endpoint]
}

const region = "eu-central-1"

// settings has a command's AWS SDK use an engine.
func (t tables) settings(cmd *exec.Cmd) *exec.Cmd {
	cmd.Env = append(cmd.Environ(), "AWS_ENDPOINT_URL_DYNAMODB="+t.endpoint, "AWS_REGION="+region,
		"AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench", "AWS_EC2_METADATA_DISABLED=true")
	return cmd
}

// place is an engine that speaks DynamoDB, with a server of each kind in front.
type place struct {
	name   string // of the engine
	engine func(ctx context.Context, b *bench) (url string, err error)
}

var (
	local = place{"DynamoDB Local", func(_ context.Context, b *bench) (string, error) { return b.engine, nil }}
	slow  = place{"engine in memory with " + getWait + " a get and " + putWait + " a put", func(ctx context.Context, b *bench) (string, error) {
		c, err := b.plain(ctx, "memory", getWait, putWait)
		if err != nil {
			return "", err
		}
		return c.url, nil
	}}
)

// piinguin starts Piinguin on the engine.
func (p place) piinguin(ctx context.Context, b *bench) (*child, error) {
	endpoint, err := p.engine(ctx, b)
	if err != nil {
		return nil, err
	}
	return b.server("piinguin on "+p.name, func() (*exec.Cmd, error) {
		t, err := b.newTables(ctx, endpoint)
		if err != nil {
			return nil, err
		}
		key := filepath.Join(b.folder, t.audit+".key")
		return t.settings(b.piinguin(ctx, "--store", "dynamodb", "--table-name", t.records, "--audit-table-name", t.audit, "--audit-key", key)), nil
	})
}

// naive starts the naive server on the engine.
func (p place) naive(ctx context.Context, b *bench) (*child, error) {
	endpoint, err := p.engine(ctx, b)
	if err != nil {
		return nil, err
	}
	return b.server("naive on "+p.name, func() (*exec.Cmd, error) {
		t, err := b.newTables(ctx, endpoint)
		if err != nil {
			return nil, err
		}
		cmd, err := self(ctx, "serve", "naive", t.records, t.audit)
		if err != nil {
			return nil, err
		}
		return t.settings(cmd), nil
	})
}

// named returns the name of a row with its number of connections.
func named(name string, connections int) string {
	if connections == 1 {
		return name + ", 1 connection"
	}
	return fmt.Sprintf("%s, %d connections", name, connections)
}
