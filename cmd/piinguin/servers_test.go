package main_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// load reads from servers until it is told to stop, and remembers what it was
// answered. The reference of a read is its own.
type load struct {
	stop    atomic.Bool
	readers sync.WaitGroup
	next    atomic.Int64

	mu      sync.Mutex
	known   map[string]audit.Outcome // by reference: answers and refusals
	unknown map[string]bool          // what became of it was not answered
	where   map[string]string        // the entries of answers, by reference
}

func newLoad() *load {
	return &load{known: map[string]audit.Outcome{}, unknown: map[string]bool{}, where: map[string]string{}}
}

// readFrom adds eight readers of a server: of values that are there, of ones that are not, and
// of some that may not read.
func (l *load) readFrom(t *testing.T, p *process) {
	t.Helper()
	reader, writer := p.as(t, "reader"), p.as(t, "writer")
	for range 8 {
		l.readers.Go(func() {
			for !l.stop.Load() {
				n := l.next.Add(1)
				c, req := reader, crashRead(int(n))
				req.Reference = strconv.FormatInt(n, 10)
				switch n % 10 {
				case 3:
					req.ModifiedValue = "not there"
				case 7:
					c = writer
				}
				if !l.read(t, c, req) {
					return
				}
			}
		})
	}
}

// read reports whether the server still answers.
func (l *load) read(t *testing.T, c *client.Client, req *piinguinv1.ReadPiiRecordRequest) bool {
	out, err := c.ReadPiiRecord(t.Context(), req)
	l.mu.Lock()
	defer l.mu.Unlock()
	var te twirp.Error
	switch errors.As(err, &te); {
	case err == nil:
		r := out.GetReceipt()
		l.known[req.GetReference()] = audit.Granted
		l.where[req.GetReference()] = fmt.Sprintf("%s/%d", r.GetLog(), r.GetIndex())
	case te.Code() == twirp.NotFound:
		l.known[req.GetReference()] = audit.NotFound
	case te.Code() == twirp.PermissionDenied:
		l.known[req.GetReference()] = audit.Denied
	case te.Code() == twirp.Unavailable: // past the deadline: it may be written or not
		l.unknown[req.GetReference()] = true
	default:
		l.unknown[req.GetReference()] = true
		return false
	}
	return true
}

func (l *load) answers() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.known)
}

// more waits until some more reads were answered.
func (l *load) more(t *testing.T) {
	t.Helper()
	const n = 300
	from := l.answers()
	eventually(t, fmt.Sprintf("%d answers", n), func() bool { return l.answers() >= from+n })
}

// mustBeInTheLedger checks that the ledger holds each answer and refusal once, as it
// was told, of the unknown ones each at most once, and no other read.
func (l *load) mustBeInTheLedger(t *testing.T, in *install) map[string]int {
	t.Helper()
	in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store)
	seen, logs := map[string]int{}, map[string]int{}
	for line := range strings.Lines(in.mustRun(t, 0, "piinguin", "audit", "list", "--store", in.store, "--limit", "0", "--json")) {
		e, err := audit.Parse([]byte(strings.TrimSuffix(line, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		if e.Operation != audit.Read {
			continue
		}
		seen[e.Reference]++
		logs[e.Log.String()]++
		want, known := l.known[e.Reference]
		at, answered := l.where[e.Reference]
		switch {
		case !known && !l.unknown[e.Reference]:
			t.Errorf("an entry of a read that was not made: %+v", e)
		case known && e.Outcome != want:
			t.Errorf("read %s was answered as %s, and its entry says %s", e.Reference, want, e.Outcome)
		case answered && at != fmt.Sprintf("%s/%d", e.Log, e.Index):
			t.Errorf("the receipt of read %s says %s, and its entry is %s/%d", e.Reference, at, e.Log, e.Index)
		}
	}
	lost, twice := 0, 0
	for reference := range l.known {
		if seen[reference] == 0 {
			lost++
		}
	}
	for _, n := range seen {
		if n > 1 {
			twice++
		}
	}
	if lost > 0 || twice > 0 {
		t.Errorf("%d answers without an entry, %d entries twice", lost, twice)
	}
	t.Logf("%d answers and refusals, %d unknown, %d entries in %d logs", len(l.known), len(l.unknown), len(seen), len(logs))
	return logs
}

// TestServers runs several servers on one DynamoDB under load: one is paused past its
// leases, others take over its logs, it is resumed, and one is killed.
func TestServers(t *testing.T) {
	onDynamoDB(t, func(t *testing.T, in *install) {
		first, second := in.start(t), in.start(t)
		fillForCrash(t, first)
		l := newLoad()
		l.readFrom(t, first)
		l.readFrom(t, second)
		l.more(t)

		first.signal(t, syscall.SIGSTOP)
		eventually(t, "the end of the paused server's lease", func() bool { return in.leaseEnded(t, "1") })
		third := in.start(t)
		l.readFrom(t, third)
		l.more(t)
		first.signal(t, syscall.SIGCONT)
		l.more(t)
		second.kill(t)
		l.more(t)
		l.stop.Store(true)
		l.readers.Wait()

		logs := l.mustBeInTheLedger(t, in)
		if len(logs) < 8 {
			t.Errorf("reads went to %d logs, want at least the four of each of two servers", len(logs))
		}
		first.stop(t)
		third.stop(t)
		in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store)
		if strings.Contains(in.log(), canary) {
			t.Error("an original value is in a server's log")
		}
	})
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// leaseEnded reports whether nobody holds a log any more.
func (in *install) leaseEnded(t *testing.T, log string) bool {
	t.Helper()
	out, err := in.db.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: &in.audit, ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{
			"partition": &types.AttributeValueMemberS{Value: "~lease/" + log},
			"number":    &types.AttributeValueMemberN{Value: "0"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return time.UnixMicro(numberOf(t, out.Item["until"])).Before(time.Now())
}

// TestSecondServerOnSQLite holds that a file has one server.
func TestSecondServerOnSQLite(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		fillForCrash(t, p)
		code, _, stderr := in.run(t, "piinguin", "serve", "--dev", "--listen", "127.0.0.1:0")
		if code != 2 || !strings.Contains(stderr, "another server is using this file") {
			t.Errorf("a second server: exit %d: %s", code, stderr)
		}
		if code, _, stderr := in.run(t, "piinguin", "audit", "prune", "--store", in.store, "--audit-key", "piinguin-dev/audit.key", "--before", "2020-01-01"); code != 2 || !strings.Contains(stderr, "another server") {
			t.Errorf("prune beside a server: exit %d: %s", code, stderr)
		}
		if _, err := p.as(t, "reader").ReadPiiRecord(t.Context(), crashRead(1)); err != nil {
			t.Errorf("the first server: %v", err)
		}
		p.kill(t)
		in.start(t).stop(t) // the lock went with the process
	})
}
