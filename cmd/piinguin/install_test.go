package main_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	_ "modernc.org/sqlite" // the tests' own way into the file

	"github.com/piinguin/piinguin/internal/dynamotest"
	"github.com/piinguin/piinguin/rpc/client"
)

// binaries is the folder of the built commands.
var binaries string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if binaries, err = os.MkdirTemp("", "piinguin-bin-"); err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(binaries) }()
		out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binaries, "../piinguin", "../piinguin-relay").CombinedOutput()
		if err != nil {
			fmt.Printf("go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// install is a fresh installation on one engine: a folder, an environment, and
// everything that its programs printed.
type install struct {
	dir   string
	env   []string
	store string // of the commands' --store
	table string // of the records; DynamoDB only
	audit string
	db    *dynamodb.Client

	mu      sync.Mutex
	printed bytes.Buffer
}

// onEachEngine runs a test on SQLite and on DynamoDB Local.
func onEachEngine(t *testing.T, test func(t *testing.T, in *install)) {
	t.Run("SQLite", func(t *testing.T) { onSQLite(t, test) })
	t.Run("DynamoDB", func(t *testing.T) { onDynamoDB(t, test) })
}

func onSQLite(t *testing.T, test func(t *testing.T, in *install)) {
	t.Helper()
	test(t, &install{dir: t.TempDir(), env: os.Environ(), store: "sqlite:piinguin-dev/piinguin.db"})
}

func onDynamoDB(t *testing.T, test func(t *testing.T, in *install)) {
	t.Helper()
	in := &install{
		dir: t.TempDir(), store: "dynamodb", db: dynamotest.Client(t),
		table: dynamotest.Table(t, "e2e-records"), audit: dynamotest.Table(t, "e2e-audit"),
	}
	in.env = append(os.Environ(), "AWS_ENDPOINT_URL_DYNAMODB="+dynamotest.Endpoint(t), "AWS_REGION=eu-central-1",
		"AWS_ACCESS_KEY_ID=piinguin", "AWS_SECRET_ACCESS_KEY=piinguin",
		"PIINGUIN_DYNAMODB_TABLE="+in.table, "PIINGUIN_AUDIT_TABLE_NAME="+in.audit)
	for range 2 { // safe to run twice
		in.mustRun(t, 0, "piinguin", "tables", "create")
	}
	test(t, in)
}

// ends is how long a command may take that ends by itself. A server that starts although it had to refuse is killed then.
const ends = time.Minute

// run runs a command and returns its exit code and what it printed.
func (in *install) run(t *testing.T, name string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), ends)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(binaries, name), args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = in.dir, in.env, &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		t.Fatalf("%s %s did not end within %s\n%s", name, strings.Join(args, " "), ends, errs.String())
	case err != nil && !errors.As(err, &exit):
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// mustRun runs a command that must end with a code, and returns its output.
func (in *install) mustRun(t *testing.T, want int, name string, args ...string) string {
	t.Helper()
	code, stdout, stderr := in.run(t, name, args...)
	if code != want {
		t.Fatalf("%s %s: exit %d, want %d\n%s%s", name, strings.Join(args, " "), code, want, stdout, stderr)
	}
	return stdout
}

// process is a running server.
type process struct {
	cmd     *exec.Cmd
	address string
	stdout  bytes.Buffer // whole once the process has ended
	reading sync.WaitGroup
}

// started is the line of the log with which a server begins to listen.
var started = regexp.MustCompile(`"address":"([^"]+)","tls":(true|false).*"message":"started"`)

// ledgerName is the name of the ledgers that start begins.
const ledgerName = "ledger.test/pii"

// start runs a server with --dev until the test stops or kills it.
func (in *install) start(t *testing.T) *process {
	t.Helper()
	if in.db != nil {
		return in.serve(t, "--dev", "--ledger-name", ledgerName, "--store", in.store)
	}
	return in.serve(t, "--dev", "--ledger-name", ledgerName)
}

// serve runs a server on a free port until the test stops or kills it.
func (in *install) serve(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{}
	args = append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(binaries, "piinguin"), args...)
	// A machine of tests may stand still for seconds. An append that hangs still ends a test.
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout = in.dir, append(slices.Clip(in.env), "PIINGUIN_APPEND_TIMEOUT=1m"), io.MultiWriter(&p.stdout, in)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		if log := in.log(); t.Failed() { // an answer to a caller does not say why the server refused it
			t.Logf("the servers' log ends with\n%s", log[max(0, len(log)-4000):])
		}
	})
	log := bufio.NewReader(stderr)
	for p.address == "" {
		line, err := log.ReadString('\n')
		_, _ = io.WriteString(in, line)
		if found := started.FindStringSubmatch(line); found != nil {
			p.address = map[string]string{"true": "https://", "false": "http://"}[found[2]] + found[1]
		} else if err != nil {
			t.Fatalf("the server did not start: %v\n%s", err, in.log())
		}
	}
	p.reading.Go(func() { _, _ = io.Copy(in, log) })
	return p
}

// Write keeps what programs print, to be searched.
func (in *install) Write(b []byte) (int, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.printed.Write(b)
}

func (in *install) log() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.printed.String()
}

// stop ends the server as an operator does; it must go without an error.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.reading.Wait()
	if err := p.cmd.Wait(); err != nil {
		t.Fatalf("the server ended with %v", err)
	}
}

// kill ends the server as a crash does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.reading.Wait()
	_ = p.cmd.Wait() // it was killed
}

// as returns a client with one of the --dev tokens.
func (p *process) as(t *testing.T, role string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Host: p.address, Token: client.Token("dev-" + role)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (p *process) metrics(t *testing.T) string {
	t.Helper()
	_, text, _ := strings.Cut(p.get(t, "/metrics"), " ")
	return text
}

// get returns the status and the body of the answer to a GET.
func (p *process) get(t *testing.T, path string) string {
	t.Helper()
	resp, err := http.Get(p.address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, text)
}

// flags are those of a client command for this server.
func (p *process) flags(role string, args ...string) []string {
	return append(args, "--host", p.address, "--token", "dev-"+role)
}

func (in *install) sqlite(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(in.dir, "piinguin-dev", "piinguin.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// originals returns everything that the records' store holds, as text, and the
// original values by their keys.
func (in *install) originals(t *testing.T) (whole string, pairs map[string]string) {
	t.Helper()
	pairs = map[string]string{}
	var all []string
	if in.db == nil {
		rows, err := in.sqlite(t).QueryContext(t.Context(), `SELECT modified_value, coalesce(original_value, ''),
			modified_value || '|' || coalesce(original_value, 'NULL') || '|' || observed_at || '|' || stored_at || '|' || coalesce(erased_at, 'NULL') || '|' || field_name FROM records`)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var key, value, row string
			if err := rows.Scan(&key, &value, &row); err != nil {
				t.Fatal(err)
			}
			pairs[key], all = value, append(all, row)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	} else {
		for _, it := range in.scan(t, in.table) {
			pairs[textOf(it["modifiedValue"])] = textOf(it["originalValue"])
			var row []string
			for name, v := range it {
				row = append(row, name+"="+textOf(v))
			}
			slices.Sort(row)
			all = append(all, strings.Join(row, "|"))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n"), pairs
}

// textOf returns a text attribute, or nothing for one that is not there.
func textOf(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func (in *install) scan(t *testing.T, table string) []map[string]types.AttributeValue {
	t.Helper()
	var items []map[string]types.AttributeValue
	pages := dynamodb.NewScanPaginator(in.db, &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, page.Items...)
	}
	return items
}
