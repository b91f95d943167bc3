package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/relay/relaytest"
)

// FuzzGzipMembers: what compress/gzip reads whole is read as the same; and what is read whole, compress/gzip
// reads as the same, up to what stands behind the last member. Zeros behind it change nothing.
func FuzzGzipMembers(f *testing.F) {
	one := mustGzip(f, []byte("a\nb\n"))
	for _, in := range [][]byte{
		one, append(one, one...), append(bytes.Clone(one), "\x00\x00"...), append(append(bytes.Clone(one), 0), one...), append(bytes.Clone(one), "junk"...),
		one[:len(one)-1], append(bytes.Clone(one), 0x1f), append(bytes.Clone(one), 0x1f, 0x8b), mustGzip(f, nil), []byte("\x1f\x8b"),
	} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, junk, err := unpacked(in)
		want, wantErr := func() ([]byte, error) {
			r, err := gzip.NewReader(bytes.NewReader(in))
			if err != nil {
				return nil, err
			}
			return io.ReadAll(io.LimitReader(r, 1<<20))
		}()
		padded, paddedJunk, paddedErr := unpacked(append(bytes.Clone(in), 0, 0))
		if err == nil && (!bytes.Equal(got, padded) || !errors.Is(junk, paddedJunk) || paddedErr != nil) {
			t.Errorf("%q is read, %v, and with zeros behind it %q, %v, %v", got, junk, padded, paddedJunk, paddedErr)
		}
		switch {
		case len(got) == 1<<20 || len(want) == 1<<20: // a bomb, which is read line by line
		case wantErr == nil && (err != nil || junk != nil || !bytes.Equal(got, want)):
			t.Errorf("compress/gzip reads %q, and here it is %q, %v, %v", want, got, err, junk)
		case err == nil && !bytes.HasPrefix(got, want):
			t.Errorf("%q is read, %v, and compress/gzip reads %q, %v", got, junk, want, wantErr)
		case err == nil && wantErr != nil && junk == nil && !bytes.Contains(in, []byte{0}):
			t.Errorf("compress/gzip refuses it (%v), and here it is whole", wantErr)
		}
	})
}

func unpacked(in []byte) (text []byte, junk, err error) {
	m, err := newGzipMembers(bufio.NewReader(bytes.NewReader(in)))
	if err != nil {
		return nil, nil, err
	}
	text, err = io.ReadAll(io.LimitReader(m, 1<<20))
	return text, m.junk, err
}

// FuzzInvoke: whatever Lambda hands over, the relay does not fail on it, and neither an error nor the log
// holds a word of it.
func FuzzInvoke(f *testing.F) {
	const secret = "c4n4ry"
	s := relaytest.New(f)
	var log bytes.Buffer
	env := map[string]string{"PIINGUIN_HOST": s.URL, "PIINGUIN_TOKEN": relaytest.Token}
	relays, err := newFunction(f.Context(), func(name string) string { return env[name] }, zerolog.New(&log))
	if err != nil {
		f.Fatal(err)
	}
	at := time.Unix(1_700_000_000, 0)
	f.Add(shard.Event(f, 0, at, []byte(relaytest.PageView), []byte("c4n4ry\tc4n4ry"), relaytest.Aggregate("c4n4ry", "{}")))
	f.Add(bytes.Replace(shard.Event(f, 0, at, []byte("{}")), []byte("aws:kinesis"), []byte("aws:sqs"), 1))
	f.Add(bytes.ReplaceAll(shard.Event(f, 0, at, []byte("{}")), []byte(shard.SequenceNumber(0)), []byte("c4n4ry")))
	f.Add(bytes.Replace(shard.Event(f, 0, at, []byte("{}")), []byte("1700000000"), []byte("-1e300"), 1))
	f.Add([]byte(`{"Records":[{"eventSource":"aws:kinesis"}]}`))
	f.Add([]byte(`{"Records":[null]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		log.Reset()
		got, err := relays.invoke(t.Context(), payload)
		if err != nil {
			if strings.Contains(err.Error(), secret) || err.Error() == "the relay failed on this batch" {
				t.Error(err)
			}
		} else {
			text, readErr := io.ReadAll(got)
			if closeErr := got.Close(); readErr != nil || closeErr != nil || !bytes.HasPrefix(text, []byte(`{"batchItemFailures":`)) {
				t.Errorf("answered %q: %v", text, errors.Join(readErr, closeErr))
			}
		}
		if bytes.Contains(log.Bytes(), []byte(secret)) {
			t.Errorf("logged %s", &log)
		}
	})
}
