package identity

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
)

const (
	stsTimeout = 5 * time.Second
	stsBody    = 64 << 10 // bytes of one answer
	stsCalls   = 32       // at once
	keptTokens = 4096     // of known callers, and as many again of others
	// keptRefusals is how long STS is not asked again about a token that it did not
	// confirm, or could not be asked about, so that one token sent over and over is one question.
	keptRefusals = 5 * time.Second
	// keptKeys is how long after its last proof a caller's access key is remembered: the
	// credentials of a role's session last at most 12 hours.
	keptKeys = 12 * time.Hour
)

// IAMConfig says which AWS callers an IAM takes.
type IAMConfig struct {
	// Audience is this server's name, which callers sign into their tokens: 1 to 256
	// printable ASCII characters without spaces.
	Audience string
	// Endpoint is the https URL of a private endpoint of STS. If it is set, tokens for
	// any other are unknown; else AWS's public endpoints are taken.
	Endpoint string
	// Roles returns what a caller may do, by its ARN. Required.
	Roles func(name string) ([]policy.Role, bool)
	// Guesses bounds how often an address makes the server ask STS in vain; nil does not. The
	// tokens of an access key that was a caller's within 12 hours are always asked about, so a
	// guesser behind the same address does not shut that caller out.
	Guesses *Guesses
	// HTTPClient's transport reaches STS; nil means http.DefaultTransport.
	HTTPClient *http.Client
	// Report is told once of each change of what keeps STS from being asked, and nil if nothing
	// does any longer. Texts are fixed. It may be nil.
	Report func(problem error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// IAM knows AWS roles and users by a presigned GetCallerIdentity of AWS STS: the
// caller signs it, the server sends it, and STS says who signed. The token is
//
//	piinguin-aws-v1.<the URL in base64url without padding>
//
// of a GET for https, with X-Amz-Expires of at most 900 and with the headers host
// and x-piinguin-audience signed. Whoever reads a token can use it at this server
// until the URL ends.
//
// The name of a role is arn:aws:iam::<account>:role/<role>, whatever the role's
// path: AWS does not tell it. A user's name is its ARN.
type IAM struct {
	cfg            IAMConfig
	allowed        func(host string) bool
	client         *http.Client
	health         *health
	asking         chan struct{}
	flights        singleflight.Group
	known, refused *answers // by token
	unasked        *answers // by token: those about which STS gave no answer
	keys           *answers // by access key: those of callers
}

// NewIAM returns an IAM. It asks nobody before a token comes.
//
// Errors: of a Config that could never work.
func NewIAM(cfg IAMConfig) (*IAM, error) {
	if !regexp.MustCompile(piinguinv1.IAMAudiencePattern).MatchString(cfg.Audience) {
		return nil, errors.New("identity: the IAM audience is not 1 to 256 printable characters without spaces")
	}
	if cfg.Roles == nil {
		return nil, errors.New("identity: nothing gives roles to IAM callers")
	}
	allowed := stsHosts.MatchString
	if cfg.Endpoint != "" {
		u, err := url.Parse(cfg.Endpoint)
		if err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" ||
			u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, errors.New("identity: the STS endpoint is not an https URL of a host alone")
		}
		allowed = func(host string) bool { return host == u.Host }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	client := newOutbound(cfg.HTTPClient, stsBody, stsTimeout)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &IAM{
		cfg: cfg, allowed: allowed, client: client, health: &health{report: cfg.Report}, asking: make(chan struct{}, stsCalls),
		known: newAnswers(), refused: newAnswers(), unasked: newAnswers(), keys: newAnswers(),
	}, nil
}

// Authenticate implements Authenticator.
func (i *IAM) Authenticate(r *http.Request) (policy.Caller, error) {
	token, err := bearer(r)
	if err != nil {
		return policy.Caller{}, err
	}
	encoded, ok := strings.CutPrefix(token, piinguinv1.IAMPrefix)
	if !ok {
		return policy.Caller{}, UnknownToken
	}
	asked, err := parsePresigned(encoded, i.allowed, i.cfg.Now())
	if err != nil {
		return policy.Caller{}, err
	}
	name, err := i.name(r, sha256.Sum256([]byte(encoded)), asked)
	if err != nil || name == "" {
		return policy.Caller{}, cmp.Or(err, error(RefusedBySTS))
	}
	// Only the name is kept: roles may be changed while a token is valid.
	roles, known := i.cfg.Roles(name)
	if !known {
		return policy.Caller{}, NotInCallersFile
	}
	return policy.Caller{Name: name, Authentication: "iam", Roles: roles}, nil
}

// name returns who signed; "" is nobody. Requests with one token share one question, which
// goes on if one of them goes away.
func (i *IAM) name(r *http.Request, token [sha256.Size]byte, asked presigned) (string, error) {
	now := i.cfg.Now()
	for _, kept := range []*answers{i.known, i.refused} {
		if name, found := kept.get(token, now); found {
			return name, nil
		}
	}
	if _, found := i.unasked.get(token, now); found {
		return "", ErrUnavailable
	}
	if _, proven := i.keys.get(sha256.Sum256([]byte(asked.accessKey)), now); !proven {
		if err := i.cfg.Guesses.mayAsk(r); err != nil {
			return "", err
		}
	}
	flight := i.flights.DoChan(string(token[:]), func() (any, error) {
		return i.ask(r.WithContext(context.WithoutCancel(r.Context())), token, asked)
	})
	select {
	case <-r.Context().Done():
		return "", CallerGone
	case answer := <-flight:
		name, _ := answer.Val.(string) // "" of none
		return name, answer.Err
	}
}

// ask asks STS and keeps the answer. Every AWS account can sign tokens that STS
// confirms, so only names with roles take the place that callers need. "" is nobody.
func (i *IAM) ask(r *http.Request, token [sha256.Size]byte, asked presigned) (string, error) {
	name, err := i.askSTS(r.Context(), asked.url)
	now := i.cfg.Now()
	if errors.Is(err, ErrUnavailable) { // which is not the caller's fault
		i.unasked.put(token, "", now.Add(keptRefusals), now)
		return "", ErrUnavailable
	}
	if err == nil {
		if _, known := i.cfg.Roles(name); known {
			i.known.put(token, name, asked.until, now)
			i.keys.put(sha256.Sum256([]byte(asked.accessKey)), name, now.Add(keptKeys), now)
			return name, nil
		}
		// STS has nothing more to say of this token. Its name may be given roles meanwhile.
		i.refused.put(token, name, asked.until, now)
	} else {
		i.refused.put(token, "", now.Add(keptRefusals), now)
	}
	i.cfg.Guesses.askedInVain(r)
	return name, nil
}
