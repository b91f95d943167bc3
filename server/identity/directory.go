package identity

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/piinguin/piinguin/internal/hotfile"
	"github.com/piinguin/piinguin/server/policy"
)

// Directory says which roles a caller has whose name is proven elsewhere: by a
// certificate, an issuer or AWS. Who does not stand in it is nobody, whatever was
// proven. The zero Directory knows nobody.
type Directory struct {
	fixed roles
	file  *hotfile.Files[contents] // in place of fixed, if not nil
}

type roles map[proven][]policy.Role

// proven is a name and how it is proven: a name of one kind says nothing of the same
// name of another kind.
type proven struct{ method, name string }

// methods are the values of policy.Caller.Authentication that take roles from a Directory.
var methods = []string{"mtls", "iam", "oidc"}

// ParseDirectory reads a callers file. Each line that is neither empty nor begins
// with # is
//
//	<method> <name> <role>[,<role>...]
//
// with a method of mtls, iam and oidc, a name as in a token file and exactly as the
// credential has it, and roles as in a token file. A caller has one line. The roles of a name
// count together, whatever the method: nobody is reader by one and auditor by another. Errors name
// the line, never what it holds.
func ParseDirectory(r io.Reader) (*Directory, error) {
	fixed, err := parseDirectory(r, given{})
	if err != nil {
		return nil, err
	}
	return &Directory{fixed: fixed}, nil
}

// parseDirectory adds the roles of all lines to those that are given.
func parseDirectory(r io.Reader, all given) (roles, error) {
	known := roles{}
	err := eachLine(r, "callers file", func(fields []string) error {
		if err := known.parse(fields); err != nil {
			return err
		}
		return all.add(fields[1], fields[2])
	})
	return known, err
}

func (known roles) parse(fields []string) error {
	if len(fields) != 3 {
		return errors.New("not three fields: method, name, roles")
	}
	if !slices.Contains(methods, fields[0]) {
		return errors.New("the method is not one of mtls, iam, oidc")
	}
	if !namePattern.MatchString(fields[1]) {
		return errName
	}
	may, err := policy.ParseRoles(strings.Split(fields[2], ","))
	if err != nil {
		return err
	}
	caller := proven{fields[0], fields[1]}
	if known[caller] != nil {
		return errors.New("the same caller stands in an earlier line")
	}
	known[caller] = may
	return nil
}

// Roles returns the roles of a caller whose name was proven by a method, and whether
// the caller is known at all. They are not to be changed.
func (d *Directory) Roles(method, name string) ([]policy.Role, bool) {
	known := d.fixed
	if d.file != nil {
		known = d.file.Current().roles
	}
	found, ok := known[proven{method, name}]
	return found, ok
}
