package tlsfiles_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	stdlog "log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/certtest"
	"github.com/piinguin/piinguin/internal/hotfile/tlsfiles"
	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

const (
	relayURI = "spiffe://acme.com/relay"
	token    = "CANARY-token"
)

// vault is a whole server behind TLS, over stores in memory, with a clock that the
// test sets.
type vault struct {
	folder, address string
	servers, people *certtest.Authority
	ledger          *audit.Mem
	seen            *transcript

	mu  sync.Mutex
	now time.Time
}

// transcript is all that a vault has logged or reported.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *transcript) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *transcript) report(err error) {
	text := "taken\n"
	if err != nil {
		text = err.Error() + "\n"
	}
	_, _ = s.Write([]byte(text))
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (v *vault) clock() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// after lets time pass.
func (v *vault) after(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now = v.now.Add(d)
}

// file puts a file into the place of one that the server reads.
func (v *vault) file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(v.folder, name)
	certtest.Replace(t, path, []byte(text))
	return path
}

func newTestVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{
		folder: t.TempDir(), now: time.Now(), seen: &transcript{}, ledger: audit.NewMem(),
		servers: certtest.NewAuthority(t, "servers"), people: certtest.NewAuthority(t, "people"),
	}
	v.file(t, "servers.pem", string(v.servers.PEM()))
	cert, key := v.servers.Issue(t, certtest.Leaf{CommonName: "first"}).Write(t, v.folder, "server")
	authorities, err := identity.OpenAuthorities(v.file(t, "people.pem", string(v.people.PEM())), v.clock, v.seen.report)
	check(t, err)
	line, err := identity.FormatToken("holder", []string{"writer"}, token, time.Time{})
	check(t, err)
	files, err := identity.OpenFiles(v.file(t, "tokens", line), v.file(t, "callers", "mtls "+relayURI+" writer\n"+
		"mtls relay.acme.com writer\nmtls relay@acme.com writer\noidc spiffe://acme.com/other writer\n"), policy.Caller{}, v.clock, v.seen.report)
	check(t, err)
	conf, err := tlsfiles.New(tlsfiles.Config{CertFile: cert, KeyFile: key, ClientCAs: authorities.Pool, Now: v.clock, Report: v.seen.report})
	check(t, err)
	v.serve(t, conf, identity.First(files.Tokens(v.clock), identity.NewMTLS(authorities, files.Directory(), v.clock)))
	return v
}

func (v *vault) serve(t *testing.T, conf *tls.Config, callers identity.Authenticator) {
	t.Helper()
	key, err := audit.GenerateKey(rand.Reader)
	check(t, err)
	ledger, err := audit.Open(t.Context(), audit.Config{Store: v.ledger, Key: key, AppendTimeout: time.Minute})
	check(t, err)
	t.Cleanup(func() { check(t, ledger.Close(context.WithoutCancel(t.Context()))) })
	s, err := server.New(server.Config{Ledger: ledger, Store: store.NewMem(), Callers: callers, Policy: policy.NewBuiltin(), Log: zerolog.New(v.seen)})
	check(t, err)
	front := httptest.NewUnstartedServer(s.Handler())
	front.Config.ErrorLog = stdlog.New(v.seen, "", 0)
	front.Listener = tls.NewListener(front.Listener, conf)
	front.Start()
	t.Cleanup(front.Close)
	v.address = "https://" + front.Listener.Addr().String()
	t.Cleanup(func() {
		if all := v.seen.String(); strings.Contains(all, "CANARY") || strings.Contains(all, "BEGIN ") {
			t.Errorf("a credential is in what was logged:\n%s", all)
		}
	})
}

// client returns the real client, with a certificate of its own or with none.
func (v *vault) client(t *testing.T, mine *certtest.Pair, token client.Token) *client.Client {
	t.Helper()
	cfg := client.Config{Host: v.address, CAFile: filepath.Join(v.folder, "servers.pem"), Token: token, Timeout: time.Minute}
	if mine != nil {
		cfg.CertFile, cfg.KeyFile = mine.Write(t, t.TempDir(), "mine")
	}
	c, err := client.New(cfg)
	check(t, err)
	return c
}

// call stores a record and returns what came of it: "ok", the code of the server's
// error, or "no answer": a client may hear of a handshake that was refused as an alert
// or as a connection that is closed, for it has sent its request by then.
func call(t *testing.T, c *client.Client) string {
	t.Helper()
	_, err := c.CreatePiiRecord(t.Context(), &piinguinv1.CreatePiiRecordRequest{
		PiiRecord: &piinguinv1.PiiRecord{ModifiedValue: "m", OriginalValue: "CANARY-original"},
	})
	var failed twirp.Error
	switch {
	case err == nil:
		return "ok"
	case strings.Contains(err.Error(), "CANARY"):
		t.Errorf("the error holds a credential: %v", err)
	case errors.As(err, &failed) && failed.Meta("reason") != "":
		return string(failed.Code())
	case errors.As(err, &failed) && failed.Code() == twirp.Internal:
		return "no answer"
	}
	return err.Error()
}

func want(t *testing.T, c *client.Client, outcome string) {
	t.Helper()
	if have := call(t, c); have != outcome {
		t.Errorf("a call came to %s, want %s", have, outcome)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCallersByCertificate(t *testing.T) {
	v := newTestVault(t)
	stranger := certtest.NewAuthority(t, "people") // the same name, another key
	uri, dns, mail := []string{relayURI}, []string{"relay.acme.com"}, []string{"relay@acme.com"}
	for name, c := range map[string]struct {
		from *certtest.Authority
		leaf certtest.Leaf
		want string
	}{
		"URI":               {v.people, certtest.Leaf{URIs: uri}, "ok"},
		"DNS name":          {v.people, certtest.Leaf{DNS: dns}, "ok"},
		"e-mail":            {v.people, certtest.Leaf{Emails: mail}, "ok"},
		"URI before others": {v.people, certtest.Leaf{URIs: uri, DNS: []string{"a", "b"}, Emails: []string{"c"}}, "ok"},
		"DNS before e-mail": {v.people, certtest.Leaf{DNS: dns, Emails: []string{"a@b", "c@d"}}, "ok"},
		"client only":       {v.people, certtest.Leaf{URIs: uri, Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, "ok"},

		"two URIs":            {v.people, certtest.Leaf{URIs: []string{relayURI, relayURI + "2"}}, "unauthenticated"},
		"two URIs, known DNS": {v.people, certtest.Leaf{URIs: []string{relayURI, relayURI}, DNS: dns}, "unauthenticated"},
		"two DNS names":       {v.people, certtest.Leaf{DNS: []string{"relay.acme.com", "x.acme.com"}}, "unauthenticated"},
		"two e-mails":         {v.people, certtest.Leaf{Emails: []string{"relay@acme.com", "x@acme.com"}}, "unauthenticated"},
		"unknown URI":         {v.people, certtest.Leaf{URIs: []string{"spiffe://acme.com/CANARY"}, DNS: dns, Emails: mail}, "unauthenticated"},
		"of another method":   {v.people, certtest.Leaf{URIs: []string{"spiffe://acme.com/other"}}, "unauthenticated"},
		"unknown DNS name":    {v.people, certtest.Leaf{DNS: []string{"CANARY.acme.com"}, Emails: mail}, "unauthenticated"},
		"URI as a DNS name":   {v.people, certtest.Leaf{DNS: uri}, "unauthenticated"},
		"e-mail as DNS name":  {v.people, certtest.Leaf{DNS: mail}, "unauthenticated"},
		"DNS name as e-mail":  {v.people, certtest.Leaf{Emails: dns}, "unauthenticated"},
		"common name":         {v.people, certtest.Leaf{CommonName: "relay.acme.com"}, "unauthenticated"},

		"another authority":   {stranger, certtest.Leaf{URIs: uri}, "no answer"},
		"the servers' one":    {v.servers, certtest.Leaf{URIs: uri}, "no answer"},
		"expired":             {v.people, certtest.Leaf{URIs: uri, NotAfter: time.Now().Add(-time.Minute)}, "no answer"},
		"for servers only":    {v.people, certtest.Leaf{URIs: uri, Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, "no answer"},
		"an unusable purpose": {v.people, certtest.Leaf{URIs: uri, Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}, "no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			pair := c.from.Issue(t, c.leaf)
			want(t, v.client(t, &pair, ""), c.want)
		})
	}
}

// The ledger has the certificate's name, and how it was proven.
func TestTheEntryHasTheCertificatesName(t *testing.T) {
	v := newTestVault(t)
	pair := v.people.Issue(t, certtest.Leaf{URIs: []string{relayURI}, CommonName: "somebody"})
	c := v.client(t, &pair, "")
	want(t, c, "ok")
	if _, err := c.ReadPiiRecord(t.Context(), &piinguinv1.ReadPiiRecordRequest{
		ModifiedValue: "m", ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONSENT,
	}); err == nil || !strings.Contains(err.Error(), "permission_denied") {
		t.Errorf("a writer reads: %v", err)
	}
	entries, _, err := audit.OpenIndex(v.ledger).List(t.Context(), audit.Query{Callers: []string{relayURI}, Limit: 10})
	check(t, err)
	var have []string
	for _, e := range entries {
		have = append(have, string(e.Operation)+" "+string(e.Outcome)+" "+e.Authentication)
	}
	if diff := cmp.Diff([]string{"READ DENIED mtls", "CREATE GRANTED mtls"}, have); diff != "" {
		t.Errorf("entries (-want +have):\n%s", diff)
	}
}

func TestATokenAloneDecidesWhereThereIsOne(t *testing.T) {
	v := newTestVault(t)
	known := v.people.Issue(t, certtest.Leaf{URIs: []string{relayURI}})
	unknown := v.people.Issue(t, certtest.Leaf{DNS: []string{"x.acme.com"}})
	want(t, v.client(t, nil, ""), "unauthenticated")
	want(t, v.client(t, nil, token), "ok")
	want(t, v.client(t, nil, "CANARY-wrong"), "unauthenticated")
	want(t, v.client(t, &unknown, token), "ok")
	want(t, v.client(t, &known, token), "ok")
	want(t, v.client(t, &known, "CANARY-wrong"), "unauthenticated")
	entries, _, err := audit.OpenIndex(v.ledger).List(t.Context(), audit.Query{Callers: []string{relayURI}, Limit: 10})
	if err != nil || len(entries) > 0 {
		t.Errorf("the certificate's owner has entries beside a token: %v %v", entries, err)
	}
	// An empty header is a header.
	for _, header := range []string{"", "Basic CANARY", "Bearer"} {
		conf := &tls.Config{RootCAs: v.servers.Pool(), MinVersion: tls.VersionTLS12}
		pair, err := tls.X509KeyPair(known.Cert, known.Key)
		check(t, err)
		conf.Certificates = []tls.Certificate{pair}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.address+"/log/", nil)
		check(t, err)
		req.Header["Authorization"] = []string{header}
		transport := &http.Transport{TLSClientConfig: conf}
		res, err := transport.RoundTrip(req)
		check(t, err)
		check(t, res.Body.Close())
		transport.CloseIdleConnections()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("header %q: status %d", header, res.StatusCode)
		}
	}
}

// What is taken out of a file is refused on a connection that was made before, too.
func TestFilesChangeWhileTheServerRuns(t *testing.T) {
	v := newTestVault(t)
	mine := v.people.Issue(t, certtest.Leaf{URIs: []string{relayURI}})
	open, holder := v.client(t, &mine, ""), v.client(t, nil, token)
	want(t, open, "ok")
	want(t, holder, "ok")

	others := certtest.NewAuthority(t, "others")
	theirs := others.Issue(t, certtest.Leaf{DNS: []string{"relay.acme.com"}})
	want(t, v.client(t, &theirs, ""), "no answer")
	v.file(t, "people.pem", string(v.people.PEM())+string(others.PEM()))
	v.after(time.Second)
	want(t, v.client(t, &theirs, ""), "ok")
	want(t, open, "ok")

	v.file(t, "people.pem", "CANARY")
	v.after(time.Second)
	want(t, v.client(t, &mine, ""), "ok")

	v.file(t, "people.pem", string(v.people.Renewed(t).PEM()))
	v.after(time.Second)
	want(t, open, "ok") // its chain ends at the renewed authority as well
	want(t, v.client(t, &mine, ""), "ok")
	want(t, v.client(t, &theirs, ""), "no answer")

	v.file(t, "people.pem", string(others.PEM()))
	v.after(time.Second)
	want(t, open, "unauthenticated")
	want(t, v.client(t, &mine, ""), "no answer")

	v.file(t, "people.pem", string(v.people.PEM()))
	v.file(t, "tokens", "# nobody\n")
	v.file(t, "callers", "mtls relay.acme.com writer\n")
	v.after(time.Second)
	want(t, holder, "unauthenticated")
	want(t, v.client(t, &mine, ""), "unauthenticated")
	v.file(t, "callers", "mtls "+relayURI+" writer\n")
	v.after(time.Second)
	want(t, open, "ok")

	v.after(48 * time.Hour)
	want(t, open, "unauthenticated") // the certificate has ended, the connection has not
}

// Sessions are not resumed: a client with a ticket proves itself anew.
func TestSessionsAreNotResumed(t *testing.T) {
	v := newTestVault(t)
	mine := v.people.Issue(t, certtest.Leaf{URIs: []string{relayURI}})
	pair, err := tls.X509KeyPair(mine.Cert, mine.Key)
	check(t, err)
	conf := &tls.Config{
		RootCAs: v.servers.Pool(), Certificates: []tls.Certificate{pair},
		ClientSessionCache: tls.NewLRUClientSessionCache(1), MinVersion: tls.VersionTLS12,
	}
	for range 2 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.address+"/healthz", nil)
		check(t, err)
		transport := &http.Transport{TLSClientConfig: conf.Clone()}
		res, err := transport.RoundTrip(req)
		check(t, err)
		check(t, res.Body.Close())
		transport.CloseIdleConnections()
		if res.TLS.DidResume {
			t.Error("a session was resumed")
		}
	}
}

func TestTheServersCertificateIsRenewed(t *testing.T) {
	v := newTestVault(t)
	serves := func(name string) {
		t.Helper()
		v.after(time.Second)
		conn, err := tls.Dial("tcp", strings.TrimPrefix(v.address, "https://"), &tls.Config{RootCAs: v.servers.Pool()})
		check(t, err)
		defer func() { check(t, conn.Close()) }()
		state := conn.ConnectionState()
		if have := state.PeerCertificates[0].Subject.CommonName; have != name || state.Version != tls.VersionTLS13 {
			t.Errorf("the server is %s with TLS %x, want %s", have, state.Version, name)
		}
	}
	serves("first")
	second := v.servers.Issue(t, certtest.Leaf{CommonName: "second"})
	v.file(t, "server.pem", string(second.Cert)) // it does not fit the key
	serves("first")
	v.file(t, "server.key", string(second.Key))
	serves("second")
	v.file(t, "server.key", "-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----\n")
	serves("second")
	said := "the files are not a certificate and its private key in PEM\n"
	if diff := cmp.Diff(said+"taken\n"+said, v.seen.String()); diff != "" {
		t.Errorf("reports (-want +have):\n%s", diff)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	v := newTestVault(t)
	for version, good := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true} {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(v.address, "https://"),
			&tls.Config{RootCAs: v.servers.Pool(), MinVersion: version, MaxVersion: version})
		if (err == nil) != good {
			t.Errorf("TLS %x: %v", version, err)
		}
		if err == nil {
			check(t, conn.Close())
		}
	}
}

func TestNewRefuses(t *testing.T) {
	folder := t.TempDir()
	pair := certtest.NewAuthority(t, "CANARY").Issue(t, certtest.Leaf{CommonName: "CANARY"})
	cert, key := pair.Write(t, folder, "server")
	for name, files := range map[string][2]string{
		"no key": {cert, filepath.Join(folder, "CANARY")}, "exchanged": {key, cert}, "two keys": {key, key},
	} {
		_, err := tlsfiles.New(tlsfiles.Config{CertFile: files[0], KeyFile: files[1], Now: time.Now})
		if err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
