package identity

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"regexp"

	"github.com/go-json-experiment/json"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// stsAnswer is a GetCallerIdentityResponse (AWS STS API Reference).
type stsAnswer struct {
	XMLName xml.Name `json:"-" xml:"GetCallerIdentityResponse"`
	Result  struct {
		ARN     string `json:"Arn" xml:"Arn"`
		Account string `json:"Account" xml:"Account"`
		UserID  string `json:"UserId" xml:"UserId"`
	} `json:"GetCallerIdentityResult" xml:"GetCallerIdentityResult"`
}

// decodeAnswer reads the XML that STS answers by itself, or the JSON that it answers
// when asked to.
func decodeAnswer(body []byte) (stsAnswer, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		var answer stsAnswer
		err := xml.Unmarshal(body, &answer)
		return answer, err
	}
	var answer struct{ GetCallerIdentityResponse stsAnswer }
	err := json.Unmarshal(body, &answer)
	return answer.GetCallerIdentityResponse, err
}

// The two kinds of callers (IAM User Guide, IAM identifiers). Not among them are
// root, and federated users, whose names anyone with GetFederationToken makes up.
var (
	roleARN = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):sts::([0-9]{12}):assumed-role/([A-Za-z0-9_+=,.@-]{1,64})/[A-Za-z0-9_+=,.@-]{2,64}$`)
	userARN = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):iam::([0-9]{12}):user/[!-~]{1,576}$`)
)

// errSTS has no text of STS, which quotes requests.
var errSTS = errors.New("identity: STS did not confirm")

// askSTS sends the URL with the server's own audience, and returns the name of who
// signed it for that. ErrUnavailable: STS could not be asked.
func (i *IAM) askSTS(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, stsTimeout)
	defer cancel()
	select {
	case i.asking <- struct{}{}:
		defer func() { <-i.asking }()
	case <-ctx.Done():
		return "", ErrUnavailable
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", errSTS
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set(piinguinv1.IAMAudienceHeader, i.cfg.Audience)
	resp, err := i.client.Do(r)
	if err == nil && resp.StatusCode < http.StatusInternalServerError { // others say how STS is
		i.health.tell(nil)
	} else {
		i.health.tell(unanswered(resp, err))
	}
	if err != nil {
		return "", ErrUnavailable
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil || resp.StatusCode >= http.StatusInternalServerError:
		return "", ErrUnavailable
	case resp.StatusCode != http.StatusOK:
		return "", errSTS
	}
	return parseAnswer(body)
}

// parseAnswer returns the caller's name: of a role its ARN without path, since the
// session's ARN, which STS answers, has none; of a user the ARN as it is.
func parseAnswer(body []byte) (string, error) {
	answer, err := decodeAnswer(body)
	if err != nil || answer.Result.UserID == "" {
		return "", errSTS
	}
	arn, account := answer.Result.ARN, answer.Result.Account
	if role := roleARN.FindStringSubmatch(arn); role != nil && role[2] == account {
		return "arn:" + role[1] + ":iam::" + account + ":role/" + role[3], nil
	}
	if user := userARN.FindStringSubmatch(arn); user != nil && user[2] == account && validName(arn) {
		return arn, nil
	}
	return "", errSTS
}
