package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// whole is a request with a body of n bytes, of known length or in one chunk.
func whole(method, token string, n int, chunked bool) string {
	body := strings.Repeat(" ", n)
	length := fmt.Sprintf("Content-Length: %d", n)
	if chunked {
		length, body = "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", n, body)
	}
	return strings.Replace(beginning(token, length), "ReadPiiRecord", method, 1) + body
}

// TestRefusedCallersReadTheAnswer: as most clients do, these send the whole body and read then. A
// server that closed the connection before would reset it, and they would see no answer.
func TestRefusedCallersReadTheAnswer(t *testing.T) {
	s := newMemServer(t, nil)
	const tooLarge = 4<<20 + 1
	for name, c := range map[string]struct {
		method, token string
		length        int
		status        int
		want          string
	}{
		"wrong token":           {"ReadPiiRecord", "nobody", 50_000, http.StatusUnauthorized, `"unauthenticated"`},
		"wrong token, too much": {"ReadPiiRecord", "nobody", tooLarge, http.StatusUnauthorized, `"unauthenticated"`},
		"no method":             {"NoMethod", "dev-reader", tooLarge, http.StatusNotFound, `"bad_route"`},
		"too much":              {"ReadPiiRecord", "dev-reader", tooLarge, http.StatusBadRequest, `"body_too_large"`},
		"longest batch":         {"CreatePiiRecords", "dev-writer", 15 << 20, http.StatusBadRequest, `"body_too_large"`},
	} {
		for _, chunked := range []bool{false, true} {
			conn := s.dial(t, whole(c.method, c.token, c.length, chunked)) // fails if it is not sent whole
			if status, answer := answerOf(t, conn); status != c.status || !strings.Contains(answer, c.want) {
				t.Errorf("%s, chunked %t: %d %s", name, chunked, status, answer)
			}
		}
	}
}

// TestRefusedBodiesEnd: what a caller goes on sending after its answer is not read for ever.
func TestRefusedBodiesEnd(t *testing.T) {
	s := newMemServer(t, nil)
	conn := s.dial(t, beginning("nobody", "Transfer-Encoding: chunked"))
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if status, answer := answerOf(t, conn); status != http.StatusUnauthorized {
		t.Fatalf("%d %s", status, answer)
	}
	chunk := []byte(fmt.Sprintf("%x\r\n%s\r\n", 1<<20, strings.Repeat(" ", 1<<20)))
	for sent := 0; ; sent++ {
		if _, err := conn.Write(chunk); err != nil {
			return
		}
		if sent > 64 {
			t.Fatal("the server reads more than 64 MiB of a body that it has refused")
		}
	}
}
