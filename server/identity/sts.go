package identity

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

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

// isJSON tells the JSON that STS answers when asked to from the XML that it answers by itself.
func isJSON(body []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) }

func decodeAnswer(body []byte) (stsAnswer, error) {
	var answer struct{ GetCallerIdentityResponse stsAnswer }
	var err error
	if isJSON(body) {
		err = json.Unmarshal(body, &answer)
	} else {
		err = xml.Unmarshal(body, &answer.GetCallerIdentityResponse)
	}
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
	if err != nil {
		i.health.tell(unanswered(nil, err))
		return "", ErrUnavailable
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		i.health.tell(errCutAnswer)
		return "", ErrUnavailable
	}
	name, err := verdict(resp.StatusCode, body)
	if errors.Is(err, ErrUnavailable) {
		i.health.tell(noVerdict(resp.StatusCode))
		return "", err
	}
	i.health.tell(nil)
	return name, err
}

// errCutAnswer is an answer that ended too early, or would not end.
var errCutAnswer = errors.New("the answer is cut off, or larger than 64 KiB")

// noVerdict says in a fixed text what came in place of a verdict of STS, such as the page of a proxy.
func noVerdict(status int) error {
	if status >= http.StatusInternalServerError {
		return fmt.Errorf("status %d", status)
	}
	return fmt.Errorf("status %d without a verdict of STS", status)
}

// refusal is an answer of STS that does not confirm a request (AWS STS API Reference, common errors).
type refusal struct {
	XMLName xml.Name `json:"-" xml:"ErrorResponse"`
	Error   struct{ Code string }
}

// refused reports whether STS itself refuses a request for what is in it.
func refused(body []byte) bool {
	var r refusal
	var err error
	if isJSON(body) {
		err = json.Unmarshal(body, &r)
	} else {
		err = xml.Unmarshal(body, &r)
	}
	return err == nil && r.Error.Code != "" && !strings.HasPrefix(r.Error.Code, "Throttl")
}

// verdict returns whom STS names. ErrUnavailable: STS has not judged the credential, because what answered is
// something else, or STS is down or throttles. errSTS: it has.
func verdict(status int, body []byte) (string, error) {
	switch {
	case status == http.StatusOK:
		return parseAnswer(body)
	case status >= http.StatusBadRequest && status < http.StatusInternalServerError && status != http.StatusTooManyRequests && refused(body):
		return "", errSTS
	}
	return "", ErrUnavailable
}

// parseAnswer returns the caller's name: of a role its ARN without path, since the
// session's ARN, which STS answers, has none; of a user the ARN as it is. ErrUnavailable: it is no
// answer of STS.
func parseAnswer(body []byte) (string, error) {
	answer, err := decodeAnswer(body)
	if err != nil || answer.Result.UserID == "" || answer.Result.ARN == "" {
		return "", ErrUnavailable
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
