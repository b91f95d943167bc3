// Package piinguinv1 is the wire contract of Piinguin: the messages and services that are
// generated from the .proto files, whose comments are the reference of the API, and the numbers
// and names that those comments state in words. The server, the clients and the relay take all
// of them from here. Package client is what a program in Go calls.
package piinguinv1

import "time"

// Sizes of texts, in bytes of UTF-8.
const (
	// MaxModifiedValue bounds the pseudonym of a create. MaxStoredModifiedValue bounds it in every
	// other call: a table of the original Piinguin holds keys up to DynamoDB's own limit.
	MaxModifiedValue       = 128 // and at least 1
	MaxStoredModifiedValue = 2048
	MaxOriginalValue       = 32 << 10 // 0 is legal
	// MaxText bounds purpose, reference, on_behalf_of and each field of a Source.
	MaxText      = 512
	MaxCaller    = 256     // a caller's name
	MaxRequestID = 64      // the server makes the id
	MaxBody      = 4 << 20 // a request's body
	// CallBytes is how many bytes of items a client puts into one call. It stays well below
	// MaxBody, because the encoding adds to the items.
	CallBytes = 3 << 20
	// MaxAnswerValues bounds the original values of one answer, as JSON writes them. MaxAnswer is more than
	// any answer has: those values, and 500 of the longest keys and sources, each with a receipt.
	// MaxAnswerHeader bounds its header. A client reads no further.
	MaxAnswerValues = 16 << 20
	MaxAnswer       = 32 << 20
	MaxAnswerHeader = 64 << 10
)

// Numbers of items.
const (
	MaxBatch        = 500 // of a batch call; at least 1
	MaxPageSize     = 500 // of ListEntries
	DefaultPageSize = 100 // page_size 0
	MaxFilterValues = 100 // of each filter of ListEntries
	MaxSummaryDays  = 366 // of Summarize, from the first to the last
	MaxSummaryRows  = 10_000
)

// MaxRequestWindow is how far from and to may be apart in a ListEntries with request_ids.
const MaxRequestWindow = 24 * time.Hour

// MaxAhead is how far observed_at may be ahead of the server's clock.
const MaxAhead = time.Hour

// Paths of the server. TwirpPath is Twirp's default prefix with a slash at each end.
const (
	TwirpPath = "/twirp/"
	LogPath   = "/log/" // the logs as C2SP tlog-tiles
)

// Spine is the name of the log that lists the others, which have the numbers 1 to MaxLogs.
const (
	Spine   = "spine"
	MaxLogs = 64
)

// RequestIDHeader is the header of every answer that has the id of the request.
const RequestIDHeader = "X-Request-Id"

// Keys of a Twirp error's meta.
const (
	MetaReason     = "reason"      // stable, for programs
	MetaArgument   = "argument"    // of an invalid_argument: the field
	MetaRetryAfter = "retry_after" // of a resource_exhausted: seconds
)

// A token of AWS IAM is IAMPrefix and the base64url, without padding, of the URL of a
// presigned GetCallerIdentity. The caller signs IAMAudienceHeader with the server's audience,
// which IAMAudiencePattern describes.
const (
	IAMPrefix          = "piinguin-aws-v1."
	IAMAudienceHeader  = "X-Piinguin-Audience"
	IAMAudiencePattern = `^[!-~]{1,256}$`
)
