package server_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestOddPaths: a path that is nearly one of the server's is no method, in the API's own words, and
// nothing that it does counts as a good call.
func TestOddPaths(t *testing.T) {
	for name, request := range map[string]string{
		"an escaped slash":     "POST /twirp/piinguin.v1.Piinguin%2FReadPiiRecord",
		"an escaped letter":    "POST /twirp/piinguin.v1.Piinguin/%52eadPiiRecord",
		"two slashes":          "POST /twirp//piinguin.v1.Piinguin/ReadPiiRecord",
		"a slash at the end":   "POST /twirp/piinguin.v1.Piinguin/ReadPiiRecord/",
		"a step back":          "POST /twirp/x/../piinguin.v1.Piinguin/ReadPiiRecord",
		"no slash":             "POST /twirp",
		"no slash, logs":       "GET /log",
		"a page":               "GET /",
		"a page by POST":       "POST /healthz",
		"a page with a slash":  "GET /metrics/",
		"a tunnel":             "CONNECT example.org:443",
		"a tunnel with a path": "CONNECT /twirp/piinguin.v1.Piinguin/ReadPiiRecord",
	} {
		t.Run(name, func(t *testing.T) {
			v := newMemServer(t, nil)
			conn := v.dial(t, request+" HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 2\r\nAuthorization: Bearer dev-reader\r\n\r\n{}")
			status, answer := answerOf(t, conn)
			if status != http.StatusNotFound || !strings.Contains(answer, `"reason":"bad_route"`) {
				t.Errorf("%d %.200s", status, answer)
			}
			_, metrics := v.get(t, "/metrics")
			if !strings.Contains(v.log.String(), `"message":"request"`) || strings.Contains(v.log.String(), `"code":"ok"`) || strings.Contains(metrics, `code="ok"`) {
				t.Errorf("it is not told as a failure:\n%s", v.log)
			}
		})
	}
}

// TestHeadOfLogs: HEAD is answered as GET is, but for the body.
func TestHeadOfLogs(t *testing.T) {
	v := newMemServer(t, nil)
	if status, answer := v.send(t, http.MethodHead, "/log/1/checkpoint", "dev-auditor", nil); status != http.StatusOK || answer != "" {
		t.Errorf("%d %q", status, answer)
	}
}
