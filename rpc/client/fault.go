package client

import (
	"errors"
	"slices"

	"github.com/twitchtv/twirp"
)

// Fault returns in fixed words why a call of a Client could not be answered at all: the address says http
// and the port takes https, a redirect or another program answered, the credential is not accepted. It is
// for programs that log failures and must not log what a server says: the words quote nothing. Any other
// error, such as a refusal by the server, has none.
func Fault(err error) (words string, ok bool) {
	var (
		wrong   *answerError
		failure twirp.Error
	)
	switch {
	case errors.As(err, &wrong):
		return wrong.text, true
	case errors.Is(err, errAnswer):
		return "the answer does not show that it was done; perhaps another program answered", true
	case errors.As(err, &failure) && slices.Contains([]string{textRefused, textCertificate, textNobody}, failure.Msg()):
		return failure.Msg(), true
	}
	return "", false
}
