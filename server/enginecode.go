package server

import (
	"context"
	"errors"
	"regexp"
	"slices"
)

// coded is an error that knows why an engine failed: AccessDeniedException, SQLITE_FULL.
type coded interface{ EngineCode() string }

// codePattern is what a code may be. Engines make their codes from no value; should one slip in, the pattern
// stops what has digits, blanks or an @.
var codePattern = regexp.MustCompile(`^[A-Z][A-Za-z._]{0,63}$`)

// engineCode returns the code of what failed in the engine, for a log line. It is "Deadline" or
// "Canceled" if the time or the caller ended first, and "other" if nothing is known.
func engineCode(err error) string {
	var c coded
	switch {
	case errors.As(err, &c) && codePattern.MatchString(c.EngineCode()):
		return c.EngineCode()
	case errors.Is(err, context.DeadlineExceeded):
		return "Deadline"
	case errors.Is(err, context.Canceled):
		return "Canceled"
	}
	return "other"
}

// countedCodes are the codes that a metric has a label of its own for.
var countedCodes = []string{
	"AccessDeniedException", "ConditionalCheckFailedException", "ExpiredTokenException", "InternalServerError", "ItemCollectionSizeLimitExceededException",
	"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ResourceNotFoundException", "ThrottlingException",
	"TransactionConflictException", "UnrecognizedClientException", "ValidationException",
	"CertificateNotTrusted", "ConnectionRefused", "NameNotFound", "NoAnswer", "NoAnswerInTime", "NotAWS",
	"SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_CORRUPT", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_LOCKED", "SQLITE_NOMEM", "SQLITE_NOTADB",
	"SQLITE_PERM", "SQLITE_READONLY", "FileMoved", "FileClosed", "FileReadOnly", "DriverFailed", "Deadline", "Canceled",
}

// noteFailure counts an error of an engine, and notes its code for the request's log line.
func (s *Server) noteFailure(ctx context.Context, err error) {
	code := engineCode(err)
	accessOf(ctx).engineCode = code
	if !slices.Contains(countedCodes, code) {
		code = "other"
	}
	s.metrics.engine.WithLabelValues(code).Inc()
}
