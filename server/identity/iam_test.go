package identity_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/piinguin/piinguin/rpc/client/iam"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
)

var relay = policy.Caller{Name: relayARN, Authentication: "iam", Roles: []policy.Role{policy.Reader}}

func TestIAMKnowsRoles(t *testing.T) {
	f, c := newFakeSTS(t), newTestClock()
	for name, answer := range map[string]string{"JSON": answerJSON, "XML": answerXML} {
		t.Run(name, func(t *testing.T) {
			f.answers(answers(answer))
			wantCaller(t, newTestIAM(t, f, c, nil), tokenOf(f.sign(t, c, nil)), relay)
		})
	}
	for answered, name := range map[string]string{
		"arn:aws:iam::123456789012:user/team/bob":                          "arn:aws:iam::123456789012:user/team/bob",
		"arn:aws-cn:sts::123456789012:assumed-role/a/b2":                   "arn:aws-cn:iam::123456789012:role/a",
		"arn:aws-us-gov:sts::123456789012:assumed-role/A.b,c=d@e-f_g+h/s2": "arn:aws-us-gov:iam::123456789012:role/A.b,c=d@e-f_g+h",
	} {
		f.answers(answers(answerFor(answered, "123456789012")))
		i := newTestIAM(t, f, c, func(cfg *identity.IAMConfig) { cfg.Roles = onlyReader(name) })
		wantCaller(t, i, tokenOf(f.sign(t, c, nil)),
			policy.Caller{Name: name, Authentication: "iam", Roles: []policy.Role{policy.Reader}})
	}
}

func answerFor(arn, account string) string {
	return `{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"` + account + `","Arn":"` + arn + `","UserId":"AROA:x"}}}`
}

// TestIAMEndToEnd: what rpc/client/iam makes, STS confirms and the server takes.
func TestIAMEndToEnd(t *testing.T) {
	f := newFakeSTS(t)
	i := newTestIAM(t, f, nil, func(cfg *identity.IAMConfig) { cfg.Now = nil })
	source, err := iam.TokenSource(aws.Config{
		Region: "eu-central-1", BaseEndpoint: &f.URL,
		Credentials: credentials.NewStaticCredentialsProvider(relayKeys.AccessKeyID, relayKeys.SecretAccessKey, relayKeys.SessionToken),
	}, audience)
	if err != nil {
		t.Fatal(err)
	}
	token, err := source(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantCaller(t, i, string(token), relay)
	other := newTestIAM(t, f, nil, func(cfg *identity.IAMConfig) { cfg.Now, cfg.Audience = nil, "other.internal" })
	wantUnknown(t, other, string(token))
}

// TestIAMRefusesBeforeItAsks: STS never hears of these.
func TestIAMRefusesBeforeItAsks(t *testing.T) {
	f, c := newFakeSTS(t), newTestClock()
	i := newTestIAM(t, f, c, nil)
	public := newTestIAM(t, f, c, func(cfg *identity.IAMConfig) {
		cfg.Endpoint = ""
		cfg.HTTPClient = &http.Client{Transport: never{t}}
	})
	for name, change := range map[string]func(*request){
		"old date":          func(q *request) { q.at = q.at.Add(-15 * time.Minute) },
		"far-future date":   func(q *request) { q.at = q.at.Add(5*time.Minute + time.Second) },
		"ended early":       func(q *request) { q.expires, q.at = "60", q.at.Add(-time.Minute) },
		"long expiry":       func(q *request) { q.expires = "901" },
		"no expiry":         func(q *request) { q.expires = "" },
		"zero expiry":       func(q *request) { q.expires = "0" },
		"negative expiry":   func(q *request) { q.expires = "-1" },
		"audience unsigned": func(q *request) { q.audience = "" },
		"other action":      func(q *request) { q.query.Set("Action", "GetSessionToken") },
		"other version":     func(q *request) { q.query.Set("Version", "2010-05-08") },
		"extra parameter":   func(q *request) { q.query.Set("RoleArn", "x") },
		"doubled action":    func(q *request) { q.query.Add("Action", "GetCallerIdentity") },
		"missing version":   func(q *request) { q.query.Del("Version") },
		"other path":        func(q *request) { q.endpoint += "x" },
		"other host":        func(q *request) { q.endpoint = "https://sts.us-east-1.amazonaws.com/" },
	} {
		t.Run(name, func(t *testing.T) {
			before := f.questions()
			wantUnknown(t, i, tokenOf(f.sign(t, c, change)))
			if f.questions() != before {
				t.Error("STS was asked")
			}
		})
	}
	good := f.sign(t, c, nil)
	for name, signed := range map[string]string{
		"http":              strings.Replace(good, "https://", "http://", 1),
		"user":              strings.Replace(good, "https://", "https://user@", 1),
		"encoded path":      strings.Replace(good, "/?", "/%2e?", 1),
		"no path":           strings.Replace(good, "/?", "?", 1),
		"fragment":          good + "#x",
		"doubled signature": good + "&X-Amz-Signature=" + strings.Repeat("0", 64),
		"empty parameter":   good + "&x",
		"semicolon":         good + ";x=y",
		"more headers":      strings.Replace(good, "host%3B", "accept%3Bhost%3B", 1),
		"other algorithm":   strings.Replace(good, "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", 1),
		"other service":     strings.Replace(good, "%2Fsts%2F", "%2Fs3%2F", 1),
		"bad month":         strings.Replace(good, "X-Amz-Date=202605", "X-Amz-Date=202613", 1),
		"no URL":            "https://%zz",
		"empty":             "",
	} {
		t.Run(name, func(t *testing.T) {
			if signed == good {
				t.Fatal("the test changes nothing")
			}
			before := f.questions()
			wantUnknown(t, i, tokenOf(signed))
			if f.questions() != before {
				t.Error("STS was asked")
			}
		})
	}
	encoded := strings.TrimPrefix(tokenOf(good), "piinguin-aws-v1.")
	for _, token := range []string{
		"", "piinguin-aws-v1.", encoded, "piinguin-aws-v2." + encoded, "piinguin-aws-v1." + encoded + "=",
		"piinguin-aws-v1." + good, "piinguin-aws-v1." + encoded[:len(encoded)-2],
	} {
		wantUnknown(t, i, token)
	}
	for _, host := range []string{
		"sts.amazonaws.com.evil.example", "evil.example", "sts.evil.example", "evilsts.amazonaws.com", "sts.us-east-1.amazonaws.com:8443",
		"sts.us-east-1.amazonaws.com.", "s3.amazonaws.com", "sts..amazonaws.com", "sts.x.us-east-1.amazonaws.com", "stsXamazonaws.com",
		"sts.us-east-1.amazonaws.com.cn", "sts.amazonaws.com.cn", "169.254.169.254", "localhost", "sts.us-east-1.amazonaws.com@evil.example",
		"sts.cn-north-1.amazonaws.com.cn.evil.example", "sts.cn-north-1.amazonaws.com.cnx", "sts.cn-north-1.amazonaws.comxcn", "sts.cn-north-1.amazonawsxcom.cn",
		"sts.cn-north-1xamazonaws.com.cn", "stsxcn-north-1.amazonaws.com.cn", "evil.sts.cn-north-1.amazonaws.com.cn", "sts.us-east-1xamazonaws.com",
		"sts.us-east-1.amazonawsxcom", "sts.amazonawsxcom", "stsxus-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com.evil.example",
	} {
		wantUnknown(t, public, tokenOf(strings.Replace(good, f.Listener.Addr().String(), host, 1)))
	}
	if f.questions() != 0 {
		t.Errorf("STS was asked %d times", f.questions())
	}
}

// never fails the test if anybody is asked.
type never struct{ t *testing.T }

func (n never) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("%s was asked", r.URL.Host)
	return nil, io.EOF
}

func TestIAMPublicEndpoints(t *testing.T) {
	f, c := newFakeSTS(t), newTestClock()
	for _, host := range []string{
		"sts.amazonaws.com", "sts.us-east-1.amazonaws.com", "sts.us-gov-west-1.amazonaws.com", "sts.ap-southeast-2.amazonaws.com",
		"sts.cn-northwest-1.amazonaws.com.cn",
	} {
		asked := ""
		i := newTestIAM(t, f, c, func(cfg *identity.IAMConfig) {
			cfg.Endpoint = ""
			cfg.HTTPClient = &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
				asked = r.Method + " " + r.URL.Host + " " + r.Header.Get("X-Piinguin-Audience") + " " + r.Header.Get("Accept")
				left, bounded := r.Context().Deadline()
				if !bounded || time.Until(left) > 5*time.Second {
					t.Error("STS may take longer than 5 s")
				}
				w := httptest.NewRecorder()
				_, _ = w.WriteString(answerJSON)
				return w.Result(), nil
			})}
		})
		signed := f.sign(t, c, func(q *request) { q.endpoint = "https://" + host + "/" })
		wantCaller(t, i, tokenOf(signed), relay)
		if want := "GET " + host + " vault.internal application/json"; asked != want {
			t.Errorf("asked %q, want %q", asked, want)
		}
	}
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestIAMAsksAndIsRefused: these are STS's to refuse, or STS answers amiss.
func TestIAMAsksAndIsRefused(t *testing.T) {
	f, c := newFakeSTS(t), newTestClock()
	for name, change := range map[string]func(*request){
		"other audience": func(q *request) { q.audience = "other.internal" },
		"wrong key":      func(q *request) { q.keys = otherKeys },
		"method POST":    func(q *request) { q.method = http.MethodPost },
	} {
		t.Run(name, func(t *testing.T) { wantUnknown(t, newTestIAM(t, f, c, nil), tokenOf(f.sign(t, c, change))) })
	}
	if f.questions() != 3 {
		t.Errorf("STS was asked %d times, want 3: these tests are of something else", f.questions())
	}
	status := func(code int, header http.Header) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			for name := range header {
				w.Header().Set(name, header.Get(name))
			}
			w.WriteHeader(code)
			_, _ = w.Write([]byte(answerJSON)) // as if it were good
		}
	}
	evil := httptest.NewTLSServer(http.HandlerFunc(answers(answerJSON)))
	defer evil.Close()
	says := func(code int, body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		}
	}
	const inJSON = `{"Error":{"Code":"SignatureDoesNotMatch","Message":"x","Type":"Sender"},"RequestId":"x"}`
	judged := map[string]bool{ // the others are no answer of STS, or say how STS is
		"denied": true, "denied in XML": true, "expired": true, "other account": true, "other user's": true, "root": true, "federated": true,
		"role, not session": true, "slash in session": true, "long user": true,
	}
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"403":               status(http.StatusForbidden, nil),
		"denied":            says(http.StatusForbidden, inJSON),
		"denied in XML":     denied,
		"expired":           says(http.StatusBadRequest, strings.ReplaceAll(inJSON, "SignatureDoesNotMatch", "ExpiredToken")),
		"throttled":         says(http.StatusBadRequest, strings.ReplaceAll(inJSON, "SignatureDoesNotMatch", "Throttling")),
		"too many":          says(http.StatusTooManyRequests, inJSON),
		"denied by 500":     says(http.StatusInternalServerError, inJSON),
		"page":              says(http.StatusOK, "<html>CANARY</html>"),
		"page of 403":       says(http.StatusForbidden, "<html>CANARY</html>"),
		"page of 404":       says(http.StatusNotFound, "<html>CANARY</html>"),
		"page of 407":       says(http.StatusProxyAuthRequired, "<html>CANARY</html>"),
		"foreign JSON":      says(http.StatusForbidden, `{"error":{"code":"SignatureDoesNotMatch"}}`),
		"other names":       answers(strings.ReplaceAll(answerJSON, `"Arn"`, `"ARN"`)),
		"500":               status(http.StatusInternalServerError, nil),
		"204":               func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"redirect":          status(http.StatusFound, http.Header{"Location": {evil.URL}}),
		"kept redirect":     status(http.StatusTemporaryRedirect, http.Header{"Location": {evil.URL}}),
		"huge":              answers(strings.Repeat(" ", 64<<10) + answerJSON),
		"cut":               answers(answerJSON[:len(answerJSON)-9]),
		"empty":             answers(""),
		"HTML":              answers("<html><body>" + answerXML + "</body></html>"),
		"other XML":         answers(strings.ReplaceAll(answerXML, "GetCallerIdentityResponse", "AssumeRoleResponse")),
		"other JSON":        answers(strings.ReplaceAll(answerJSON, "GetCallerIdentityResult", "AssumeRoleResult")),
		"no user id":        answers(strings.ReplaceAll(answerJSON, "UserId", "User")),
		"other account":     answers(answerFor("arn:aws:sts::123456789012:assumed-role/piinguin-relay/s2", "210987654321")),
		"other user's":      answers(answerFor("arn:aws:iam::123456789012:user/bob", "210987654321")),
		"root":              answers(answerFor("arn:aws:iam::123456789012:root", "123456789012")),
		"federated":         answers(answerFor("arn:aws:sts::123456789012:federated-user/bob", "123456789012")),
		"role, not session": answers(answerFor(relayARN, "123456789012")),
		"slash in session":  answers(answerFor("arn:aws:sts::123456789012:assumed-role/piinguin-relay/x/yy", "123456789012")),
		"long user":         answers(answerFor("arn:aws:iam::123456789012:user/"+strings.Repeat("x", 230), "123456789012")),
		"hung up":           func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			f.answers(answer)
			i := newTestIAM(t, f, c, func(cfg *identity.IAMConfig) {
				cfg.Roles = func(string) ([]policy.Role, bool) { return []policy.Role{policy.Reader}, true }
			})
			want := wantUnavailable
			if judged[name] {
				want = wantUnknown
			}
			want(t, i, tokenOf(f.sign(t, c, nil)))
		})
	}
}

func TestIAMKeepsAnswers(t *testing.T) {
	f, c := newFakeSTS(t), newTestClock()
	known := true
	i := newTestIAM(t, f, c, func(cfg *identity.IAMConfig) {
		cfg.Roles = func(name string) ([]policy.Role, bool) {
			return []policy.Role{policy.Reader}, known && name == relayARN
		}
	})
	token := tokenOf(f.sign(t, c, nil))
	wantCaller(t, i, token, relay)
	c.add(15*time.Minute - time.Second)
	wantCaller(t, i, token, relay)
	known = false
	wantUnknown(t, i, token) // the file of callers was changed
	known = true
	if f.questions() != 1 {
		t.Errorf("STS was asked %d times about one token, want 1", f.questions())
	}
	c.add(time.Second)
	wantUnknown(t, i, token)
	wantCaller(t, i, tokenOf(f.sign(t, c, nil)), relay)
	if f.questions() != 2 {
		t.Errorf("STS was asked %d times, want 2: once about each token", f.questions())
	}
}

func TestIAMKeepsRefusalsShortly(t *testing.T) {
	f, c := newFakeSTS(t), newTestClock()
	i := newTestIAM(t, f, c, nil)
	token := tokenOf(f.sign(t, c, nil))
	f.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	for range 3 {
		wantUnavailable(t, i, token)
	}
	f.answers(denied)
	c.add(5 * time.Second)
	for range 3 {
		wantUnknown(t, i, token)
	}
	if f.questions() != 2 {
		t.Errorf("STS was asked %d times, want 2", f.questions())
	}
	f.answers(answers(answerJSON))
	c.add(5 * time.Second)
	wantCaller(t, i, token, relay)
}

// TestIAMAsksOnce: callers who come at once with one token share the question, and
// who goes away does not take it along.
func TestIAMAsksOnce(t *testing.T) {
	f, c := newFakeSTS(t), newTestClock()
	i := newTestIAM(t, f, c, nil)
	token := tokenOf(f.sign(t, c, nil))
	arrived, hold := make(chan struct{}), make(chan struct{})
	f.answers(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-hold
		_, _ = w.Write([]byte(answerJSON))
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if _, err := i.Authenticate(withToken(token).WithContext(ctx)); err == nil {
		t.Error("slow STS: a caller that is gone was answered")
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { wantCaller(t, i, token, relay) })
	}
	close(hold)
	all.Wait()
	if f.questions() != 1 {
		t.Errorf("STS was asked %d times, want 1", f.questions())
	}
}

// TestIAMGuesses: beyond the limit of an address STS hears of no more wrong tokens from it, and
// every caller who was proven before still passes, by tokens that are known and by new ones.
func TestIAMGuesses(t *testing.T) {
	f, c := newFakeSTS(t), newTestClock()
	guesses := identity.NewGuesses(c.Now)
	limit := guesses.Limit(newTestIAM(t, f, c, func(cfg *identity.IAMConfig) { cfg.Guesses = guesses }))
	const nat = "192.0.2.1:1"
	token := func(change func(*request)) string { return tokenOf(f.sign(t, c, change)) }
	made := 0
	wrong := func() string {
		made++
		return token(func(q *request) {
			q.expires, q.keys.SecretAccessKey, q.keys.AccessKeyID = fmt.Sprint(60+made), "wrong", "ASIAEXAMPLEEXAMPLE99"
		})
	}
	relayToken := token(nil)
	wantTry(t, limit, nat, relayToken, "")
	for range 10 {
		wantTry(t, limit, nat, wrong(), "unknown")
	}
	asked := f.questions()
	for range 10 {
		wantTry(t, limit, nat, wrong(), "6s")
	}
	if f.questions() != asked {
		t.Errorf("STS was asked %d times beyond the limit", f.questions()-asked)
	}
	wantTry(t, limit, nat, relayToken, "")
	wantTry(t, limit, nat, token(func(q *request) { q.expires = "899" }), "")
	wantTry(t, limit, "192.0.2.2:1", wrong(), "unknown")
	c.add(6 * time.Second)
	wantTry(t, limit, nat, wrong(), "unknown", "6s")
}

// TestIAMWithoutSTS: that STS cannot be reached is nobody's guess, and no credential is wrong for it.
func TestIAMWithoutSTS(t *testing.T) {
	f, c := newFakeSTS(t), newTestClock()
	guesses := identity.NewGuesses(c.Now)
	told := &reports{}
	i := newTestIAM(t, f, c, func(cfg *identity.IAMConfig) { cfg.Guesses, cfg.Report = guesses, told.add })
	f.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	callers := guesses.Limit(identity.First(i, onlyGood{}))
	for n := range 20 {
		wantTry(t, callers, "192.0.2.1:1", tokenOf(f.sign(t, c, func(q *request) { q.expires = fmt.Sprint(60 + n) })), identity.ErrUnavailable.Error())
	}
	f.answers(answers(answerJSON))
	wantTry(t, callers, "192.0.2.1:1", tokenOf(f.sign(t, c, nil)), "")
	wantTry(t, callers, "192.0.2.1:1", "guess", "unknown")
	told.want(t, "status 502", "")
}

// TestIAMTellsWhatAnswers: what stands between this server and STS is not taken for STS. The log says once
// what came, and nothing of it; nobody's credential is wrong for it.
func TestIAMTellsWhatAnswers(t *testing.T) {
	f, c, told := newFakeSTS(t), newTestClock(), &reports{}
	guesses := identity.NewGuesses(c.Now)
	i := newTestIAM(t, f, c, func(cfg *identity.IAMConfig) { cfg.Guesses, cfg.Report = guesses, told.add })
	callers := guesses.Limit(i)
	n := 60
	ask := func(want string) {
		t.Helper()
		n++
		wantTry(t, callers, "192.0.2.1:1", tokenOf(f.sign(t, c, func(q *request) { q.expires = fmt.Sprint(n) })), want)
	}
	for range 20 {
		f.answers(answers("<html>CANARY</html>"))
		ask(identity.ErrUnavailable.Error())
	}
	f.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) })
	ask(identity.ErrUnavailable.Error())
	f.answers(answers(strings.Repeat(" ", 64<<10) + answerJSON))
	ask(identity.ErrUnavailable.Error())
	f.answers(denied)
	ask("unknown")
	told.want(t, "status 200 without a verdict of STS", "status 407 without a verdict of STS",
		"the answer is cut off, or larger than 64 KiB", "")
}

// TestIAMGivesRolesLater: a name that STS confirmed is kept until its token ends, so a job without
// roles is one question a token, and roles that it is given count at once.
func TestIAMGivesRolesLater(t *testing.T) {
	f, c := newFakeSTS(t), newTestClock()
	roles := onlyReader()
	i := newTestIAM(t, f, c, func(cfg *identity.IAMConfig) {
		cfg.Roles = func(name string) ([]policy.Role, bool) { return roles(name) }
	})
	token := tokenOf(f.sign(t, c, nil))
	wantUnknown(t, i, token)
	c.add(time.Minute)
	wantUnknown(t, i, token)
	if f.questions() != 1 {
		t.Errorf("STS was asked %d times, want 1", f.questions())
	}
	roles = onlyReader(relayARN)
	wantCaller(t, i, token, relay)
	c.add(15 * time.Minute)
	wantUnknown(t, i, token)
}

// TestIAMSendsItsOwnURL: what goes out is put together from what was checked, not the URL as it came.
func TestIAMSendsItsOwnURL(t *testing.T) {
	f, c := newFakeSTS(t), newTestClock()
	sent := ""
	i := newTestIAM(t, f, c, func(cfg *identity.IAMConfig) {
		cfg.HTTPClient = &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
			sent = r.URL.String()
			return nil, io.EOF
		})}
	})
	signed, err := url.Parse(f.sign(t, c, nil))
	mustBeNil(t, err)
	want := "https://" + signed.Host + "/?" + signed.Query().Encode()
	wantUnavailable(t, i, tokenOf("HTTPS://"+signed.Host+"/?"+strings.ReplaceAll(signed.Query().Encode(), "Action=Get", "Action=%47et")+"#"))
	if sent != want {
		t.Errorf("sent %s, want %s", sent, want)
	}
}

// TestIAMPrivateEndpointAlone: with a private endpoint no public one is asked.
func TestIAMPrivateEndpointAlone(t *testing.T) {
	f, c := newFakeSTS(t), newTestClock()
	i := newTestIAM(t, f, c, func(cfg *identity.IAMConfig) { cfg.HTTPClient = &http.Client{Transport: never{t}} })
	private := f.Listener.Addr().String()
	for _, host := range []string{"sts.amazonaws.com", "sts.us-east-1.amazonaws.com", "sts.cn-north-1.amazonaws.com.cn", "x" + private, private + "0"} {
		wantUnknown(t, i, tokenOf(f.sign(t, c, func(q *request) { q.endpoint = "https://" + host + "/" })))
	}
}

func TestNewIAMRefuses(t *testing.T) {
	for name, cfg := range map[string]identity.IAMConfig{
		"no audience":        {Roles: onlyReader()},
		"audience of words":  {Audience: "a b", Roles: onlyReader()},
		"no roles":           {Audience: "a"},
		"plain endpoint":     {Audience: "a", Roles: onlyReader(), Endpoint: "http://sts.amazonaws.com"},
		"endpoint with path": {Audience: "a", Roles: onlyReader(), Endpoint: "https://sts.amazonaws.com/CANARY"},
		"endpoint with user": {Audience: "a", Roles: onlyReader(), Endpoint: "https://u:CANARY@sts.amazonaws.com"},
		"name as endpoint":   {Audience: "a", Roles: onlyReader(), Endpoint: "sts.amazonaws.com"},
	} {
		if _, err := identity.NewIAM(cfg); err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzIAM: whatever URL a token holds, only a GET of GetCallerIdentity goes out, to
// the endpoint and with nothing else in it.
func FuzzIAM(f *testing.F) {
	sts, c := newFakeSTS(f), newTestClock()
	f.Add(sts.sign(f, c, nil))
	f.Add(strings.Replace(sts.sign(f, c, nil), "https://", "https://user@", 1))
	f.Add("https://" + sts.Listener.Addr().String() + "/?Action=GetCallerIdentity&Action=AssumeRole&X-Amz-Expires=9e1")
	i := newTestIAM(f, sts, c, func(cfg *identity.IAMConfig) {
		cfg.HTTPClient = &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
			query, err := url.ParseQuery(r.URL.RawQuery)
			if err != nil || r.Method != http.MethodGet || r.URL.Scheme != "https" || r.URL.Host != sts.Listener.Addr().String() ||
				r.URL.Path != "/" || r.URL.User != nil || r.Body != nil || r.Host != r.URL.Host || len(query) < 8 || len(query) > 9 ||
				len(query["Action"]) != 1 || query.Get("Action") != "GetCallerIdentity" || query.Get("X-Amz-SignedHeaders") != "host;x-piinguin-audience" {
				panic("asked " + r.URL.String())
			}
			return nil, io.EOF
		})}
	})
	f.Fuzz(func(t *testing.T, signed string) {
		caller, err := i.Authenticate(withToken(tokenOf(signed)))
		if !errors.Is(err, identity.ErrUnknown) && !errors.Is(err, identity.ErrUnavailable) {
			t.Errorf("%v %v", caller, err)
		}
	})
}
