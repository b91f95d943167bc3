package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"

	"github.com/twitchtv/twirp"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// errAnswer is what an answer is that lacks what every Piinguin server puts into it. Protobuf takes an
// empty body for a message without fields: without this check it would pass for a success.
var errAnswer = errors.New("client: the answer is incomplete")

// checked is a twirp.Interceptor that lets only whole answers pass for success, and says in words what
// went wrong on the way.
func (c Config) checked(next twirp.Method) twirp.Method {
	return func(ctx context.Context, request any) (any, error) {
		answer, err := next(ctx, request)
		if err != nil {
			return answer, c.inWords(err)
		}
		if why := incomplete(request, answer); why != "" {
			return nil, twirp.WrapError(twirp.InternalError("the answer does not show that it was done: "+why), errAnswer)
		}
		return answer, nil
	}
}

// inWords replaces the text of a failure that needs one; code, meta and cause stay.
func (c Config) inWords(err error) error {
	var (
		wrong   *answerError
		endless *http.MaxBytesError
		failure twirp.Error
	)
	switch {
	case errors.As(err, &wrong):
		return wrong.twirp()
	case errors.As(err, &endless):
		return (&answerError{text: "the answer is longer than any of a Piinguin server", cause: err}).twirp()
	case errors.As(err, &failure) && failure.Code() == twirp.Unauthenticated:
		return withText(failure, c.unauthenticated())
	}
	return err
}

const (
	textRefused     = "the server does not accept the token: it is wrong, has ended or was removed"
	textCertificate = "the server gives no role to the certificate, and no token was sent"
	textNobody      = "a valid credential is required, and no token was sent"
)

func (c Config) unauthenticated() string {
	switch {
	case c.Token != "" || c.TokenSource != nil:
		return textRefused
	case c.CertFile != "":
		return textCertificate
	}
	return textNobody
}

// withText returns an error with another text, and the same code and meta.
func withText(from twirp.Error, text string) twirp.Error {
	to := twirp.NewError(from.Code(), text)
	for key, value := range from.MetaMap() {
		to = to.WithMeta(key, value)
	}
	return to
}

const (
	noReceipt  = "it has no receipt of an audit entry"
	noRecord   = "it has no record of the value that was asked for"
	otherCount = "it has another number of results than the request has items"
)

// incomplete says what an answer lacks, or nothing. An answer to ListEntries may have no entries, one to Summarize no rows. The request
// has the answer's method: Twirp calls with no other.
func incomplete(request, answer any) string {
	switch out := answer.(type) {
	case *piinguinv1.CreatePiiRecordResponse:
		return incompleteResult(out)
	case *piinguinv1.DeletePiiRecordResponse:
		return incompleteResult(out)
	case *piinguinv1.ReadPiiRecordResponse:
		in, _ := request.(*piinguinv1.ReadPiiRecordRequest)
		return incompleteRead(in.GetModifiedValue(), out)
	case *piinguinv1.CreatePiiRecordsResponse:
		in, _ := request.(*piinguinv1.CreatePiiRecordsRequest)
		return incompleteBatch(in.GetPiiRecords(), out.GetResults(),
			func(_ *piinguinv1.PiiRecord, out *piinguinv1.CreatePiiRecordResult) string {
				return incompleteResult(out)
			})
	case *piinguinv1.DeletePiiRecordsResponse:
		in, _ := request.(*piinguinv1.DeletePiiRecordsRequest)
		return incompleteBatch(in.GetModifiedValues(), out.GetResults(),
			func(_ string, out *piinguinv1.DeletePiiRecordResult) string { return incompleteResult(out) })
	case *piinguinv1.ReadPiiRecordsResponse:
		in, _ := request.(*piinguinv1.ReadPiiRecordsRequest)
		return incompleteBatch(in.GetModifiedValues(), out.GetResults(),
			func(value string, out *piinguinv1.ReadPiiRecordResult) string { return incompleteRead(value, out) })
	}
	return incompleteReview(request, answer)
}

// incompleteBatch looks at each result that is no error.
func incompleteBatch[In any, Out outcome](items []In, results []Out, why func(In, Out) string) string {
	if len(results) != len(items) { // nothing says which items these are
		return otherCount
	}
	for i, out := range results {
		if out.GetError() != nil {
			continue
		}
		if text := why(items[i], out); text != "" {
			return text
		}
	}
	return ""
}

func incompleteRead(value string, out interface {
	GetPiiRecord() *piinguinv1.PiiRecord
	GetReceipt() *piinguinv1.AuditReceipt
}) string {
	if r := out.GetPiiRecord(); r == nil || r.GetModifiedValue() != value {
		return noRecord
	}
	return incompleteResult(out)
}

func incompleteResult(out interface {
	GetReceipt() *piinguinv1.AuditReceipt
}) string {
	r := out.GetReceipt()
	if r.GetLog() == "" || len(r.GetLeafHash()) != sha256.Size || !r.GetTime().IsValid() {
		return noReceipt
	}
	return ""
}
