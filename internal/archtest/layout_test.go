package archtest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/piinguin/piinguin/internal/archtest"
)

const root = "../.."

const (
	aws      = "github.com/aws/aws-sdk-go-v2/..."
	smithy   = "github.com/aws/smithy-go/..."
	dynamodb = "github.com/aws/aws-sdk-go-v2/service/dynamodb/..."
	lru      = "github.com/hashicorp/golang-lru/v2/simplelru"
	backoff  = "github.com/cenkalti/backoff/v5"
	grpc     = "google.golang.org/grpc/..."
	gocmp    = "github.com/google/go-cmp/cmp/..."
	errgrp   = "golang.org/x/sync/errgroup"
	modsum   = "golang.org/x/mod/sumdb/..."
	porcup   = "github.com/anishathalye/porcupine"
	proto    = "google.golang.org/protobuf/..."
	rapid    = "pgregory.net/rapid"
	rpc      = "./rpc/piinguin/v1"
	sqlite   = "zombiezen.com/go/sqlite"
	torch    = "filippo.io/torchwood/..."
	twirp    = "github.com/twitchtv/twirp/..."
	zerolog  = "github.com/rs/zerolog/..."
)

// layers says which package may import which. Below cmd only a driver imports an engine, and
// only its own. No layer but internal/bench's allows a test kit (audittest, storetest,
// relaytest), so only tests and the bench import one.
var layers = []archtest.Layer{
	{"audit", []string{"std", backoff, modsum, torch, lru, errgrp}},
	{"audit/sqlitelog", []string{"std", "./audit", "./internal/sqlitefile", modsum}},
	{"audit/dynamolog", []string{"std", "./audit", "./internal/awsx", backoff, modsum, errgrp, "golang.org/x/sync/semaphore", aws}},
	{"audit/anchor", []string{"std", "./audit", "./internal/durable", modsum, torch, errgrp}},
	{"audit/anchor/anchortest", []string{"std", "testing/...", "./audit", "./audit/anchor", modsum, torch, gocmp}},
	{"audit/s3anchor", []string{"std", "./audit/anchor", "./internal/awsx", aws}},
	{"audit/audittest", []string{"std", "testing/...", "./audit", modsum, torch, gocmp, rapid, errgrp}},

	{"server/store", []string{"std"}},
	{"server/sqlitestore", []string{"std", "./server/store", "./internal/gather", "./internal/sqlitefile"}},
	{"server/dynamostore", []string{"std", "./server/store", "./internal/gather", "./internal/awsx", errgrp, aws}},
	{"server/store/storetest", []string{"std", "testing/...", "./server/store", gocmp, porcup, rapid, errgrp}},

	{"server/identity", []string{
		"std", rpc, "./server/policy", "./internal/noanswer", "./internal/durable", "./internal/hotfile", backoff, "github.com/coreos/go-oidc/v3/oidc", "github.com/go-jose/go-jose/v4", "github.com/go-json-experiment/json/...", lru, "golang.org/x/sync/singleflight", "golang.org/x/time/rate",
	}},
	{"server/policy", []string{"std", "./internal/hotfile", "github.com/cedar-policy/cedar-go/..."}},
	{"server/vault", []string{"std", "./audit", "./server/policy", "./server/store"}},
	{"server/originalgrpc", []string{"std", grpc, "google.golang.org/protobuf/encoding/protowire", "golang.org/x/net/netutil", "golang.org/x/sync/semaphore"}},
	{"server/strictjson", []string{"std", proto, "github.com/go-json-experiment/json/..."}},
	{"server", []string{
		"std", "./audit", "./server/store", "./server/identity", "./server/policy", "./server/vault", "./server/strictjson", "./server/originalgrpc", rpc, modsum, "golang.org/x/sync/semaphore", "golang.org/x/sync/singleflight", "golang.org/x/time/rate",
		twirp, proto, zerolog, errgrp, "github.com/prometheus/client_golang/...",
	}},

	{"rpc/piinguin/v1", []string{"std", twirp, proto}},
	{"rpc/client", []string{"std", rpc, backoff, twirp, proto}},
	{"rpc/client/iam", []string{"std", rpc, "./rpc/client", aws, smithy}},

	{"relay", []string{
		"std", rpc, "./rpc/client", twirp, proto, zerolog,
		"github.com/aws/aws-lambda-go/events", "github.com/aws/aws-lambda-go/lambdacontext", "github.com/go-json-experiment/json/...", errgrp,
	}},
	{"relay/quarantine", []string{"std", "./relay", "./internal/awsx", errgrp, aws}},
	{"relay/relaytest", []string{"std", "testing/...", rpc, twirp, proto, gocmp}},

	{"cmd/internal/...", []string{"std", "./rpc/client", "./rpc/client/iam", "./internal/awsx", twirp, "github.com/rivo/uniseg", "github.com/spf13/cobra", "github.com/spf13/pflag", "golang.org/x/sys/unix"}},
	{"cmd/piinguin", []string{
		"std", "./audit", "./audit/dynamolog", "./audit/anchor", "./audit/s3anchor", "./internal/engine", "./server", "./server/store",
		"./server/identity", "./server/policy", "./server/originalgrpc", "google.golang.org/grpc/grpclog", errgrp, "./internal/hotfile/tlsfiles", "./server/dynamostore", rpc, "./rpc/client",
		"./cmd/internal/...", "./internal/awsx/...", "./internal/durable", twirp, proto, zerolog, aws, "github.com/prometheus/client_golang/prometheus",
		"github.com/schollz/progressbar/v3", "github.com/spf13/cobra", "github.com/spf13/pflag", "golang.org/x/term",
	}},
	{"cmd/piinguin-relay", []string{
		"std", "./relay", "./relay/quarantine", "./rpc/client", "./cmd/internal/...", "./internal/awsx", "./internal/durable", twirp, zerolog, aws, backoff, errgrp,
		"github.com/aws/aws-lambda-go/lambda", "github.com/aws/aws-lambda-go/events", "github.com/go-json-experiment/json", "github.com/schollz/progressbar/v3",
		"github.com/spf13/cobra", "github.com/spf13/pflag", "golang.org/x/term",
	}},

	{"internal/awsx", []string{"std", "./internal/noanswer", aws, smithy, backoff}},
	{"internal/awsx/dynamotable", []string{"std", "./internal/awsx", aws}},
	{"internal/durable", []string{"std"}},
	{"internal/engine", []string{
		"std", "./audit", "./audit/sqlitelog", "./audit/dynamolog", "./server/store", "./server/sqlitestore", "./server/dynamostore",
		"./internal/durable", "./internal/sqlitefile", "./internal/awsx/...", aws, zerolog, "github.com/prometheus/client_golang/prometheus",
	}},
	{"internal/gather", []string{"std"}},
	{"internal/hotfile", []string{"std"}},
	{"internal/noanswer", []string{"std"}},
	{"internal/hotfile/tlsfiles", []string{"std", "./internal/hotfile"}},
	{"internal/sqlitefile", []string{
		"std", sqlite, zerolog, "github.com/gofrs/flock",
	}},

	// Only tests and the bench import these.
	{"internal/archtest", []string{"any"}},
	{"internal/bench", []string{"any"}},
	{"internal/certtest", []string{"any"}},
	{"internal/dynamotest", []string{"any"}},
	{"internal/lambdatest", []string{"any"}},
	{"internal/mototest", []string{"any"}},
	{"internal/originaltest", []string{"any"}},
}

// barriers is what must never come about, by whatever way round: each line is a
// promise to somebody who reads, deploys or audits one half of the module alone.
var barriers = []archtest.Barrier{
	{From: "./...", Never: []string{"./cmd/..."}, Tests: true},
	{From: "./audit", Never: []string{"./server/...", "./rpc/...", "./relay/...", aws, sqlite, "net/http"}},
	{From: "./server", Never: []string{
		"./server/sqlitestore", "./server/dynamostore", "./audit/sqlitelog", "./audit/dynamolog",
		"./audit/anchor", "./audit/s3anchor", aws, sqlite, "database/sql",
	}},
	// Whoever reads where a value is authorised, recorded and released reads nothing of a transport.
	{From: "./server/vault", Never: []string{"./rpc/...", "./server/identity", "net/http", twirp, grpc, proto, zerolog}},
	{From: "./audit/anchor", Never: []string{"./server/...", "./rpc/...", "./relay/...", aws, zerolog}},
	{From: "./relay/...", Never: []string{"./server/...", "./audit/..."}},
	{From: "./relay", Never: []string{aws, smithy}},
	{From: "./rpc/...", Never: []string{"./server/...", "./audit/...", "./relay/..."}},
	{From: "./rpc/client", Never: []string{aws, smithy}},
	{From: "./cmd/piinguin-relay", Never: []string{"./server/...", "./audit/...", dynamodb}},
	{From: "./internal/sqlitefile", Never: []string{"./server/...", "./audit/...", "./relay/...", "./rpc/..."}},
	{From: "./internal/awsx/...", Never: []string{"./server/...", "./audit/...", "./relay/...", "./rpc/..."}},
	{From: "./internal/hotfile/...", Never: []string{"./server/...", "./audit/...", "./relay/...", "./rpc/..."}},
}

// bans is what may be named in these files alone.
var bans = []archtest.Ban{
	// An original is in the open where it is stored and where it is released.
	{Name: ".Reveal", Except: []string{
		"server/vault/release.go",
		"server/store/original.go",
		"server/sqlitestore/write.go",
		"server/dynamostore/item.go",
	}},
	// internal/durable writes files that a crash must not lose or halve.
	{Name: "os.Rename", Except: []string{"internal/certtest/certtest.go"}},
	{Name: "os.Link"},
	{Name: "os.MkdirAll"},
	{Name: "os.WriteFile", Except: []string{"internal/certtest/certtest.go"}},
	// A second way to the file drops SQLite's locks on it: see internal/sqlitefile.
	{Name: sqlite + ".*", Except: []string{"internal/sqlitefile/..."}},
	{Name: "database/sql.*"},
	// awsx.Config has the transport, the log and the errors that every client needs.
	{Name: "github.com/aws/aws-sdk-go-v2/config.LoadDefaultConfig", Except: []string{"internal/awsx/awsx.go"}},
	// AWS's text may quote an item: awsx says where it may be told.
	{Name: ".ErrorMessage", Except: []string{"internal/awsx/failure.go"}},
	// An original is fetched by the vault alone. Store.Get is the only Get of two arguments.
	{Name: ".Get", Args: 2, Except: []string{"server/vault/read.go", "server/store/storetest/..."}},
	// It stores [redacted] in place of a type that redacts.
	{Name: "github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue.Marshal*", Tests: true},
	// What is printed past the logger is past its allow-list.
	{Name: "fmt.Print*"},
	{Name: "log.Print*"},
	{Name: "log.Fatal*"},
	{Name: "log.Panic*"},
	{Name: "os.Stdout", Except: []string{"cmd/piinguin/main.go", "cmd/piinguin-relay/main.go", "internal/bench/main.go"}},
	{Name: "os.Stderr", Except: []string{"cmd/piinguin/main.go", "cmd/piinguin-relay/main.go", "internal/bench/main.go"}},
	// It leaves what waits for its entry without one, and every defer behind.
	{Name: "os.Exit", Except: []string{"cmd/piinguin/main.go", "cmd/piinguin-relay/main.go", "internal/bench/main.go"}},
}

func loadModule(t *testing.T) archtest.Tree {
	t.Helper()
	tree, err := archtest.Load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func wantNone(t *testing.T, problems []string) {
	t.Helper()
	if len(problems) > 0 {
		t.Errorf("%d problems:\n%s", len(problems), strings.Join(problems, "\n"))
	}
}

func TestImportsRunOneWay(t *testing.T) {
	wantNone(t, loadModule(t).CheckLayers(layers))
}

func TestBarriersHold(t *testing.T) {
	wantNone(t, loadModule(t).CheckBarriers(barriers))
}

func TestBannedNames(t *testing.T) {
	wantNone(t, loadModule(t).CheckBans(bans))
}
