package identity

import (
	"crypto/x509"
	"encoding/asn1"
	"regexp"
)

// spiffePattern is a SPIFFE ID with a path, as a workload's is (SPIFFE-ID section 2: no port, no
// user, no query, no fragment, no percent-encoding, no segment that is empty, . or ..).
var spiffePattern = regexp.MustCompile(`^spiffe://[a-z0-9._-]{1,255}(/([A-Za-z0-9_-]|\.[A-Za-z0-9_-]|\.\.[A-Za-z0-9._-])[A-Za-z0-9._-]*)+$`)

var alternativeNames = asn1.ObjectIdentifier{2, 5, 29, 17} // RFC 5280 section 4.2.1.6

// uriTag is the tag of a uniformResourceIdentifier among them.
const uriTag = 6

// spiffeID returns the one URI of a certificate as it stands there, if it is a SPIFFE ID. The URIs
// that crypto/x509 has parsed do not tell SPIFFE://acme.com/relay or spiffe://acme.com/relay#
// from spiffe://acme.com/relay.
func spiffeID(c *x509.Certificate) (string, bool) {
	var found []string
	for _, e := range c.Extensions {
		if !e.Id.Equal(alternativeNames) {
			continue
		}
		var names []asn1.RawValue
		if _, err := asn1.Unmarshal(e.Value, &names); err != nil {
			return "", false
		}
		for _, name := range names {
			if name.Class == asn1.ClassContextSpecific && name.Tag == uriTag {
				found = append(found, string(name.Bytes))
			}
		}
	}
	if len(found) != 1 || !spiffePattern.MatchString(found[0]) {
		return "", false
	}
	return found[0], true
}
