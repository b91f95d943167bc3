// Package noanswer says why another server did not answer, in fixed texts that may be logged.
//
//	resp, err := client.Do(r)
//	if err != nil {
//		return errors.New(noanswer.Why(err)) // "no answer: the connection is refused"
//	}
//
// It promises that nothing of the error is in the text: neither an address nor what was sent.
package noanswer

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"syscall"
)

// Why returns the text for the error of a call over the network.
func Why(err error) string {
	var (
		name    *net.DNSError
		trust   *tls.CertificateVerificationError
		timeout net.Error
	)
	switch {
	case errors.As(err, &name): // before the time-out, which it may be as well
		return "no answer: the name cannot be looked up"
	case errors.As(err, &trust):
		return "no answer: the certificate is not trusted"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "no answer: the connection is refused"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	}
	return "no answer"
}
