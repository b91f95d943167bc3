package identity

import "errors"

// Cause is an ErrUnknown that says why a request proves nobody. It is for the server's own log: a
// caller must not learn it. It is one of the constants and holds nothing of what was sent.
type Cause string

// The causes. What a token says of itself, as its issuer, may be made up.
const (
	NoCredential          Cause = "no_credential" //nolint:gosec // a word for the log
	TwoHeaders            Cause = "two_headers"
	NotBearer             Cause = "not_bearer"
	UnknownToken          Cause = "unknown_token" // of no form that somebody knows, or not in the token file
	ExpiredToken          Cause = "expired_token"
	EarlyToken            Cause = "early_token"
	MalformedToken        Cause = "malformed_token"
	MalformedAWSToken     Cause = "malformed_aws_token" //nolint:gosec // a word for the log
	RefusedBySTS          Cause = "refused_by_sts"
	UnknownIssuer         Cause = "unknown_issuer"
	BadSignature          Cause = "bad_signature"
	WrongAudience         Cause = "wrong_audience"
	BadName               Cause = "bad_name"
	NoRole                Cause = "no_role"
	TwoRolesConflict      Cause = "two_roles_conflict"
	NotInCallersFile      Cause = "not_in_callers_file"
	DistrustedCertificate Cause = "distrusted_certificate"
	CallerGone            Cause = "caller_gone"
)

// Error implements error.
func (c Cause) Error() string { return ErrUnknown.Error() + ": " + string(c) }

// Unwrap returns ErrUnknown.
func (c Cause) Unwrap() error { return ErrUnknown }

// CauseOf returns why a request proves nobody, or "" if the error does not say it.
func CauseOf(err error) Cause {
	var c Cause
	errors.As(err, &c)
	return c
}

// rank orders what several authenticators say of one request: the one for its kind of credential
// knows more than the others, to whom it is an unknown token or none.
func rank(err error) int {
	switch tooMany := (*TooManyError)(nil); {
	case errors.As(err, &tooMany) || errors.Is(err, ErrUnavailable):
		return 3
	case CauseOf(err) == UnknownToken || CauseOf(err) == NoCredential:
		return 1
	case CauseOf(err) != "":
		return 2
	}
	return 0
}
