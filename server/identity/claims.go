package identity

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
)

// meant reports whether a token is for this server.
func (o *OIDC) meant(audience []string, claims map[string]json.RawMessage) bool {
	if _, given := claims["aud"]; given || !o.cfg.ClientIDAsAudience {
		return slices.Contains(audience, o.cfg.Audience)
	}
	var client string
	return json.Unmarshal(claims["client_id"], &client) == nil && client == o.cfg.Audience
}

// claimAt returns a claim by its name, or of nested objects by their names with dots between. The
// whole text counts first: a name may be a URL. It is nil if there is none.
func claimAt(claims map[string]json.RawMessage, path string) json.RawMessage {
	if found := claims[path]; found != nil {
		return found
	}
	for at, c := range path {
		var nested map[string]json.RawMessage
		if c != '.' || json.Unmarshal(claims[path[:at]], &nested) != nil {
			continue
		}
		if found := claimAt(nested, path[at+1:]); found != nil {
			return found
		}
	}
	return nil
}

// caller reads the caller from a verified token's claims.
func (o *OIDC) caller(claims map[string]json.RawMessage) (policy.Caller, error) {
	var name string
	if json.Unmarshal(claimAt(claims, o.cfg.CallerClaim), &name) != nil || !validName(name) {
		return policy.Caller{}, ErrUnknown
	}
	roles, known := o.roles(name, claims)
	if !known {
		return policy.Caller{}, ErrUnknown
	}
	return policy.Caller{Name: name, Authentication: "oidc", Roles: roles}, nil
}

// validName reports whether the ledger can record a name as it is.
func validName(name string) bool {
	return name != "" && len(name) <= piinguinv1.MaxCaller && utf8.ValidString(name) &&
		!strings.ContainsRune(name, utf8.RuneError) && // what was no text is not told apart
		!piinguinv1.HasControl(name) && !piinguinv1.HasFormat(name)
}

func (o *OIDC) roles(name string, claims map[string]json.RawMessage) ([]policy.Role, bool) {
	if o.cfg.RolesClaim == "" {
		return o.cfg.Roles(name)
	}
	names, ok := words(claimAt(claims, o.cfg.RolesClaim))
	if !ok {
		return nil, false
	}
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		_, err := policy.ParseRoles([]string{name})
		return err != nil // of other services: an issuer's list is for all of them
	})
	// What is left may still be too much for one caller: it then has nothing at all,
	// since which role to take away is not ours to choose.
	roles, err := policy.ParseRoles(names)
	if err != nil {
		return nil, false
	}
	if o.cfg.Given != nil {
		_, err = policy.ParseRoles(append(names, o.cfg.Given(name)...))
	}
	return roles, err == nil
}

// words reads a list of strings, or a string with spaces between words as scope
// is (RFC 8693 section 4.2).
func words(claim json.RawMessage) ([]string, bool) {
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
