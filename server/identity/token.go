package identity

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/piinguin/piinguin/internal/hotfile"
	"github.com/piinguin/piinguin/server/policy"
)

// Tokens knows bearer tokens (RFC 6750) by their SHA-256 hashes. The zero Tokens knows none.
type Tokens struct {
	fixed []token
	file  *hotfile.Files[contents] // in place of fixed, if not nil
	now   func() time.Time         // nil means time.Now
}

type token struct {
	hash    [sha256.Size]byte
	caller  policy.Caller
	expires time.Time // the first moment at which it is unknown; zero is never
}

// ParseTokens reads a token file. Each line that is neither empty nor begins with
// # is
//
//	<name> <role>[,<role>...] <SHA-256 of the token, 64 hexadecimal digits> [expires=<time>]
//
// with roles of writer, reader, eraser and auditor. A name is 1 to 256 letters,
// digits and @ . _ : / + = -, and may stand in several lines, so that a token can be
// changed without a pause; the roles of all its lines count together as those of one
// caller, who must not be reader and auditor. The time is of RFC 3339 in UTC, as 2027-01-31T12:00:00Z,
// or a day, as 2027-01-31, that is its first moment in UTC: from then on the token is
// unknown. Errors name the line, never what it holds.
func ParseTokens(r io.Reader) (*Tokens, error) {
	known, err := parseTokens(r, given{})
	if err != nil {
		return nil, err
	}
	return &Tokens{fixed: known}, nil
}

// parseTokens adds the roles of all lines to those that are given.
func parseTokens(r io.Reader, all given) ([]token, error) {
	var known []token
	lines := map[[sha256.Size]byte]bool{}
	err := eachLine(r, "token file", func(fields []string) error {
		t, err := parseToken(fields)
		if err != nil {
			return err
		}
		if lines[t.hash] {
			return errors.New("the same token stands in an earlier line")
		}
		lines[t.hash] = true
		known = append(known, t)
		return all.add(fields[0], fields[1])
	})
	return known, err
}

func parseToken(fields []string) (token, error) {
	if len(fields) != 3 && len(fields) != 4 {
		return token{}, errors.New("not three or four fields: name, roles, SHA-256 hash, expires=")
	}
	if !namePattern.MatchString(fields[0]) {
		return token{}, errName
	}
	roles, err := policy.ParseRoles(strings.Split(fields[1], ","))
	if err != nil {
		return token{}, err
	}
	hash, err := hex.DecodeString(fields[2])
	if err != nil || len(hash) != sha256.Size {
		return token{}, errors.New("the hash is not 64 hexadecimal digits")
	}
	t := token{hash: [sha256.Size]byte(hash), caller: policy.Caller{Name: fields[0], Authentication: "token", Roles: roles}}
	if len(fields) == 4 {
		t.expires, err = parseExpiry(fields[3])
	}
	return t, err
}

// expiryLayout is RFC 3339 in UTC, to the second.
const expiryLayout = "2006-01-02T15:04:05Z"

func parseExpiry(field string) (time.Time, error) {
	text, ok := strings.CutPrefix(field, "expires=")
	for _, layout := range []string{time.DateOnly, expiryLayout} {
		if t, err := time.Parse(layout, text); ok && err == nil && !t.IsZero() {
			return t, nil
		}
	}
	return time.Time{}, errors.New("the fourth field is not expires= with a day or a UTC time of RFC 3339")
}

// DevTokens returns the four tokens of a server started with --dev, one a role:
// dev-writer, dev-reader, dev-eraser and dev-auditor.
func DevTokens() *Tokens {
	t := &Tokens{}
	for _, role := range []policy.Role{policy.Writer, policy.Reader, policy.Eraser, policy.Auditor} {
		name := "dev-" + string(role)
		t.fixed = append(t.fixed, token{
			hash: sha256.Sum256([]byte(name)), caller: policy.Caller{Name: name, Authentication: "token", Roles: []policy.Role{role}},
		})
	}
	return t
}

// Authenticate implements Authenticator. The time that it takes says nothing of the
// tokens.
func (t *Tokens) Authenticate(r *http.Request) (policy.Caller, error) {
	sent, err := bearer(r)
	if err != nil {
		return policy.Caller{}, err // whatever the file says of the empty text
	}
	known := t.known()
	hash := sha256.Sum256([]byte(sent))
	found := -1
	for i := range known {
		if subtle.ConstantTimeCompare(hash[:], known[i].hash[:]) == 1 {
			found = i
		}
	}
	switch {
	case found < 0:
		return policy.Caller{}, UnknownToken
	case t.expired(known[found]):
		return policy.Caller{}, ExpiredToken
	}
	return known[found].caller, nil
}

func (t *Tokens) known() []token {
	if t.file == nil {
		return t.fixed
	}
	return t.file.Current().tokens
}

func (t *Tokens) expired(k token) bool {
	if k.expires.IsZero() {
		return false
	}
	now := time.Now
	if t.now != nil {
		now = t.now
	}
	return !now().Before(k.expires)
}
