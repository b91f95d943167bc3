package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const clientsVariable = "PIINGUIN_TEST_CLIENTS"

// What the programs of docs/clients.md store.
const (
	clientsKey      = "7d8a4beae5bc9d31"
	clientsOriginal = "jürgen@acme.com"
)

// fenced finds a page's blocks of code, and what language they say they are in.
var fenced = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

// sourceFiles are the names that the page gives to its programs.
var sourceFiles = map[string]string{"python": "client.py", "ts": "client.ts", "java": "Client.java"}

// Every program of docs/clients.md works as it is written, also where its first
// tries to store the value fail; and nobody but its caller sees the value.
func TestClients(t *testing.T) {
	tools := os.Getenv(clientsVariable)
	if tools == "" {
		t.Fatal("run `make test`, which installs what the programs take, or set " + clientsVariable)
	}
	sections := strings.Split(readPage(t, "docs/clients.md"), "\n## ")
	expected := blocks(sections[0], "text")
	if !strings.Contains(expected, clientsOriginal) {
		t.Fatalf("the page does not say that the programs print %q", clientsOriginal)
	}
	for _, name := range []string{"curl", "Python", "TypeScript", "Java"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait for their time-outs
			onSQLite(t, func(t *testing.T, in *install) {
				p := in.start(t)
				proxy := newFlakyProxy(t, p.address)
				out := runSection(t, in, tools, sections[0], section(t, sections, name), proxy.url)
				if name == "curl" {
					checkCurl(t, out)
				} else if diff := cmp.Diff(expected, out); diff != "" {
					t.Errorf("the program's output (-the page's +its own):\n%s", diff)
				}
				proxy.check(t, name)
				p.stop(t)
				checkClientTraces(t, in)
				if name != "curl" { // which shows the answer as it came
					checkForeignAnswers(t, in, tools, sections[0], section(t, sections, name))
				}
			})
		})
	}
}

func readPage(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", page))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func section(t *testing.T, sections []string, name string) string {
	t.Helper()
	for _, s := range sections {
		if strings.HasPrefix(s, name+"\n") {
			return s
		}
	}
	t.Fatalf("the page has no section %s", name)
	return ""
}

// blocks returns the text's blocks of one language, one after the other.
func blocks(text, language string) string {
	var all strings.Builder
	for _, b := range fenced.FindAllStringSubmatch(text, -1) {
		if b[1] == language {
			all.WriteString(b[2])
		}
	}
	return all.String()
}

// runSection writes a section's programs into files, runs its commands after those
// of the page's beginning, and returns what they print on standard output. What goes
// to standard error is kept with the server's log.
func runSection(t *testing.T, in *install, tools, beginning, section, address string) string {
	t.Helper()
	for language, name := range sourceFiles {
		code := []byte(blocks(section, language))
		if len(code) == 0 {
			continue
		}
		if err := os.WriteFile(filepath.Join(in.dir, name), code, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rpc, err := filepath.Abs("../../rpc")
	if err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{
		"rpc": rpc, "node_modules": filepath.Join(tools, "node_modules"), "gson.jar": filepath.Join(tools, "gson.jar"),
	} {
		if err := os.Symlink(target, filepath.Join(in.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := clientCommands(t, in, tools, addressed(beginning, address)+blocks(section, "sh"))
	var stdout bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, in
	if err := cmd.Run(); err != nil {
		t.Errorf("the commands: %v\n%s%s", err, stdout.String(), in.log())
	}
	return stdout.String()
}

// addressed is the page's beginning for a server.
func addressed(beginning, address string) string {
	return strings.ReplaceAll(blocks(beginning, "sh"), "http://localhost:8080", address)
}

func clientCommands(t *testing.T, in *install, tools, commands string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", "set -e\n"+commands)
	cmd.Dir = in.dir
	cmd.Env = append(in.env, "LC_ALL=C.UTF-8", "PATH="+filepath.Join(tools, "venv", "bin")+":"+os.Getenv("PATH"))
	return cmd
}

// checkForeignAnswers runs a program against what answers 200 and is no Piinguin server: it says that there was no
// answer, and nothing of the request.
func checkForeignAnswers(t *testing.T, in *install, tools, beginning, section string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(blocks(section, "sh")), "\n")
	for _, answer := range []struct{ kind, body string }{
		{"application/json", ""}, {"application/protobuf", ""}, {"application/json", "{}"}, {"application/json", `{"receipt":null}`},
		{"text/html", "<html>Sign in</html>"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if path.Base(r.URL.Path) != "CreatePiiRecord" {
				t.Errorf("%q passes for a create: %s follows", answer.body, r.URL.Path)
			}
			rw.Header().Set("Content-Type", answer.kind)
			_, _ = io.WriteString(rw, answer.body)
		}))
		out, err := clientCommands(t, in, tools, addressed(beginning, s.URL)+lines[len(lines)-1]).CombinedOutput()
		s.Close()
		if err == nil || !noAnswer.Match(out) || bytes.Contains(out, []byte(clientsOriginal)) || bytes.Contains(out, []byte("dev-writer")) {
			t.Errorf("%s %q: %v\n%s", answer.kind, answer.body, err, out)
		}
	}
}

// noAnswer is the code that the programs give to an answer of somebody else; internal is protobuf-ts's, for what is
// no protobuf.
var noAnswer = regexp.MustCompile(`no_answer|no_receipt|internal`)

// checkCurl looks for the answers in their order; how JSON is spaced is not stable.
func checkCurl(t *testing.T, out string) {
	t.Helper()
	rest := out
	for _, want := range []string{
		`"receipt"`, `"original_value":"` + clientsOriginal + `"`, `"not_found"`, "exit code 22",
		"processing_basis_required", "exit code 22", `"results"`, clientsOriginal, `"not_found"`,
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("the commands do not print %s where they should:\n%s", want, out)
		}
		rest = after
	}
}

// checkClientTraces looks for the value where it has to be, and where it must not.
func checkClientTraces(t *testing.T, in *install) {
	t.Helper()
	_, pairs := in.originals(t)
	if diff := cmp.Diff(map[string]string{clientsKey: clientsOriginal}, pairs); diff != "" {
		t.Errorf("the store (-want +have):\n%s", diff)
	}
	if strings.Contains(in.log(), clientsOriginal) {
		t.Error("an original value is in the server's log, or in the program's standard error")
	}
	ledger := in.mustRun(t, 0, "piinguin", "audit", "list", "--store", in.store, "--limit", "0", "--json")
	if strings.Contains(ledger, clientsOriginal) {
		t.Error("an original value is in the ledger")
	}
}

// flakyProxy is a proxy that answers the first three tries of a create badly: not at
// all, as a proxy without a server does, and as the server does without its ledger.
type flakyProxy struct {
	t    *testing.T
	url  string
	next http.Handler

	mu    sync.Mutex
	calls map[string]int
}

func newFlakyProxy(t *testing.T, server string) *flakyProxy {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	p := &flakyProxy{t: t, next: httputil.NewSingleHostReverseProxy(target), calls: map[string]int{}}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

func (p *flakyProxy) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	method := path.Base(r.URL.Path)
	p.mu.Lock()
	p.calls[method]++
	n := p.calls[method]
	p.mu.Unlock()
	if method != "CreatePiiRecord" || n > 3 {
		p.next.ServeHTTP(rw, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // else it is not seen that the caller goes away
	switch n {
	case 1:
		select {
		case <-r.Context().Done():
		case <-time.After(patience):
			p.t.Error("the program waits for an answer without an end")
		}
	case 2:
		rw.WriteHeader(http.StatusBadGateway)
		_, _ = fmt.Fprintln(rw, "<html>Bad Gateway</html>")
	case 3:
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintln(rw, `{"code":"unavailable","msg":"the ledger did not confirm","meta":{"reason":"audit_unavailable"}}`)
	}
}

// check holds that creates were tried again and that each read was sent once.
func (p *flakyProxy) check(t *testing.T, name string) {
	t.Helper()
	want := map[string]int{"CreatePiiRecord": 4, "ReadPiiRecord": 3}
	if name == "curl" {
		want["ReadPiiRecords"] = 1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if diff := cmp.Diff(want, p.calls); diff != "" {
		t.Errorf("the calls (-want +have):\n%s", diff)
	}
}
