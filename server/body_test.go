package server_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/piinguin/piinguin/internal/originaltest"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/policy"
)

// beginning is a request whose body has begun and does not go on.
func beginning(token, length string) string {
	return "POST /twirp/piinguin.v1.Piinguin/ReadPiiRecord HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n" +
		"Authorization: Bearer " + token + "\r\n" + length + "\r\n\r\n"
}

// dial opens a connection and sends a text on it.
func (f *testServer) dial(t *testing.T, text string) net.Conn {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(f.address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// answerOf reads one answer.
func answerOf(t *testing.T, conn net.Conn) (int, string) {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// TestUnknownCallersSendNoBody: who has no credential is answered before the body comes.
func TestUnknownCallersSendNoBody(t *testing.T) {
	s := newMemServer(t, nil)
	for _, length := range []string{"Content-Length: 4194304", "Content-Length: 4096", "Transfer-Encoding: chunked"} {
		conn := s.dial(t, beginning("nobody", length))
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if status, answer := answerOf(t, conn); status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", length, status, answer)
		}
	}
}

// everybody knows every token, by its own name.
type everybody struct{}

func (everybody) Authenticate(r *http.Request) (policy.Caller, error) {
	name := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	return policy.Caller{Name: name, Authentication: "test", Roles: []policy.Role{policy.Reader}}, nil
}

// unended begins a request with n bytes of a body that never ends.
func unended(token string, n int) string {
	return beginning(token, "Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n", n, strings.Repeat(" ", n))
}

// TestBodiesAreBounded: bodies that do not end take all memory that is meant for bodies, and those of
// one caller no more than its share. Whoever gets none is told so, and is served when they are gone.
func TestBodiesAreBounded(t *testing.T) {
	s := newMemServer(t, nil, func(c *server.Config) { c.Callers = everybody{} })
	s.put(t, "a")
	var held []net.Conn
	hold := func(caller string) {
		for range 4 { // of 4 MiB each, but for a byte
			held = append(held, s.dial(t, unended(caller, piinguinv1.MaxBody-1)))
		}
	}
	read := func(caller string) (int, string) {
		return s.send(t, http.MethodPost, "/twirp/piinguin.v1.Piinguin/ReadPiiRecord", caller, strings.NewReader(`{"modified_value":"a","processing_basis":"CONSENT"}`))
	}
	busy := func(caller string) func() bool {
		return func() bool {
			status, answer := read(caller)
			return status == http.StatusServiceUnavailable && strings.Contains(answer, `"reason":"busy"`)
		}
	}
	hold("one")
	eventually(t, "an end of the share", busy("one"))
	if status, answer := read("another"); status != http.StatusOK {
		t.Errorf("another caller: %d %s", status, answer)
	}
	for _, caller := range []string{"two", "three", "four"} {
		hold(caller)
	}
	eventually(t, "a server that is busy", busy("another"))
	for _, conn := range held {
		_ = conn.Close()
	}
	for _, caller := range []string{"one", "another"} {
		eventually(t, "an answer", func() bool { status, _ := read(caller); return status == http.StatusOK })
	}
}

// TestBegunBodiesKeepNobodyOut: what has not arrived takes no memory, whatever length it announces.
func TestBegunBodiesKeepNobodyOut(t *testing.T) {
	s := newMemServer(t, nil)
	s.put(t, "a")
	for i := range 64 {
		text := unended("dev-reader", 1)
		if i%2 == 0 {
			text = beginning("dev-reader", "Content-Length: 4194304") + " "
		}
		s.dial(t, text)
	}
	for range 10 {
		if _, err := s.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a")); err != nil {
			t.Fatal(err)
		}
	}
}

// TestItemsAreCounted: a batch of too many items is refused whatever they are, in either format.
func TestItemsAreCounted(t *testing.T) {
	s := newMemServer(t, nil)
	for _, c := range []struct{ method, token, field, item string }{
		{"CreatePiiRecords", "dev-writer", "pii_records", `{"original_value":""}`},
		{"ReadPiiRecords", "dev-reader", "modified_values", `""`},
		{"DeletePiiRecords", "dev-eraser", "modified_values", `""`},
	} {
		want := fmt.Sprintf(`"reason":"%s_too_many"`, c.field)
		for n, refused := range map[int]bool{500: false, 501: true, 1 << 20: true} {
			_, answer := s.sendProto(t, c.method, c.token, bytes.NewReader(bytes.Repeat([]byte{3<<3 | 2, 0}, n)))
			if strings.Contains(answer, want) != refused {
				t.Errorf("%s of %d items: %.200s", c.method, n, answer)
			}
			_, answer = s.send(t, http.MethodPost, "/twirp/piinguin.v1.Piinguin/"+c.method, c.token,
				strings.NewReader(`{"`+c.field+`":[`+c.item+strings.Repeat(","+c.item, min(n, 1<<17)-1)+`]}`))
			if strings.Contains(answer, want) != refused {
				t.Errorf("%s of %d items in JSON: %.200s", c.method, n, answer)
			}
		}
	}
}

// longestList is how many items the longest list of a message has.
func longestList(m proto.Message) (n int) {
	m.ProtoReflect().Range(func(d protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if d.IsList() {
			n = max(n, value.List().Len())
		}
		return true
	})
	return n
}

// FuzzProtobuf compares with the decoder: what it refuses is refused before, and of what it takes
// only a batch that is too long and a number that it cuts.
func FuzzProtobuf(f *testing.F) {
	f.Add([]byte("\x1a\x05\x0a\x03abc"))
	f.Add([]byte("\x1a\x03\x0a\x01\xff"))
	f.Add(bytes.Repeat([]byte("\x1a\x00"), 501))
	f.Add([]byte("\x1a\x04\x1a\x02\x08\x01"))
	f.Add([]byte("\x1b\x1c\x22\x01r\xfa\x01\x00"))
	f.Add([]byte("\x80\x80\x80\x80\x30\x00")) // field number 1,610,612,736
	f.Add([]byte("\x20\x81\x80\x80\x80\x10")) // a basis of 2^32+1
	f.Add([]byte("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x40\x80\x80\x80\x80\x08"))
	f.Add([]byte("\x32\x03\x01\x02\x03\x30\x01\x2a\x01\x80")) // packed operations, one alone, half a basis
	f.Add(append([]byte("\x32\x65"), make([]byte, 101)...))
	f.Add([]byte("\x32\x05\x81\x80\x80\x80\x10"))
	f.Add(bytes.Repeat([]byte("\x18\x01"), 101)) // no texts
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, m := range []proto.Message{&piinguinv1.CreatePiiRecordsRequest{}, &piinguinv1.ReadPiiRecordsRequest{}, &piinguinv1.ListEntriesRequest{}} {
			decoded := m.ProtoReflect().New().Interface()
			err := proto.Unmarshal(body, decoded)
			most := piinguinv1.MaxBatch
			if _, list := m.(*piinguinv1.ListEntriesRequest); list {
				most = piinguinv1.MaxFilterValues
			}
			want := err == nil && longestList(decoded) <= most
			if got := server.PassesProtobuf(body, m.ProtoReflect().Descriptor()); got != want && (got || !originaltest.HoldsLong(body)) {
				t.Errorf("%T: passes %v, and the decoder says %v", m, got, err)
			}
		}
	})
}
