package identity_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
)

func TestParseDirectory(t *testing.T) {
	d, err := identity.ParseDirectory(strings.NewReader("# who may call\r\n\r\n" +
		"mtls  spiffe://acme.com/relay\twriter\r\n" +
		"iam arn:aws:iam::123456789012:role/relay writer,eraser\n" +
		"oidc alice@acme.com reader\nmtls alice@acme.com writer"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, name string
		want         []policy.Role
	}{
		{"mtls", "spiffe://acme.com/relay", []policy.Role{policy.Writer}},
		{"iam", "arn:aws:iam::123456789012:role/relay", []policy.Role{policy.Writer, policy.Eraser}},
		{"oidc", "alice@acme.com", []policy.Role{policy.Reader}},
		{"mtls", "alice@acme.com", []policy.Role{policy.Writer}},
		{"iam", "alice@acme.com", nil},
		{"mtls", "spiffe://acme.com/relay/", nil},
		{"mtls", "SPIFFE://acme.com/relay", nil},
		{"mtls", "", nil},
		{"token", "alice@acme.com", nil},
	} {
		have, ok := d.Roles(c.method, c.name)
		if diff := cmp.Diff(c.want, have); diff != "" || ok != (c.want != nil) {
			t.Errorf("%s %s: %v %s", c.method, c.name, ok, diff)
		}
	}
	if _, ok := (&identity.Directory{}).Roles("mtls", "x"); ok {
		t.Error("an empty directory knows somebody")
	}
}

func TestParseDirectoryRefuses(t *testing.T) {
	for _, bad := range []string{
		"mtls CANARY", "mtls CANARY writer more", "CANARY x writer", "token CANARY writer", "mtls CANARY CANARY",
		"mtls CANARY reader,auditor", "mtls *CANARY writer", "mtls spiffe://CANARY/* writer", "mtls ČANARY writer",
		"mtls relay reader", "oidc CANARY reader\niam CANARY auditor", "mtls CANARY " + strings.Repeat("x", 1<<17),
	} {
		_, err := identity.ParseDirectory(strings.NewReader("mtls relay writer\n\n" + bad))
		if err == nil || strings.Contains(err.Error(), "CANARY") || !strings.Contains(err.Error(), fmt.Sprint("line ", 3+strings.Count(bad, "\n"))) {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
}

// FuzzParseDirectory: whatever a file holds, it is refused without a word of it, or
// nobody in it is both reader and auditor.
func FuzzParseDirectory(f *testing.F) {
	f.Add("mtls relay writer", "relay")
	f.Add("# nothing\n\noidc alice@acme.com reader,auditor", "alice@acme.com")
	f.Fuzz(func(t *testing.T, file, name string) {
		d, err := identity.ParseDirectory(strings.NewReader(file))
		if err != nil {
			wantNoWord(t, err, file)
			return
		}
		for _, method := range []string{"mtls", "iam", "oidc"} {
			roles, ok := d.Roles(method, name)
			if ok != (len(roles) > 0) || slices.Contains(roles, policy.Reader) && slices.Contains(roles, policy.Auditor) {
				t.Errorf("%s: roles %v, %v", method, roles, ok)
			}
		}
	})
}

// wantNoWord fails if an error quotes a longer word of a file.
func wantNoWord(t *testing.T, err error, file string) {
	t.Helper()
	for word := range strings.FieldsSeq(file) {
		if len(word) > 12 && strings.Contains(err.Error(), word) {
			t.Errorf("the error quotes the file: %v", err)
		}
	}
}
