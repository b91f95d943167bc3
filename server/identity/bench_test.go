package identity_test

import (
	"net/http"
	"testing"

	"github.com/piinguin/piinguin/server/identity"
)

// BenchmarkAuthenticate is what it costs to find out who calls, by the kind of credential.
func BenchmarkAuthenticate(b *testing.B) {
	key, c := newECDSA(b, "e1"), newTestClock()
	i := newTestIssuer(b, key)
	for name, with := range map[string]struct {
		callers identity.Authenticator
		token   string
	}{
		"token": {identity.DevTokens(), "dev-reader"},
		"JWT":   {newTestOIDC(b, i, c, nil), key.sign(b, i.claims(c, nil))},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			r := (&http.Request{Header: http.Header{"Authorization": {"Bearer " + with.token}}}).WithContext(b.Context())
			for b.Loop() {
				if _, err := with.callers.Authenticate(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
