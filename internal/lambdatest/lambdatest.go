// Package lambdatest is AWS Lambda for a test: it runs a function's bootstrap and speaks
// the Runtime API (2018-06-01) with it over HTTP, and as much of the Extensions API as
// makes Lambda send SIGTERM. It fails the test when the bootstrap breaks the protocol.
package lambdatest

import (
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Invocation is what Lambda asks of a function.
type Invocation struct {
	Event   []byte
	Timeout time.Duration // until the deadline that the function is told; 0 is an hour
	TraceID string        // Lambda-Runtime-Trace-Id
}

// Answer is what came of an invocation.
type Answer struct {
	Body      string // the response, or the error's JSON
	ErrorType string // not empty: the function failed
	Exited    bool   // the process ended instead, which Lambda takes for a failure
}

// Function is one execution environment: a process of the bootstrap.
type Function struct {
	tb    testing.TB
	api   *api
	cmd   *exec.Cmd
	log   string        // a file: what was printed before an answer is there when the answer is
	ended chan struct{} // closed when the process ended
}

// Start starts a bootstrap with an environment, to which it adds what Lambda does: nothing
// of the test's own is inherited. The test's end kills it.
func Start(tb testing.TB, bootstrap *exec.Cmd, env ...string) *Function {
	tb.Helper()
	f := &Function{tb: tb, api: newAPI(tb), cmd: bootstrap, ended: make(chan struct{})}
	server := httptest.NewServer(f.api)
	tb.Cleanup(server.Close)
	tb.Cleanup(f.api.close)
	f.cmd.Env = append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(server.URL, "http://"), "AWS_LAMBDA_FUNCTION_NAME=piinguin-relay",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_REGION=eu-central-1", "_HANDLER=bootstrap", "TZ=:UTC",
	}, env...)
	log, err := os.Create(filepath.Join(tb.TempDir(), "log"))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = log.Close() }() // the process has its own
	f.log, f.cmd.Stdout, f.cmd.Stderr = log.Name(), log, log
	if err := f.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		_ = f.cmd.Wait() // ProcessState has its code
		close(f.ended)
	}()
	tb.Cleanup(f.Kill)
	return f
}

// Log is what the function has printed so far.
func (f *Function) Log() string {
	f.tb.Helper()
	text, err := os.ReadFile(f.log)
	if err != nil {
		f.tb.Fatal(err)
	}
	return string(text)
}

// Begin gives an invocation to the function once that asks for one; the channel has its
// answer when there is one.
func (f *Function) Begin(in Invocation) <-chan Answer {
	if in.Timeout == 0 {
		in.Timeout = time.Hour
	}
	given := &invocation{Invocation: in, answered: make(chan Answer, 1)}
	select {
	case f.api.invocations <- given:
	case <-f.ended:
		given.answered <- Answer{Exited: true}
		return given.answered
	}
	out := make(chan Answer, 1)
	go func() {
		select {
		case a := <-given.answered:
			out <- a
		case <-f.ended:
			out <- given.orExited()
		}
	}()
	return out
}

// Invoke is Begin, and waits for the answer.
func (f *Function) Invoke(in Invocation) Answer { return <-f.Begin(in) }

// InitError waits for the process to end, and returns what it told Lambda before.
func (f *Function) InitError() (text string, exit int) {
	<-f.ended
	return f.api.initError(), f.cmd.ProcessState.ExitCode()
}

// Shutdown ends the function as Lambda does if it asked for that: by SIGTERM. It returns
// the exit code.
func (f *Function) Shutdown() int {
	f.tb.Helper()
	if !f.api.extension() {
		f.tb.Error("lambdatest: the function registered no extension, so Lambda sends no SIGTERM")
	}
	if err := f.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		f.tb.Error(err)
	}
	<-f.ended
	return f.cmd.ProcessState.ExitCode()
}

// Kill ends the process at once.
func (f *Function) Kill() {
	_ = f.cmd.Process.Kill() // it may have ended
	<-f.ended
}

// invocation is one on its way.
type invocation struct {
	Invocation
	answered chan Answer
}

// orExited prefers an answer that came before the end of the process.
func (in *invocation) orExited() Answer {
	select {
	case a := <-in.answered:
		return a
	default:
		return Answer{Exited: true}
	}
}

func deadline(in Invocation) string {
	return strconv.FormatInt(time.Now().Add(in.Timeout).UnixMilli(), 10)
}
