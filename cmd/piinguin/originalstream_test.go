package main_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"google.golang.org/grpc/credentials/insecure"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/originaltest"
)

// TestOriginalStreams sends each of 2,000 messages in a stream and half-closes it. The original lost
// most of the answers; here each message has its own, in order, and what was answered is recorded.
func TestOriginalStreams(t *testing.T) {
	const n = 2000
	onEachEngine(t, func(t *testing.T, in *install) {
		p := in.startDoor(t, "--original-allow", "read,delete")
		c := originaltest.NewClient(t, in.door(t), insecure.NewCredentials())
		key := func(i int) string { return fmt.Sprintf("k%d", i) }
		value := func(i int) string { return fmt.Sprintf("%s-%d", canary, i) }
		ok := func(i int) originaltest.Answer { return originaltest.Answer{Success: true, Message: "OK"} }
		for _, step := range []struct {
			method  string
			message func(i int) []byte
			want    func(i int) originaltest.Answer
		}{
			{"CreatePiiRecords", func(i int) []byte { return originaltest.Create(key(i), value(i)) }, ok},
			{"ReadPiiRecords", func(i int) []byte { return originaltest.Read(key(i), int32(i/7%6)) }, func(i int) originaltest.Answer {
				return originaltest.Answer{Success: true, Message: "OK", Key: key(i), Original: value(i)}
			}},
			{"DeletePiiRecords", func(i int) []byte { return originaltest.Delete(key(i)) }, ok},
		} {
			var messages [][]byte
			for i := range n {
				messages = append(messages, step.message(i))
			}
			answers, err := c.Exchange(t.Context(), step.method, messages)
			if err != nil || len(answers) != n {
				t.Fatalf("%s: %d answers, %v", step.method, len(answers), err)
			}
			for i, a := range answers {
				if a != step.want(i) {
					t.Fatalf("%s: answer %d is %v, want %v", step.method, i, a, step.want(i))
				}
			}
		}
		p.stop(t)
		created := int64(0)
		for _, e := range in.entries(t, audit.Create) {
			created += e.Count
		}
		reads, deletes := in.entries(t, audit.Read), in.entries(t, audit.Delete)
		if created != n || len(reads) != n || len(deletes) != n {
			t.Errorf("entries of %d creates, %d reads and %d deletes", created, len(reads), len(deletes))
		}
		bases := []string{"CONSENT", "CONTRACT", "LEGAL_OBLIGATION", "VITAL_INTERESTS", "PUBLIC_TASK", "LEGITIMATE_INTERESTS"}
		for i, e := range reads {
			if want := fmt.Sprintf("READ GRANTED original:old-relay 0 %s %s original_protocol", key(i), bases[i/7%6]); said(e) != want {
				t.Fatalf("read %d is recorded as %s", i, said(e))
			}
		}
	})
}

// TestOriginalLastOfAStreamStands: of the creates of one key in one stream the last one stands.
func TestOriginalLastOfAStreamStands(t *testing.T) {
	onEachEngine(t, func(t *testing.T, in *install) {
		p := in.startDoor(t)
		defer p.stop(t)
		c := originaltest.NewClient(t, in.door(t), insecure.NewCredentials())
		var messages [][]byte
		for i := range 100 {
			messages = append(messages, originaltest.Create("k", fmt.Sprint(i)))
		}
		if answers, err := c.Exchange(t.Context(), "CreatePiiRecords", messages); err != nil || len(answers) != 100 {
			t.Fatalf("%d answers, %v", len(answers), err)
		}
		if _, pairs := in.originals(t); pairs["k"] != "99" {
			t.Errorf("the store has %q", pairs["k"])
		}
	})
}

// TestOriginalSlowReader: a client that does not read its answers stops the server from taking more
// of its messages, and nobody else waits for it.
func TestOriginalSlowReader(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.startDoor(t, "--original-allow", "read")
		defer p.stop(t)
		c := originaltest.NewClient(t, in.door(t), insecure.NewCredentials())
		long := canary + string(make([]byte, 30<<10))
		if a, err := c.Call(t.Context(), "CreatePiiRecord", originaltest.Create("k", long)); err != nil || !a.Success {
			t.Fatalf("%v, %v", a, err)
		}
		s, err := c.Open(t.Context(), "ReadPiiRecords")
		if err != nil {
			t.Fatal(err)
		}
		const n = 5000 // 150 MB of answers
		go func() {
			for range n {
				if s.Send(originaltest.Read("k", 0)) != nil {
					return
				}
			}
			_ = s.HalfClose()
		}()
		other := originaltest.NewClient(t, in.door(t), insecure.NewCredentials())
		for range 100 {
			if a, err := other.Call(t.Context(), "ReadPiiRecord", originaltest.Read("k", 0)); err != nil || !a.Success {
				t.Fatalf("another client: %v, %v", a, err)
			}
		}
		if reads := len(in.entries(t, audit.Read)); reads > 400 {
			t.Errorf("%d reads of a client that takes no answer", reads-100)
		}
		for i := range n {
			if a, err := s.Receive(); err != nil || a.Original != long {
				t.Fatalf("answer %d: %v, %v", i, a, err)
			}
		}
		if _, err := s.Receive(); !errors.Is(err, io.EOF) {
			t.Errorf("after the last answer: %v", err)
		}
	})
}
