package identity

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
)

// maxEarly is how far nbf may be ahead of this server's clock.
const maxEarly = 5 * time.Minute

// claims are what a token says, by their exact names: this package of JSON takes "Aud" for another
// claim than aud, and refuses a name that is there twice. encoding/json and go-oidc do neither.
type claims map[string]jsontext.Value

// parseClaims reads the payload of a token.
func parseClaims(payload []byte) (claims, error) {
	var c claims
	err := json.Unmarshal(payload, &c)
	return c, err
}

// text returns a claim that is a string; "" is none.
func (c claims) text(name string) string {
	var text string
	if json.Unmarshal(c[name], &text) != nil {
		return ""
	}
	return text
}

// inTime returns nil if a token is valid at now, else a Cause: exp must be there and in the future, nbf
// may be missing. Both are numbers of seconds (RFC 7519 section 2).
func (c claims) inTime(now time.Time) error {
	var exp, nbf float64
	switch {
	case json.Unmarshal(c["exp"], &exp) != nil || c["nbf"] != nil && json.Unmarshal(c["nbf"], &nbf) != nil:
		return MalformedToken
	case unix(now) >= exp:
		return ExpiredToken
	case nbf > unix(now.Add(maxEarly)):
		return EarlyToken
	}
	return nil
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// audience returns aud, which is a list or one string (RFC 7519 section 4.1.3).
func (c claims) audience() []string {
	var list []string
	if json.Unmarshal(c["aud"], &list) == nil {
		return list
	}
	return []string{c.text("aud")}
}

// meant reports whether a token is for this server.
func (o *OIDC) meant(c claims) bool {
	if c["aud"] == nil && o.cfg.ClientIDAsAudience {
		return c.text("client_id") == o.cfg.Audience
	}
	return slices.Contains(c.audience(), o.cfg.Audience)
}

// at returns a claim by its name, or of nested objects by their names with dots between. The
// whole text counts first: a name may be a URL. It is nil if there is none.
func (c claims) at(path string) jsontext.Value {
	if found := c[path]; found != nil {
		return found
	}
	for at, char := range path {
		if char != '.' {
			continue
		}
		nested, err := parseClaims(c[path[:at]])
		if err != nil {
			continue
		}
		if found := nested.at(path[at+1:]); found != nil {
			return found
		}
	}
	return nil
}

// caller reads the caller from a verified token's claims.
func (o *OIDC) caller(c claims) (policy.Caller, error) {
	var name string
	if json.Unmarshal(c.at(o.cfg.CallerClaim), &name) != nil || !validName(name) {
		return policy.Caller{}, BadName
	}
	roles, err := o.roles(name, c)
	if err != nil {
		return policy.Caller{}, err
	}
	return policy.Caller{Name: name, Authentication: "oidc", Roles: roles}, nil
}

// validName reports whether the ledger can record a name as it is, and a reviewer sees whose it is.
func validName(name string) bool {
	return len(name) <= piinguinv1.MaxCaller && utf8.ValidString(name) &&
		!strings.ContainsRune(name, utf8.RuneError) && // what was no text is not told apart
		!piinguinv1.HasControl(name) && !piinguinv1.HasFormat(name) &&
		piinguinv1.IsVisible(name) && strings.TrimSpace(name) == name
}

// roles returns the roles of a name, at least one, or a Cause.
func (o *OIDC) roles(name string, c claims) ([]policy.Role, error) {
	if o.cfg.RolesClaim == "" {
		if roles, known := o.cfg.Roles(name); known {
			return roles, nil
		}
		return nil, NotInCallersFile
	}
	names, ok := words(c.at(o.cfg.RolesClaim))
	if !ok {
		return nil, NoRole
	}
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		_, err := policy.ParseRoles([]string{name})
		return err != nil // of other services: an issuer's list is for all of them
	})
	// What is left may still be too much for one caller: it then has nothing at all,
	// since which role to take away is not ours to choose.
	roles, err := policy.ParseRoles(names)
	if err != nil && !slices.Contains(names, string(policy.Auditor)) {
		return nil, NoRole
	}
	if err == nil && o.cfg.Given != nil {
		_, err = policy.ParseRoles(append(names, o.cfg.Given(name)...))
	}
	if err != nil {
		return nil, TwoRolesConflict
	}
	return roles, nil
}

// words reads a list of strings, or a string with spaces between words as scope
// is (RFC 8693 section 4.2).
func words(claim jsontext.Value) ([]string, bool) {
	var list []string
	if json.Unmarshal(claim, &list) == nil {
		return list, true
	}
	var text string
	if json.Unmarshal(claim, &text) != nil {
		return nil, false
	}
	return strings.Fields(text), true
}
