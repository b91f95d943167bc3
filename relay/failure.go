package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"syscall"

	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/rpc/client"
)

// Failure says why pairs could not be stored now. Its text is one of a fixed set, of which
// client.Fault has some,
// and it wraps nothing: what a server, a proxy or a library says may quote what
// was sent.
type Failure struct {
	// Code is the server's Twirp code, or the one that fits what happened on the way.
	Code twirp.ErrorCode
	text string
}

// Error implements error.
func (f *Failure) Error() string { return "relay: " + f.text + " (" + string(f.Code) + ")" }

// classify finds the cause of a call that failed. Every failure on the way comes
// as the code internal from Twirp, so the cause is looked for first.
func classify(err error) *Failure {
	var (
		answer  twirp.Error
		timeout net.Error
		name    *net.DNSError
		trust   *tls.CertificateVerificationError
		onWay   *url.Error
	)
	words, isFault := client.Fault(err)
	switch {
	case errors.Is(err, context.Canceled):
		return &Failure{twirp.Canceled, "interrupted before the server answered"}
	case errors.As(err, &name): // before the time-out, which this may be as well
		return &Failure{twirp.Unavailable, "the server's name could not be looked up"}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return &Failure{twirp.DeadlineExceeded, "the server did not answer in time"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Failure{twirp.Unavailable, "nothing listens at the server's address"}
	case errors.As(err, &trust):
		return &Failure{twirp.Unavailable, "the server's certificate is not trusted"}
	case isFault && errors.As(err, &answer):
		return &Failure{known(answer.Code()), words}
	case errors.As(err, &onWay), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return &Failure{twirp.Unavailable, "the connection to the server was lost"}
	case errors.As(err, &answer):
		return failureOf(known(answer.Code()))
	default:
		return failureOf(twirp.Internal)
	}
}

// known keeps a code from elsewhere within the closed set. Twirp counts the empty
// code, which means no error, as valid.
func known(code twirp.ErrorCode) twirp.ErrorCode {
	if code != twirp.NoError && twirp.IsValidErrorCode(code) {
		return code
	}
	return twirp.Unknown
}

func failureOf(code twirp.ErrorCode) *Failure {
	switch code {
	case twirp.Unauthenticated:
		return &Failure{code, "the server does not accept the token"}
	case twirp.PermissionDenied:
		return &Failure{code, "the token may not create records"}
	case twirp.BadRoute:
		return &Failure{code, "there is no Piinguin at the server's address"}
	case twirp.Unavailable:
		return &Failure{code, "the server, its store or its ledger is unavailable"}
	case twirp.ResourceExhausted:
		return &Failure{code, "the server has too much to do"}
	case twirp.DeadlineExceeded:
		return &Failure{code, "the server ran out of time"}
	default:
		return &Failure{code, "the server failed"}
	}
}
