package identity

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/piinguin/piinguin/server/policy"
)

// Tokens knows bearer tokens (RFC 6750) by their SHA-256 hashes. The zero Tokens knows none.
type Tokens struct{ known []token }

type token struct {
	hash   [sha256.Size]byte
	caller Caller
}

// ParseTokens reads a token file. Each line that is neither empty nor begins with
// # is
//
//	<name> <role>[,<role>...] <SHA-256 of the token, 64 hexadecimal digits>
//
// with roles of writer, reader, eraser and auditor. A name is 1 to 128 letters,
// digits and @ . _ : / -, and may stand in several lines, so that a token can be
// changed without a pause. Errors name the line, never what it holds.
func ParseTokens(r io.Reader) (*Tokens, error) {
	t := &Tokens{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := t.parse(line); err != nil {
			return nil, fmt.Errorf("identity: token file line %d: %w", n, err)
		}
	}
	if lines.Err() != nil {
		return nil, errors.New("identity: token file: cannot be read")
	}
	return t, nil
}

func (t *Tokens) parse(line string) error {
	fields := strings.Fields(line)
	if len(fields) != 3 {
		return errors.New("not three fields: name, roles, SHA-256 hash")
	}
	if !namePattern.MatchString(fields[0]) {
		return errors.New("the name has other characters than letters, digits and @ . _ : / -")
	}
	roles, err := policy.ParseRoles(strings.Split(fields[1], ","))
	if err != nil {
		return err
	}
	hash, err := hex.DecodeString(fields[2])
	if err != nil || len(hash) != sha256.Size {
		return errors.New("the hash is not 64 hexadecimal digits")
	}
	return t.add(token{[sha256.Size]byte(hash), Caller{fields[0], "token", roles}})
}

func (t *Tokens) add(added token) error {
	for _, k := range t.known {
		if k.hash == added.hash {
			return errors.New("the same token stands in an earlier line")
		}
	}
	t.known = append(t.known, added)
	return nil
}

// DevTokens returns the four tokens of a server started with --dev, one a role:
// dev-writer, dev-reader, dev-eraser and dev-auditor.
func DevTokens() *Tokens {
	t := &Tokens{}
	for _, role := range []policy.Role{policy.Writer, policy.Reader, policy.Eraser, policy.Auditor} {
		name := "dev-" + string(role)
		t.known = append(t.known, token{sha256.Sum256([]byte(name)), Caller{name, "token", []policy.Role{role}}})
	}
	return t
}

// Authenticate implements Authenticator. The time that it takes says nothing of the
// tokens.
func (t *Tokens) Authenticate(r *http.Request) (Caller, error) {
	token := bearer(r)
	if token == "" {
		return Caller{}, ErrUnknown // whatever the file says of the empty text
	}
	hash := sha256.Sum256([]byte(token))
	found := -1
	for i := range t.known {
		if subtle.ConstantTimeCompare(hash[:], t.known[i].hash[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Caller{}, ErrUnknown
	}
	return t.known[found].caller, nil
}
