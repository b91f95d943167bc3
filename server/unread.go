package server

import (
	"io"
	"net/http"
	"time"
)

const (
	// lingerBytes is how much of a refused body is read and thrown away: as much as the originals of the
	// longest batch have.
	lingerBytes = 16 << 20
	// lingerTime is how long that may take.
	lingerTime = 5 * time.Second
)

// incoming is the body of a request, and whether it was read to its end.
type incoming struct {
	io.ReadCloser
	ended bool
}

// Read implements io.Reader.
func (b *incoming) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || err == io.EOF
	return n, err
}

// closesUnread tells the caller that the connection ends with this answer, if the body is not read to
// its end. Without that net/http would read on for the rest of the body before it answers, and a caller
// that nobody knows could make it wait. Over HTTP/2 no answer waits for a body, and the same header
// would end the other streams of the connection.
func closesUnread(w http.ResponseWriter, r *http.Request) {
	if body := accessOf(r.Context()).body; body != nil && !body.ended && r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
}

// linger lets the caller read the answer to a request whose body was not read. Most clients read no
// answer before they have sent the whole body; if they are cut off, they drop the answer. So the
// answer goes out, and then the rest is read into nothing, within bounds.
func (b *incoming) linger(w http.ResponseWriter) {
	if b.ended {
		return
	}
	conn := http.NewResponseController(w)
	if conn.Flush() != nil || conn.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, b, lingerBytes) // a caller that hangs up has read enough
}
