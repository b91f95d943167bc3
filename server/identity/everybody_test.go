package identity_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/certtest"
	"github.com/piinguin/piinguin/internal/hotfile/tlsfiles"
	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

// methods are all methods of the API with the role that each needs and a request.
var methods = []struct{ path, role, body string }{
	{"Piinguin/CreatePiiRecord", "writer", `{"pii_record":{"modified_value":"a","original_value":"CANARY"}}`},
	{"Piinguin/CreatePiiRecords", "writer", `{"pii_records":[{"modified_value":"a","original_value":"CANARY"}]}`},
	{"Piinguin/ReadPiiRecord", "reader", `{"modified_value":"a","processing_basis":"CONSENT"}`},
	{"Piinguin/ReadPiiRecords", "reader", `{"modified_values":["a"],"processing_basis":"CONSENT"}`},
	{"Piinguin/DeletePiiRecord", "eraser", `{"modified_value":"b"}`},
	{"Piinguin/DeletePiiRecords", "eraser", `{"modified_values":["b"]}`},
	{"Audit/ListEntries", "auditor", `{}`},
	{"Audit/Summarize", "auditor", `{"from_day":"2026-01-01","to_day":"2026-01-31","by":["CALLER"]}`},
	{"Audit/GetEntry", "auditor", `{"log":"1","index":"0"}`},
	{"Audit/GetCheckpoint", "auditor", `{}`},
	{"Audit/ProveEntry", "auditor", `{"log":"1","index":"0"}`},
	{"Audit/ProveConsistency", "auditor", `{"log":"1","old_size":"1"}`},
}

// everybody is a server over TLS that takes every kind of credential of one role.
type everybody struct {
	address string
	ledger  *audit.Mem
	proofs  map[string]proof // by method of authentication
}

// proof is a credential, and the client that has it.
type proof struct {
	client *http.Client
	bearer string
}

func newEverybody(t *testing.T, role string) *everybody {
	t.Helper()
	folder, clock := t.TempDir(), newTestClock()
	clock.set(time.Now())
	people, servers := certtest.NewAuthority(t, "people"), certtest.NewAuthority(t, "servers")
	certtest.Replace(t, filepath.Join(folder, "people"), people.PEM())
	authorities, err := identity.OpenAuthorities(filepath.Join(folder, "people"), clock.Now, func(err error) { t.Error(err) })
	mustBeNil(t, err)
	directory, err := identity.ParseDirectory(strings.NewReader(
		"mtls spiffe://acme.com/ann " + role + "\noidc ann@example.com " + role + "\niam " + relayARN + " " + role))
	mustBeNil(t, err)
	rolesOf := func(method string) func(string) ([]policy.Role, bool) {
		return func(name string) ([]policy.Role, bool) { return directory.Roles(method, name) }
	}
	tokens, err := identity.ParseTokens(strings.NewReader("ann " + role + " " + hashOf("s3cret")))
	mustBeNil(t, err)
	sts, key := newFakeSTS(t), newECDSA(t, "k")
	issuer := newTestIssuer(t, key)
	oidc := newTestOIDC(t, issuer, clock, func(c *identity.OIDCConfig) { c.Roles = rolesOf("oidc") })
	iam := newTestIAM(t, sts, clock, func(c *identity.IAMConfig) { c.Roles = rolesOf("iam") })
	cert, privateKey := servers.Issue(t, certtest.Leaf{}).Write(t, folder, "server")
	conf, err := tlsfiles.New(tlsfiles.Config{CertFile: cert, KeyFile: privateKey, ClientCAs: authorities.Pool, Now: clock.Now, Report: func(err error) { t.Error(err) }})
	mustBeNil(t, err)

	e := &everybody{ledger: audit.NewMem()}
	e.serve(t, conf, identity.First(tokens, oidc, iam, identity.NewMTLS(authorities, directory, clock.Now)))
	mine := people.Issue(t, certtest.Leaf{URIs: []string{"spiffe://acme.com/ann"}})
	pair, err := tls.X509KeyPair(mine.Cert, mine.Key)
	mustBeNil(t, err)
	plain := &tls.Config{RootCAs: servers.Pool()}
	withCert := plain.Clone()
	withCert.Certificates = []tls.Certificate{pair}
	e.proofs = map[string]proof{
		"token": {clientOf(t, plain), "s3cret"},
		"oidc":  {clientOf(t, plain), key.sign(t, issuer.claims(clock, map[string]any{"sub": "ann@example.com"}))},
		"iam":   {clientOf(t, plain), tokenOf(sts.sign(t, clock, nil))},
		"mtls":  {clientOf(t, withCert), ""},
	}
	return e
}

func clientOf(t *testing.T, conf *tls.Config) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: conf}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (e *everybody) serve(t *testing.T, conf *tls.Config, callers identity.Authenticator) {
	t.Helper()
	key, err := audit.GenerateKey(rand.Reader)
	mustBeNil(t, err)
	ledger, err := audit.Open(t.Context(), audit.Config{Store: e.ledger, Key: key, AppendTimeout: time.Minute})
	mustBeNil(t, err)
	t.Cleanup(func() { _ = ledger.Close(context.WithoutCancel(t.Context())) })
	records := store.NewMem()
	for _, r := range records.Put(t.Context(), []store.Record{{ModifiedValue: "a", Original: store.NewOriginal("CANARY"), ObservedAt: time.Now()}}) {
		mustBeNil(t, r.Err)
	}
	s, err := server.New(server.Config{Ledger: ledger, Store: records, Callers: callers, Policy: policy.NewBuiltin()})
	mustBeNil(t, err)
	front := httptest.NewUnstartedServer(s.Handler())
	front.Listener = tls.NewListener(front.Listener, conf)
	front.Start()
	t.Cleanup(front.Close)
	e.address = "https://" + front.Listener.Addr().String()
}

// call returns the status and the reason of the answer to a call.
func (e *everybody) call(t *testing.T, p proof, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.address+"/twirp/piinguin.v1."+path, bytes.NewBufferString(body))
	mustBeNil(t, err)
	req.Header.Set("Content-Type", "application/json")
	if p.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+p.bearer)
	}
	res, err := p.client.Do(req)
	mustBeNil(t, err)
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Meta struct{ Reason string }
	}
	mustBeNil(t, json.NewDecoder(res.Body).Decode(&answer))
	return res.StatusCode, answer.Meta.Reason
}

// TestEverybody calls every method as each role by each kind of credential: a role may
// its own and nothing else, however it was proven, and the ledger says how.
func TestEverybody(t *testing.T) {
	for _, role := range []string{"writer", "reader", "eraser", "auditor"} {
		e := newEverybody(t, role)
		for how, p := range e.proofs {
			for _, m := range methods {
				status, reason := e.call(t, p, m.path, m.body)
				if want := m.role == role; want != (status == http.StatusOK) || !want && (status != http.StatusForbidden || reason != "role_required") {
					t.Errorf("%s as %s by %s: %d %s", m.path, role, how, status, reason)
				}
			}
			p.bearer += "x"
			if status, reason := e.call(t, p, methods[0].path, methods[0].body); status != http.StatusUnauthorized || reason != "unauthenticated" {
				t.Errorf("a wrong credential beside one of %s: %d %s", how, status, reason)
			}
		}
		entries, _, err := audit.OpenIndex(e.ledger).List(t.Context(), audit.Query{Limit: 1000})
		mustBeNil(t, err)
		for how := range e.proofs {
			if !slices.ContainsFunc(entries, func(a audit.Entry) bool { return a.Authentication == how && a.Policy != "" }) {
				t.Errorf("%s: no entry of a caller by %s", role, how)
			}
		}
	}
}

func mustBeNil(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
