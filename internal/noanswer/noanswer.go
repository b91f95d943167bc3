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

// kind is a kind of failure, for a program and for people.
type kind struct{ code, text string }

// Why returns the text for the error of a call over the network.
func Why(err error) string { return kindOf(err).text }

// Code returns a code for the same, such as ConnectionRefused.
func Code(err error) string { return kindOf(err).code }

func kindOf(err error) kind {
	var (
		name    *net.DNSError
		trust   *tls.CertificateVerificationError
		timeout net.Error
	)
	switch {
	case errors.As(err, &name): // before the time-out, which it may be as well
		return kind{"NameNotFound", "no answer: the name cannot be looked up"}
	case errors.As(err, &trust):
		return kind{"CertificateNotTrusted", "no answer: the certificate is not trusted"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return kind{"ConnectionRefused", "no answer: the connection is refused"}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return kind{"NoAnswerInTime", "no answer in time"}
	}
	return kind{"NoAnswer", "no answer"}
}
