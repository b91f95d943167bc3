package identity_test

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/piinguin/piinguin/server/identity"
)

const (
	audience = "vault.internal"
	relayARN = "arn:aws:iam::123456789012:role/piinguin-relay"
	// What STS answered to a role's session, in both forms; names and numbers are
	// made up.
	answerJSON = `{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"123456789012",` +
		`"Arn":"arn:aws:sts::123456789012:assumed-role/piinguin-relay/relay-session","UserId":"AROAEXAMPLEEXAMPLE000:relay-session"},` +
		`"ResponseMetadata":{"RequestId":"01234567-89ab-cdef-0123-456789abcdef"}}}`
	answerXML = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>arn:aws:sts::123456789012:assumed-role/piinguin-relay/relay-session</Arn>
    <UserId>AROAEXAMPLEEXAMPLE000:relay-session</UserId>
    <Account>123456789012</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata>
    <RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId>
  </ResponseMetadata>
</GetCallerIdentityResponse>
`
	answerDenied = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>` +
		`<Code>SignatureDoesNotMatch</Code><Message>The request signature does not match.</Message></Error></ErrorResponse>`
)

var (
	relayKeys = aws.Credentials{AccessKeyID: "ASIAEXAMPLEEXAMPLE00", SecretAccessKey: "secret/of+the/relay", SessionToken: "IQoJb3JpZ2luX2VjEXAMPLE+/=="}
	otherKeys = aws.Credentials{AccessKeyID: "ASIAEXAMPLEEXAMPLE00", SecretAccessKey: "another", SessionToken: "IQoJb3JpZ2luX2VjEXAMPLE+/=="}
)

// fakeSTS checks the signature of every request by making it anew with the
// caller's key, as STS does, and then answers.
type fakeSTS struct {
	*httptest.Server
	mu     sync.Mutex
	asked  int
	answer func(w http.ResponseWriter, r *http.Request) // to who signed rightly
}

func newFakeSTS(t testing.TB) *fakeSTS {
	t.Helper()
	f := &fakeSTS{answer: answers(answerJSON)}
	f.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.asked++
		answer := f.answer
		f.mu.Unlock()
		if r.Method != http.MethodGet || !signedRightly(r) {
			denied(w, r)
			return
		}
		answer(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeSTS) questions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

func (f *fakeSTS) answers(answer func(http.ResponseWriter, *http.Request)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func answers(body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

// denied is what STS answers to who signed wrongly.
func denied(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write([]byte(answerDenied))
}

// signedRightly makes the signature of what arrived and compares.
func signedRightly(r *http.Request) bool {
	query := r.URL.Query()
	at, err := time.Parse("20060102T150405Z", query.Get("X-Amz-Date"))
	if err != nil {
		return false
	}
	scope := strings.Split(query.Get("X-Amz-Credential"), "/")
	if len(scope) != 5 || scope[0] != relayKeys.AccessKeyID {
		return false
	}
	rest := url.Values{}
	for _, name := range []string{"Action", "Version", "X-Amz-Expires"} {
		rest[name] = query[name]
	}
	again := &http.Request{
		Method: r.Method, Host: r.Host, Header: http.Header{},
		URL: &url.URL{Scheme: "https", Host: r.Host, Path: r.URL.Path, RawQuery: rest.Encode()},
	}
	if strings.Contains(query.Get("X-Amz-SignedHeaders"), "x-piinguin-audience") {
		again.Header["X-Piinguin-Audience"] = r.Header["X-Piinguin-Audience"]
	}
	signed, _, err := v4.NewSigner().PresignHTTP(r.Context(), relayKeys, again, emptyHash, "sts", scope[2], at)
	if err != nil {
		return false
	}
	u, err := url.Parse(signed)
	return err == nil && subtle.ConstantTimeCompare([]byte(u.Query().Encode()), []byte(query.Encode())) == 1
}

var emptyHash = func() string {
	sum := sha256.Sum256(nil)
	return hex.EncodeToString(sum[:])
}()

// request is what a caller signs.
type request struct {
	method, endpoint, audience, expires string
	query                               url.Values
	at                                  time.Time
	keys                                aws.Credentials
}

// sign returns the URL of a request as newRequest's, with changes.
func (f *fakeSTS) sign(t testing.TB, c *clock, change func(*request)) string {
	t.Helper()
	q := request{
		http.MethodGet, f.URL + "/", audience, "900",
		url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}}, c.Now(), relayKeys,
	}
	if change != nil {
		change(&q)
	}
	if q.expires != "" {
		q.query.Set("X-Amz-Expires", q.expires)
	}
	r, err := http.NewRequestWithContext(context.Background(), q.method, q.endpoint+"?"+q.query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if q.audience != "" {
		r.Header.Set("X-Piinguin-Audience", q.audience)
	}
	signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), q.keys, r, emptyHash, "sts", "us-east-1", q.at)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// tokenOf is the bearer token of a URL.
func tokenOf(signed string) string {
	return "piinguin-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte(signed))
}

func newTestIAM(t testing.TB, f *fakeSTS, c *clock, change func(*identity.IAMConfig)) *identity.IAM {
	t.Helper()
	cfg := identity.IAMConfig{
		Audience: audience, Endpoint: f.URL, Roles: onlyReader(relayARN), HTTPClient: f.Client(), Now: c.Now,
	}
	if change != nil {
		change(&cfg)
	}
	i, err := identity.NewIAM(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return i
}
