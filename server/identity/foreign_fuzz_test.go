package identity

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/piinguin/piinguin/internal/certtest"
)

// FuzzParseAnswer: whatever STS answers, it is refused in fixed words, or names a role or a user of the
// account that it names.
func FuzzParseAnswer(f *testing.F) {
	for _, arn := range []string{
		"arn:aws:sts::123456789012:assumed-role/piinguin-relay/session", "arn:aws:iam::123456789012:user/team/bob", "arn:aws:iam::123456789012:root",
		"arn:aws:sts::123456789012:federated-user/bob", "arn:aws:sts::000000000000:assumed-role/piinguin-relay/session",
	} {
		f.Add([]byte(`{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"123456789012","Arn":"` + arn + `","UserId":"AROA:x"}}}`))
		f.Add([]byte(`<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>` + arn + `</Arn><UserId>AROA:x</UserId><Account>123456789012</Account>` +
			`</GetCallerIdentityResult></GetCallerIdentityResponse>`))
	}
	f.Add([]byte(`{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"123456789012","Arn":"arn:aws:iam::123456789012:user/bob"}}}`))
	f.Add([]byte(`<ErrorResponse/>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		name, err := parseAnswer(body)
		if err != nil {
			if name != "" || !errors.Is(err, errSTS) && !errors.Is(err, ErrUnavailable) {
				t.Errorf("%q, %v", name, err)
			}
			return
		}
		given, err := decodeAnswer(body)
		parts := strings.SplitN(name, ":", 6)
		if err != nil || given.Result.UserID == "" || !validName(name) || len(parts) != 6 || parts[2] != "iam" || parts[4] != given.Result.Account ||
			!strings.Contains(given.Result.ARN, "::"+parts[4]+":") || !strings.HasPrefix(parts[5], "role/") && !strings.HasPrefix(parts[5], "user/") {
			t.Errorf("the answer names %q", name)
		}
	})
}

// FuzzUsable: whatever an issuer publishes, what is passed on is a set that go-jose parses whole, of public
// keys that came from it.
func FuzzUsable(f *testing.F) {
	const ec = `{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"`
	f.Add([]byte(`{"keys":[` + ec + `,"kid":"1","use":"sig"},` + ec + `,"use":"enc"},{"kty":"OKP","crv":"Ed448","x":"AA"}]}`))
	f.Add([]byte(`{"keys":[` + ec + `,"d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"},{"kty":"oct","k":"AA"},null,1]}`))
	f.Add([]byte(`{"keys":[` + ec + `,"alg":"ES256","key_ops":["verify"]},` + ec + `,"alg":"RSA-OAEP"},` + ec + `,"alg":"ES256","Alg":"ES384","alg":"ES384"}]}`))
	f.Add([]byte(`{"keys":null}`))
	f.Add([]byte(`{"keys":[]}{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		good, problem := usable(text)
		if good == nil {
			if problem == nil {
				t.Error("nothing is passed on, and nothing is wrong")
			}
			return
		}
		var keys jose.JSONWebKeySet
		if err := json.Unmarshal(setOf(good), &keys); err != nil || len(keys.Keys) != len(good) {
			t.Fatalf("%+v is passed on: %v", good, err)
		}
		if problem == nil && len(keys.Keys) == 0 {
			t.Error("no key is passed on, and nothing is wrong")
		}
		for _, key := range keys.Keys {
			if alg := jose.SignatureAlgorithm(key.Algorithm); !key.Valid() || !key.IsPublic() || key.Use == "enc" || alg != "" && !slices.Contains(signatures, alg) {
				t.Errorf("a key is passed on: %+v", key)
			}
		}
	})
}

// FuzzParseBundle: a file that is taken has an authority for each of its blocks.
func FuzzParseBundle(f *testing.F) {
	authority := string(certtest.NewAuthority(f, "clients").PEM())
	for _, text := range []string{
		"", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"-----BEGIN CERTIFICATE-----\nAA", authority, authority + authority, authority + "-----BEGIN CERTIFICATE-----\nAA", "note\n" + authority,
		strings.ReplaceAll(authority, "CERTIFICATE", "PRIVATE KEY"),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := parseBundle(text)
		if err != nil {
			if b.pool != nil || !strings.HasPrefix(err.Error(), "identity: client CA file: ") {
				t.Errorf("refused with %v", err)
			}
			return
		}
		if blocks := strings.Count(string(text), "-----BEGIN CERTIFICATE-----"); len(b.known) == 0 || len(b.known) > blocks || b.pool.Equal(x509.NewCertPool()) {
			t.Errorf("%d authorities of %d blocks", len(b.known), blocks)
		}
	})
}

// FuzzSPIFFEID: whatever names a certificate has, a SPIFFE ID of it is one of them as it stands there, and
// a URL parser finds nothing in it but scheme, trust domain and path.
func FuzzSPIFFEID(f *testing.F) {
	for _, names := range [][]string{
		{"spiffe://acme.com/relay"}, {"SPIFFE://acme.com/relay"}, {"spiffe://acme.com/relay#"}, {"spiffe://acme.com/a", "spiffe://acme.com/b"},
		{"spiffe://acme.com/../x"}, {"spiffe://acme.com:1/x"}, {"https://acme.com/relay"}, nil,
	} {
		var values []asn1.RawValue
		for _, name := range names {
			values = append(values, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: uriTag, Bytes: []byte(name)})
		}
		der, err := asn1.Marshal(values)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		id, ok := spiffeID(&x509.Certificate{Extensions: []pkix.Extension{{Id: alternativeNames, Value: der}}})
		if !ok {
			return
		}
		u, err := url.Parse(id)
		if err != nil || !strings.Contains(string(der), id) || "spiffe://"+u.Host+u.Path != id || u.Port() != "" || u.JoinPath().Path != u.Path {
			t.Errorf("%q is taken: %v", id, err)
		}
	})
}
