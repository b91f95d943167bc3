package identity

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	maxExpires = 15 * time.Minute // of a URL, from when it was signed
	maxAhead   = 5 * time.Minute  // of the signer's clock
)

// stsHosts are AWS's own (AWS General Reference, Security Token Service endpoints).
// Whoever could choose another host could answer with any name.
var stsHosts = regexp.MustCompile(`^sts\.([a-z]{2}(-[a-z]+){1,2}-[0-9]{1,2}\.)?amazonaws\.com$|` +
	`^sts\.cn(-[a-z]+){1,2}-[0-9]{1,2}\.amazonaws\.com\.cn$`)

// presignedParameters are all that a presigned GetCallerIdentity consists of (IAM
// User Guide, Signature Version 4, query parameters). Only the security token may be
// left out, by users' long-lived keys. No header beyond the two may be signed: the
// server would have to send what it does not know.
var presignedParameters = map[string]*regexp.Regexp{
	"Action":               regexp.MustCompile(`^GetCallerIdentity$`),
	"Version":              regexp.MustCompile(`^2011-06-15$`),
	"X-Amz-Algorithm":      regexp.MustCompile(`^AWS4-HMAC-SHA256$`),
	"X-Amz-Credential":     regexp.MustCompile(`^[A-Za-z0-9_]{16,128}/[0-9]{8}/[a-z0-9-]{1,32}/sts/aws4_request$`),
	"X-Amz-Date":           regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z$`),
	"X-Amz-Expires":        regexp.MustCompile(`^[1-9][0-9]{0,2}$`),
	"X-Amz-Security-Token": regexp.MustCompile(`^[A-Za-z0-9+/=_-]+$`),
	"X-Amz-SignedHeaders":  regexp.MustCompile(`^host;x-piinguin-audience$`),
	"X-Amz-Signature":      regexp.MustCompile(`^[0-9a-f]{64}$`),
}

// presigned is a presigned GetCallerIdentity that may be asked.
type presigned struct {
	url       string // put together anew: nothing is in it that was not checked
	accessKey string // whose secret is said to have signed it
	until     time.Time
}

// parsePresigned reads what follows piinguinv1.IAMPrefix. It returns a Cause for all that is not
// exactly a presigned GetCallerIdentity for one of the hosts, valid at now.
func parsePresigned(encoded string, allowed func(host string) bool, now time.Time) (presigned, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return presigned{}, MalformedAWSToken
	}
	u, err := url.Parse(string(raw))
	if err != nil || u.Scheme != "https" || u.User != nil || u.Path != "/" || u.Fragment != "" || !allowed(u.Host) {
		return presigned{}, MalformedAWSToken
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || !exact(query) {
		return presigned{}, MalformedAWSToken
	}
	until, err := validity(query.Get("X-Amz-Date"), query.Get("X-Amz-Expires"), now)
	if err != nil {
		return presigned{}, err
	}
	accessKey, _, _ := strings.Cut(query.Get("X-Amz-Credential"), "/")
	return presigned{"https://" + u.Host + "/?" + query.Encode(), accessKey, until}, nil
}

// exact reports whether a query has each of presignedParameters once and no other.
func exact(query url.Values) bool {
	for name := range query {
		if presignedParameters[name] == nil {
			return false
		}
	}
	for name, pattern := range presignedParameters {
		values := query[name]
		if len(values) == 0 && name == "X-Amz-Security-Token" {
			continue
		}
		if len(values) != 1 || !pattern.MatchString(values[0]) {
			return false
		}
	}
	return true
}

// validity returns when a URL ends, or a Cause if it is not valid at now.
func validity(date, expires string, now time.Time) (time.Time, error) {
	from, err := time.Parse("20060102T150405Z", date)
	if err != nil {
		return time.Time{}, MalformedAWSToken
	}
	seconds, err := strconv.Atoi(expires)
	lasts := time.Duration(seconds) * time.Second
	until := from.Add(lasts)
	switch {
	case err != nil || lasts > maxExpires:
		return time.Time{}, MalformedAWSToken
	case from.After(now.Add(maxAhead)):
		return time.Time{}, EarlyToken
	case !now.Before(until):
		return time.Time{}, ExpiredToken
	}
	return until, nil
}
