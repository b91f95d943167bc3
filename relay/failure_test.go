package relay_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/relay/relaytest"
	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// codes are Twirp's, all of them.
var codes = []twirp.ErrorCode{
	twirp.Canceled, twirp.Unknown, twirp.InvalidArgument, twirp.Malformed, twirp.DeadlineExceeded, twirp.NotFound,
	twirp.BadRoute, twirp.AlreadyExists, twirp.PermissionDenied, twirp.Unauthenticated, twirp.ResourceExhausted,
	twirp.FailedPrecondition, twirp.Aborted, twirp.OutOfRange, twirp.Unimplemented, twirp.Internal, twirp.Unavailable, twirp.DataLoss,
}

// wholeFailures is how a call can fail, but for the code of a proper answer.
var wholeFailures = map[string]relaytest.OnCall{
	"connection lost":      relaytest.Drop,
	"answer cut":           relaytest.Cut,
	"no answer":            relaytest.Hang,
	"proxy 403":            relaytest.Status(http.StatusForbidden, canary),
	"proxy 404":            relaytest.Status(http.StatusNotFound, canary),
	"proxy 413":            relaytest.Status(http.StatusRequestEntityTooLarge, canary),
	"proxy 429":            relaytest.Status(http.StatusTooManyRequests, canary),
	"proxy 500":            relaytest.Status(http.StatusInternalServerError, canary),
	"proxy 502":            relaytest.Status(http.StatusBadGateway, canary),
	"proxy 503":            relaytest.Status(http.StatusServiceUnavailable, canary),
	"proxy 504":            relaytest.Status(http.StatusGatewayTimeout, canary),
	"redirect":             relaytest.Status(http.StatusFound, canary),
	"another's answer":     relaytest.Status(http.StatusOK, canary),
	"answer without items": relaytest.Status(http.StatusOK, ""),
}

// TestEveryWholeFailure: however a call fails, and whether or not the server has done it,
// the whole batch comes again, nothing is taken for refused, and once the failure has
// passed everything is stored, the newest of a value last.
func TestEveryWholeFailure(t *testing.T) {
	faults := maps.Clone(wholeFailures)
	for _, code := range codes {
		faults["code "+string(code)] = relaytest.Fail(code, canary)
	}
	batch := kinesis(tsv("", "page_view", ""), pairsLine(at(1), "m", "old"), pairsLine(at(2), "m", canary, "n", "other"))
	for name, fault := range faults {
		for _, applied := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", applied", false: ", not applied"}[applied], func(t *testing.T) {
				s := relaytest.New(t)
				s.OnCall(after(applied, fault))
				cfg := client.Config{Host: s.URL, Token: relaytest.Token}
				if name == "no answer" {
					cfg.Timeout = 50 * time.Millisecond // it never comes
				}
				from, logged := handleWith(t, relay.HandlerConfig{Relay: newTestRelayAt(t, cfg)}, batch)
				if last := logged[len(logged)-1]; from != sequence(100) || len(logged) != 1 || last["unfinished"] != 2.0 || last["stored"] != 0.0 {
					t.Errorf("asks to retry from %q, logged %v", from, logged)
				}
				s.OnCall(nil)
				if from, _ := handle(t, s, batch); from != "" {
					t.Errorf("without the failure it asks to retry from %q", from)
				}
				if diff := cmp.Diff(map[string]string{"m": canary, "n": "other"}, s.Originals()); diff != "" {
					t.Errorf("stored (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// after lets the server do what was asked, if applied, and has the fault answer.
func after(applied bool, fault relaytest.OnCall) relaytest.OnCall {
	return func(n int, w http.ResponseWriter, r *http.Request, next http.Handler) {
		done := httptest.NewRecorder()
		if applied {
			next.ServeHTTP(done, r)
		}
		fault(n, w, r, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if applied {
				w.WriteHeader(done.Code)
				_, _ = w.Write(done.Body.Bytes())
			}
		}))
	}
}

// TestEveryItemFailure: of a record that alone failed nothing is acknowledged but what is
// known: invalid_argument is for good, every other code may pass.
func TestEveryItemFailure(t *testing.T) {
	for _, code := range codes {
		for _, applied := range []bool{false, true} {
			t.Run(string(code)+map[bool]string{true: ", applied", false: ", not applied"}[applied], func(t *testing.T) {
				s := relaytest.New(t)
				failing := true
				s.OnRecord(func(r *piinguinv1.PiiRecord) *piinguinv1.CreatePiiRecordResult {
					if r.ModifiedValue != "m" || !failing {
						return nil
					}
					if applied {
						s.Store(r)
					}
					return itemError(code)
				})
				batch := kinesis(pairsLine(at(1), "before", ""), pairsLine(at(1), "m", canary), pairsLine(at(1), "behind", ""))
				from, logged := handle(t, s, batch)
				if code == twirp.InvalidArgument {
					if from != "" || len(logged) != 2 || logged[0]["sequence_number"] != sequence(100) {
						t.Errorf("asks to retry from %q, logged %v", from, logged)
					}
					return
				}
				if from != sequence(100) || len(logged) != 1 {
					t.Errorf("asks to retry from %q, logged %v", from, logged)
				}
				failing = false
				if from, _ := handle(t, s, batch); from != "" {
					t.Errorf("without the failure it asks to retry from %q", from)
				}
				if diff := cmp.Diff([]string{"before", "behind", "m"}, slices.Sorted(maps.Keys(s.Originals()))); diff != "" {
					t.Errorf("stored (-want +got):\n%s", diff)
				}
			})
		}
	}
}
