package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/proto"

	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// answering is a server that gives every request the same answer, of status 200.
func answering(t *testing.T, contentType string, body []byte) *client.Client {
	t.Helper()
	srv := newTestServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body)
	})
	return newTestClient(t, client.Config{Host: srv.URL, Attempts: 1})
}

func encode(t testing.TB, m proto.Message) []byte {
	t.Helper()
	text, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// everyCall has a call of each method that must not succeed by an empty answer.
var everyCall = map[string]func(context.Context, *client.Client) error{
	"CreatePiiRecord": create,
	"CreatePiiRecords": func(ctx context.Context, c *client.Client) error {
		_, err := c.CreatePiiRecords(ctx, &piinguinv1.CreatePiiRecordsRequest{PiiRecords: []*piinguinv1.PiiRecord{{ModifiedValue: "a"}}})
		return err
	},
	"ReadPiiRecord": func(ctx context.Context, c *client.Client) error {
		_, err := c.ReadPiiRecord(ctx, &piinguinv1.ReadPiiRecordRequest{ModifiedValue: "a"})
		return err
	},
	"ReadPiiRecords": func(ctx context.Context, c *client.Client) error {
		_, err := c.ReadPiiRecords(ctx, &piinguinv1.ReadPiiRecordsRequest{ModifiedValues: []string{"a"}})
		return err
	},
	"DeletePiiRecord": func(ctx context.Context, c *client.Client) error {
		_, err := c.DeletePiiRecord(ctx, &piinguinv1.DeletePiiRecordRequest{ModifiedValue: "a"})
		return err
	},
	"DeletePiiRecords": func(ctx context.Context, c *client.Client) error {
		_, err := c.DeletePiiRecords(ctx, &piinguinv1.DeletePiiRecordsRequest{ModifiedValues: []string{"a"}})
		return err
	},
	"ListEntries": func(ctx context.Context, c *client.Client) error {
		_, err := c.ListEntries(ctx, &piinguinv1.ListEntriesRequest{})
		return err
	},
	"Summarize": func(ctx context.Context, c *client.Client) error {
		_, err := c.Summarize(ctx, &piinguinv1.SummarizeRequest{FromDay: "2026-02-01", ToDay: "2026-02-28", By: []piinguinv1.Dimension{piinguinv1.Dimension_DAY}})
		return err
	},
	"GetEntry": func(ctx context.Context, c *client.Client) error {
		_, err := c.GetEntry(ctx, &piinguinv1.GetEntryRequest{Log: "1", Index: 1})
		return err
	},
	"GetCheckpoint": func(ctx context.Context, c *client.Client) error {
		_, err := c.GetCheckpoint(ctx, &piinguinv1.GetCheckpointRequest{Log: "1"})
		return err
	},
	"ProveEntry": func(ctx context.Context, c *client.Client) error {
		_, err := c.ProveEntry(ctx, &piinguinv1.ProveEntryRequest{Log: "1", Index: 1})
		return err
	},
	"ProveConsistency": func(ctx context.Context, c *client.Client) error {
		_, err := c.ProveConsistency(ctx, &piinguinv1.ProveConsistencyRequest{Log: "1", OldSize: 2})
		return err
	},
}

// Protobuf takes an empty body for an empty message.
func TestAnEmptyAnswerIsNoSuccess(t *testing.T) {
	c := answering(t, "application/protobuf", nil)
	foreign := answering(t, "text/html", []byte("<html>welcome</html>"))
	for method, call := range everyCall {
		if te := wantCode(t, call(t.Context(), c), twirp.Internal); !strings.Contains(te.Msg(), "does not show that it was done") {
			t.Errorf("%s: %v", method, te)
		}
		if te := wantCode(t, call(t.Context(), foreign), twirp.Internal); !strings.Contains(te.Msg(), "Content-Type is not application/protobuf") {
			t.Errorf("%s: %v", method, te)
		}
	}
}

// An answer lacks one thing at a time.
func TestIncompleteAnswers(t *testing.T) {
	whole := receipt("log", 1)
	other := func(change func(*piinguinv1.AuditReceipt)) *piinguinv1.AuditReceipt {
		r := proto.CloneOf(whole)
		change(r)
		return r
	}
	a, b := &piinguinv1.PiiRecord{ModifiedValue: "a", OriginalValue: "canary"}, &piinguinv1.PiiRecord{ModifiedValue: "b", OriginalValue: "canary"}
	for name, tc := range map[string]struct {
		method, says string
		answer       proto.Message
	}{
		"no log":        {"CreatePiiRecord", "no receipt", &piinguinv1.CreatePiiRecordResponse{Receipt: other(func(r *piinguinv1.AuditReceipt) { r.Log = "" })}},
		"half a hash":   {"DeletePiiRecord", "no receipt", &piinguinv1.DeletePiiRecordResponse{Receipt: other(func(r *piinguinv1.AuditReceipt) { r.LeafHash = r.LeafHash[:16] })}},
		"no time":       {"CreatePiiRecord", "no receipt", &piinguinv1.CreatePiiRecordResponse{Receipt: other(func(r *piinguinv1.AuditReceipt) { r.Time = nil })}},
		"value alone":   {"ReadPiiRecord", "no receipt", &piinguinv1.ReadPiiRecordResponse{PiiRecord: a}},
		"receipt alone": {"ReadPiiRecord", "no record", &piinguinv1.ReadPiiRecordResponse{Receipt: whole}},
		"another value": {"ReadPiiRecord", "no record", &piinguinv1.ReadPiiRecordResponse{PiiRecord: b, Receipt: whole}},
		"item's value":  {"ReadPiiRecords", "no record", &piinguinv1.ReadPiiRecordsResponse{Results: []*piinguinv1.ReadPiiRecordResult{{PiiRecord: b, Receipt: whole}}}},
		"empty item":    {"DeletePiiRecords", "no receipt", &piinguinv1.DeletePiiRecordsResponse{Results: []*piinguinv1.DeletePiiRecordResult{{Erased: true}}}},
		"one too many":  {"CreatePiiRecords", "another number", &piinguinv1.CreatePiiRecordsResponse{Results: []*piinguinv1.CreatePiiRecordResult{{Receipt: whole}, {Receipt: whole}}}},
		"no item":       {"ReadPiiRecords", "another number", &piinguinv1.ReadPiiRecordsResponse{}},
		"another entry": {"GetEntry", "another one", &piinguinv1.GetEntryResponse{Entry: &piinguinv1.Entry{Line: "{}", Log: "1", Index: 2}}},
		"no list":       {"ListEntries", "no receipt", &piinguinv1.ListEntriesResponse{NextPageToken: "canary"}},
		"no lines":      {"ListEntries", "no entry", &piinguinv1.ListEntriesResponse{Entries: []*piinguinv1.Entry{{Log: "1"}}, Receipt: whole}},
		"no summary":    {"Summarize", "no receipt", &piinguinv1.SummarizeResponse{Rows: []*piinguinv1.SummaryRow{{Caller: "canary", Count: 1}}}},
		"no line":       {"GetEntry", "no entry", &piinguinv1.GetEntryResponse{Entry: &piinguinv1.Entry{Log: "1", Index: 1}}},
	} {
		c := answering(t, "application/protobuf; v=1", encode(t, tc.answer))
		te := wantCode(t, everyCall[tc.method](t.Context(), c), twirp.Internal)
		if !strings.Contains(te.Msg(), tc.says) || strings.Contains(te.Error(), "canary") {
			t.Errorf("%s: %v does not say %q", name, te, tc.says)
		}
	}
}

// An incomplete answer may be one of a server that is being replaced.
func TestIncompleteAnswersAreRetried(t *testing.T) {
	empty := func(*http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", "application/protobuf")
		return w.Result(), nil
	}
	s := &scripted{faults: times(1, empty)}
	if err := create(t.Context(), s.client(t, client.Config{})); err != nil || len(s.at) != 2 {
		t.Errorf("%d attempts, error %v", len(s.at), err)
	}
}

// endless writes until its reader is gone, and counts.
type endless struct{ written int }

func (e *endless) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/protobuf")
	piece := make([]byte, 1<<20)
	for n := 0; ; n++ {
		if _, err := w.Write(piece); err != nil || n > 4*piinguinv1.MaxAnswer/len(piece) {
			return
		}
		e.written += len(piece)
	}
}

func TestEndlessAnswersAreBounded(t *testing.T) {
	e := &endless{}
	srv := httptest.NewServer(e)
	c := newTestClient(t, client.Config{Host: srv.URL, Timeout: time.Minute})
	te := wantCode(t, create(t.Context(), c), twirp.Internal)
	srv.Close() // and with it the handler has ended
	if !strings.Contains(te.Msg(), "longer than any") || e.written > 2*piinguinv1.MaxAnswer {
		t.Errorf("%v, after %d bytes were sent", te, e.written)
	}
	header := newTestServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", piinguinv1.MaxAnswerHeader))
	})
	if err := create(t.Context(), newTestClient(t, client.Config{Host: header.URL, Attempts: 1})); err == nil || !strings.Contains(err.Error(), "header") {
		t.Errorf("an endless header: %v", err)
	}
}

// The longest answer that the contract allows arrives.
func TestTheLongestAnswerArrives(t *testing.T) {
	out := &piinguinv1.ReadPiiRecordsResponse{}
	in := &piinguinv1.ReadPiiRecordsRequest{}
	text := strings.Repeat("x", piinguinv1.MaxText)
	for n := range piinguinv1.MaxBatch {
		value := fmt.Sprintf("%0*d", 2048, n)
		in.ModifiedValues = append(in.ModifiedValues, value)
		out.Results = append(out.Results, &piinguinv1.ReadPiiRecordResult{Receipt: receipt("64", 1<<62), PiiRecord: &piinguinv1.PiiRecord{
			ModifiedValue: value, OriginalValue: strings.Repeat("x", piinguinv1.MaxOriginalValue),
			Source: &piinguinv1.Source{FieldName: text, JsonPath: text, Schema: text, HashFunction: text, ParentEventId: text},
		}})
	}
	got, err := answering(t, "application/protobuf", encode(t, out)).ReadPiiRecords(t.Context(), in)
	if err != nil || len(got.GetResults()) != piinguinv1.MaxBatch {
		t.Errorf("%d results, %v", len(got.GetResults()), err)
	}
}

func TestFailuresOnTheWaySayWhatIsWrong(t *testing.T) {
	plain := newTestServer(t, func(http.ResponseWriter, *http.Request) {})
	encrypted := httptest.NewTLSServer(legal{})
	t.Cleanup(encrypted.Close)
	mutual := newTestMutual(t)
	moved := newTestServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://canary.example:1/canary-path?canary", http.StatusPermanentRedirect)
	})
	refusing := newTestServer(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = twirp.WriteError(w, twirp.Unauthenticated.Error("fixed").WithMeta("reason", "unauthenticated"))
	})
	for name, tc := range map[string]struct {
		cfg  client.Config
		says string
	}{
		"http to TLS":    {client.Config{Host: "http://" + encrypted.Listener.Addr().String()}, "takes https only"},
		"http to alerts": {client.Config{Host: "http://" + alerting(t)}, "takes https only"},
		"https to plain": {client.Config{Host: "https://" + plain.Listener.Addr().String()}, "takes plain HTTP only"},
		"no certificate": {client.Config{Host: mutual.URL, CAFile: mutual.ca}, "another authority (tls: certificate required)"},
		"redirect":       {client.Config{Host: moved.URL, Token: token}, `a redirect; none is followed, so that the credential goes nowhere else (status 308, to "https://canary.example:1")`},
		"no token":       {client.Config{Host: refusing.URL}, "no token was sent"},
		"wrong token":    {client.Config{Host: refusing.URL, Token: token}, "does not accept the token"},
	} {
		err := readOnce(t, newTestClient(t, tc.cfg))
		var te twirp.Error
		if !errors.As(err, &te) || !strings.Contains(te.Msg(), tc.says) || strings.Contains(err.Error(), "canary-") {
			t.Errorf("%s: %v does not say %q", name, err, tc.says)
		}
		if te != nil && te.Code() == twirp.Unauthenticated && te.Meta("reason") != "unauthenticated" {
			t.Errorf("%s: the reason is lost: %v", name, te.MetaMap())
		}
	}
}

// alerting is the address of a server that answers whatever comes with a TLS alert, as many do where
// plain HTTP comes.
func alerting(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1<<10))
			_, _ = c.Write([]byte{0x15, 3, 1, 0, 2, 2, 10})
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

// newTestProxy is a proxy that lets nothing pass, and counts what comes.
func newTestProxy(t *testing.T) (url string, asked *[]string) {
	t.Helper()
	asked = &[]string{}
	srv := newTestServer(t, func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Method+" "+r.Host)
		w.WriteHeader(http.StatusForbidden)
	})
	return srv.URL, asked
}

func TestProxyIsUsedOnlyIfAsked(t *testing.T) {
	proxy, asked := newTestProxy(t)
	// Go asks the environment once in a process; this is the only test that needs its answer.
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy)
	}
	if err := readOnce(t, newTestClient(t, client.Config{Host: "http://vault.invalid", Attempts: 1})); err == nil || len(*asked) > 0 {
		t.Errorf("plain http: %v, the proxy was asked for %q", err, *asked)
	}
	for _, setting := range []string{"", client.ProxyEnvironment, proxy} {
		*asked = nil
		if err := readOnce(t, newTestClient(t, client.Config{Host: "https://vault.invalid", Proxy: setting, Attempts: 1})); err == nil {
			t.Error("a server answered that is not there")
		}
		if used := len(*asked) == 1 && (*asked)[0] == "CONNECT vault.invalid:443"; used != (setting != "") {
			t.Errorf("Proxy %q: the proxy was asked for %q", setting, *asked)
		}
	}
	for name, cfg := range map[string]client.Config{
		"plain http": {Host: "vault", Proxy: proxy}, "plain http, environment": {Host: "http://vault", Proxy: client.ProxyEnvironment},
		"no URL": {Host: "https://vault", Proxy: "canary:3128"}, "no host": {Host: "https://vault", Proxy: "http://:canary@"},
		"scheme": {Host: "https://vault", Proxy: "ftp://canary"}, "HTTPClient": {Host: "https://vault", Proxy: proxy, HTTPClient: &http.Client{}},
	} {
		if err := cfg.Validate(); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The program's own default transport, with whatever proxy it has, is not the client's.
func TestDefaultTransportIsNotUsed(t *testing.T) {
	before := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = before })
	http.DefaultTransport = roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("the default transport") })
	srv := newTestServer(t, func(http.ResponseWriter, *http.Request) {})
	if err := readOnce(t, newTestClient(t, client.Config{Host: srv.URL})); err != nil {
		t.Error(err)
	}
}
