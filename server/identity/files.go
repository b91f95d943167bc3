package identity

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/piinguin/piinguin/internal/hotfile"
	"github.com/piinguin/piinguin/server/policy"
)

// Files say who may call: a token file, a callers file, or both.
type Files struct{ file *hotfile.Files[contents] }

// contents are the files as they were read together.
type contents struct {
	tokens []token
	roles  roles
	all    given
}

// given are the roles of each name by all files, whatever proves it.
type given map[string][]string

// add adds a line's roles to those of its name, which must not become reader and auditor.
func (g given) add(name, names string) error {
	g[name] = append(g[name], strings.Split(names, ",")...)
	if _, err := policy.ParseRoles(g[name]); err != nil {
		return fmt.Errorf("with the other lines of its name, by any method: %w", err)
	}
	return nil
}

// OpenFiles reads a token file, as ParseTokens does, and a callers file, as ParseDirectory does;
// the path of one may be empty. It reads them again when one was changed: at most once a second,
// when somebody calls. A removed line ends the use of its token or name.
//
// They are one: if a file cannot be read or parsed, or both together make somebody reader and
// auditor, what both said before stays in force, and report tells why; it gets nil for a change
// that was taken. Texts are fixed, with a line's number and never its content. now is the clock.
//
// fixed is a caller that stands in no file, whose roles count with those of its name; the zero
// Caller is nobody.
func OpenFiles(tokens, callers string, fixed policy.Caller, now func() time.Time, report func(error)) (*Files, error) {
	var paths []string
	var parsers []func(*contents, io.Reader) error
	if tokens != "" {
		paths = append(paths, tokens)
		parsers = append(parsers, func(c *contents, r io.Reader) (err error) {
			c.tokens, err = parseTokens(r, c.all)
			return err
		})
	}
	if callers != "" {
		paths = append(paths, callers)
		parsers = append(parsers, func(c *contents, r io.Reader) (err error) {
			c.roles, err = parseDirectory(r, c.all)
			return err
		})
	}
	file, err := hotfile.Open(hotfile.Source[contents]{
		Paths: paths, Now: now, Report: report,
		Parse: func(texts [][]byte) (contents, error) {
			c := contents{all: given{fixed.Name: namesOf(fixed.Roles)}}
			for i, text := range texts {
				if err := parsers[i](&c, bytes.NewReader(text)); err != nil {
					return contents{}, err
				}
			}
			return c, nil
		},
	})
	if err != nil {
		return nil, err
	}
	return &Files{file}, nil
}

func namesOf(roles []policy.Role) []string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return names
}

// Tokens returns who is known by a token. now is the clock by which tokens end.
func (f *Files) Tokens(now func() time.Time) *Tokens { return &Tokens{file: f.file, now: now} }

// Directory returns what the callers file says.
func (f *Files) Directory() *Directory { return &Directory{file: f.file} }

// Given returns the roles of a name by all lines of the files, whatever proves it.
func (f *Files) Given(name string) []string { return f.file.Current().all[name] }
