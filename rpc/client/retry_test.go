package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// scripted answers without a network, which a bubble of synctest cannot wait for: each
// request by the next of its faults, and by success when there are none left.
type scripted struct {
	faults []fault
	at     []time.Time // when a request came
}

type fault func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (s *scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	s.at = append(s.at, time.Now())
	if len(s.faults) == 0 {
		w := httptest.NewRecorder()
		legal{}.ServeHTTP(w, r)
		return w.Result(), nil
	}
	next := s.faults[0]
	s.faults = s.faults[1:]
	return next(r)
}

// waits is the time between the requests.
func (s *scripted) waits() []time.Duration {
	var all []time.Duration
	for i := 1; i < len(s.at); i++ {
		all = append(all, s.at[i].Sub(s.at[i-1]))
	}
	return all
}

func times(n int, f fault) []fault {
	var all []fault
	for range n {
		all = append(all, f)
	}
	return all
}

// coded is a server's error.
func coded(code twirp.ErrorCode) fault {
	return func(*http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		err := twirp.WriteError(w, twirp.NewError(code, "fixed").WithMeta("reason", "told"))
		return w.Result(), err
	}
}

// status is an answer of a proxy.
func status(code int) fault {
	return func(*http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		w.Header().Set("Location", "https://elsewhere")
		w.WriteHeader(code)
		return w.Result(), nil
	}
}

func broken(err error) fault {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

func garbage(*http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Body.WriteString("<html>welcome</html>")
	return w.Result(), nil
}

func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func (s *scripted) client(t *testing.T, cfg client.Config) *client.Client {
	t.Helper()
	cfg.HTTPClient = &http.Client{Transport: s}
	return newTestClient(t, cfg)
}

func create(ctx context.Context, c *client.Client) error {
	_, err := c.CreatePiiRecord(ctx, &piinguinv1.CreatePiiRecordRequest{})
	return err
}

func TestWhatIsRetried(t *testing.T) {
	again := map[string]fault{
		"refused, cut": broken(io.ErrUnexpectedEOF), "its own time-out": hang,
		"a proxy's 500": status(500), "a proxy's 502": status(502), "a proxy's 429": status(429),
	}
	for _, code := range []twirp.ErrorCode{
		twirp.Unavailable, twirp.ResourceExhausted, twirp.DeadlineExceeded, twirp.Aborted, twirp.Unknown, twirp.Internal,
	} {
		again[string(code)] = coded(code)
	}
	once := map[string]fault{
		"untrusted": broken(&tls.CertificateVerificationError{Err: errors.New("nobody vouches")}),
		"moved":     status(307), "moved for good": status(301), "a proxy's 404": status(404), "a page": garbage,
	}
	for _, code := range []twirp.ErrorCode{
		twirp.Canceled, twirp.InvalidArgument, twirp.Malformed, twirp.NotFound, twirp.BadRoute, twirp.AlreadyExists, twirp.PermissionDenied,
		twirp.Unauthenticated, twirp.FailedPrecondition, twirp.OutOfRange, twirp.Unimplemented, twirp.DataLoss,
	} {
		once[string(code)] = coded(code)
	}
	for attempts, faults := range map[int]map[string]fault{2: again, 1: once} {
		for name, f := range faults {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &scripted{faults: times(1, f)}
					err := create(t.Context(), s.client(t, client.Config{}))
					if len(s.at) != attempts || (err == nil) != (attempts == 2) {
						t.Errorf("%d attempts, want %d; error %v", len(s.at), attempts, err)
					}
				})
			})
		}
	}
}

// The error is the last attempt's, whole, and the count is Config.Attempts.
func TestAttemptsAreCounted(t *testing.T) {
	for attempts, want := range map[int]int{0: client.DefaultAttempts, 1: 1, 7: 7} {
		synctest.Test(t, func(t *testing.T) {
			s := &scripted{faults: append(times(want-1, coded(twirp.Unavailable)), coded(twirp.ResourceExhausted))}
			err := create(t.Context(), s.client(t, client.Config{Attempts: attempts}))
			if te := wantCode(t, err, twirp.ResourceExhausted); te.Meta("reason") != "told" || len(s.at) != want {
				t.Errorf("Attempts %d: %d attempts, %v", attempts, len(s.at), err)
			}
		})
	}
}

// A read is an entry of the ledger each time it is sent; so is reading the ledger.
func TestReadsAreRetriedOnlyOnRequest(t *testing.T) {
	calls := []struct {
		name string
		read bool
		call func(context.Context, *client.Client) error
	}{
		{"CreatePiiRecord", false, create},
		{"CreatePiiRecords", false, func(ctx context.Context, c *client.Client) error {
			_, err := c.CreatePiiRecords(ctx, &piinguinv1.CreatePiiRecordsRequest{})
			return err
		}},
		{"DeletePiiRecord", false, func(ctx context.Context, c *client.Client) error {
			_, err := c.DeletePiiRecord(ctx, &piinguinv1.DeletePiiRecordRequest{})
			return err
		}},
		{"DeletePiiRecords", false, func(ctx context.Context, c *client.Client) error {
			_, err := c.DeletePiiRecords(ctx, &piinguinv1.DeletePiiRecordsRequest{})
			return err
		}},
		{"ReadPiiRecord", true, func(ctx context.Context, c *client.Client) error {
			_, err := c.ReadPiiRecord(ctx, &piinguinv1.ReadPiiRecordRequest{})
			return err
		}},
		{"ReadPiiRecords", true, func(ctx context.Context, c *client.Client) error {
			_, err := c.ReadPiiRecords(ctx, &piinguinv1.ReadPiiRecordsRequest{})
			return err
		}},
		{"GetEntry", true, func(ctx context.Context, c *client.Client) error {
			_, err := c.GetEntry(ctx, &piinguinv1.GetEntryRequest{})
			return err
		}},
	}
	for _, tc := range calls {
		for _, wanted := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s := &scripted{faults: times(1, coded(twirp.Unavailable))}
				var seen []string
				err := tc.call(t.Context(), s.client(t, client.Config{RetryReads: wanted, OnRetry: func(_ context.Context, method string, code twirp.ErrorCode) {
					seen = append(seen, method+" "+string(code))
				}}))
				var want []string
				if !tc.read || wanted {
					want = []string{tc.name + " unavailable"}
				}
				if diff := cmp.Diff(want, seen); diff != "" || len(s.at) != len(want)+1 || (err == nil) != (len(want) == 1) {
					t.Errorf("RetryReads %t: %d attempts, error %v, told (-want +got):\n%s", wanted, len(s.at), err, diff)
				}
			})
		}
	}
}

// Full jitter: each wait is anywhere between nothing and a limit that doubles.
func TestWaitsGrowAndAreRandom(t *testing.T) {
	limits := []time.Duration{200, 400, 800, 1600, 3200, 5000, 5000}
	synctest.Test(t, func(t *testing.T) {
		low, high := make([]bool, len(limits)), make([]bool, len(limits))
		for range 200 {
			s := &scripted{faults: times(len(limits), coded(twirp.Unavailable))}
			if err := create(t.Context(), s.client(t, client.Config{Attempts: 8})); err != nil {
				t.Fatal(err)
			}
			for i, wait := range s.waits() {
				limit := limits[i] * time.Millisecond
				if wait > limit {
					t.Fatalf("wait %d was %s, at most %s", i+1, wait, limit)
				}
				low[i] = low[i] || wait < limit/4
				high[i] = high[i] || wait > limit*3/4
			}
		}
		for i := range limits {
			if !low[i] || !high[i] {
				t.Errorf("wait %d of 200 calls: below a quarter %t, above three quarters %t", i+1, low[i], high[i])
			}
		}
	})
}

// The server's last word tells more than that time is up.
func TestContextEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &scripted{faults: times(99, coded(twirp.Unavailable))}
		c := s.client(t, client.Config{Attempts: 100, OnRetry: func(context.Context, string, twirp.ErrorCode) { time.AfterFunc(time.Nanosecond, cancel) }})
		_ = wantCode(t, create(ctx, c), twirp.Unavailable)
		if len(s.at) != 2 {
			t.Errorf("%d attempts, want the second to be the last", len(s.at))
		}
	})
}

// A wait that the deadline would cut off is not begun.
func TestNoWaitBeyondTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			begun := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			s := &scripted{faults: times(99, coded(twirp.Unavailable))}
			_ = wantCode(t, create(ctx, s.client(t, client.Config{Attempts: 100})), twirp.Unavailable)
			cancel()
			if last := s.at[len(s.at)-1]; !time.Now().Equal(last) || !last.Before(begun.Add(time.Second)) {
				t.Errorf("waited %s after the last attempt", time.Since(last))
			}
		}
	})
}

func TestEndedContextIsNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &scripted{faults: []fault{func(r *http.Request) (*http.Response, error) {
			cancel()
			return hang(r)
		}}}
		if err := create(ctx, s.client(t, client.Config{})); !errors.Is(err, context.Canceled) || len(s.at) != 1 {
			t.Errorf("%d attempts, error %v", len(s.at), err)
		}
	})
}

// Timeout is one attempt's, not the call's.
func TestEachAttemptHasItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{faults: times(2, hang)}
		if err := create(t.Context(), s.client(t, client.Config{Timeout: time.Minute})); err != nil {
			t.Fatal(err)
		}
		for _, wait := range s.waits() {
			if wait < time.Minute || wait > time.Minute+time.Second {
				t.Errorf("an attempt took %s", wait)
			}
		}
	})
}

func TestTokenFailureIsNotRetried(t *testing.T) {
	failure := errors.New("no token today")
	for _, answer := range []struct {
		token client.Token
		err   error
	}{{"", failure}, {"", nil}, {"two words", nil}} {
		asked := 0
		s := &scripted{}
		err := create(t.Context(), s.client(t, client.Config{TokenSource: func(context.Context) (client.Token, error) {
			asked++
			return answer.token, answer.err
		}}))
		if err == nil || asked != 1 || len(s.at) != 0 || answer.err != nil && !errors.Is(err, failure) {
			t.Errorf("asked %d times, sent %d, error %v", asked, len(s.at), err)
		}
	}
}

// What cannot be encoded never can be.
func TestUnsendableIsNotRetried(t *testing.T) {
	s := &scripted{}
	retried := 0
	c := s.client(t, client.Config{OnRetry: func(context.Context, string, twirp.ErrorCode) { retried++ }})
	_, err := c.CreatePiiRecord(t.Context(), &piinguinv1.CreatePiiRecordRequest{PiiRecord: &piinguinv1.PiiRecord{OriginalValue: "\xff"}})
	_ = wantCode(t, err, twirp.Internal)
	if retried != 0 || len(s.at) != 0 {
		t.Errorf("retried %d times, sent %d", retried, len(s.at))
	}
}

// A server that names a time is left alone that long, and not asked again in vain if that
// is too long.
func TestServerSaysWhenToComeAgain(t *testing.T) {
	busy := func(after string) fault {
		return func(*http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			err := twirp.WriteError(w, twirp.NewError(twirp.ResourceExhausted, "fixed").WithMeta("retry_after", after))
			return w.Result(), err
		}
	}
	synctest.Test(t, func(t *testing.T) {
		for after, want := range map[string]struct {
			attempts int
			wait     time.Duration
		}{
			"0": {3, 0}, "3": {3, 3 * time.Second}, "5": {3, 5 * time.Second}, "6": {1, 0}, "70000": {1, 0}, "soon": {3, 0}, "-1": {3, 0},
		} {
			s := &scripted{faults: times(2, busy(after))}
			err := create(t.Context(), s.client(t, client.Config{}))
			if len(s.at) != want.attempts || (err == nil) != (want.attempts == 3) {
				t.Errorf("after %s: %d attempts, error %v", after, len(s.at), err)
			}
			for _, wait := range s.waits() {
				if wait < want.wait || want.wait > 0 && wait != want.wait {
					t.Errorf("after %s: waited %s", after, wait)
				}
			}
		}
	})
}
