package client_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// FuzzAnswer: whatever answers, a success has the receipt of its entry, a read has the record that was asked
// for, and a batch has one result an item.
func FuzzAnswer(f *testing.F) {
	const value = "m-1"
	var status int
	var kind, location string
	var body []byte
	c, err := client.New(client.Config{Attempts: 1, HTTPClient: &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		header := http.Header{"Content-Type": {kind}, "Location": {location}}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(body))}, nil
	})}})
	if err != nil {
		f.Fatal(err)
	}
	add := func(status uint16, kind, location string, body []byte) { f.Add(status-100, kind, location, body) }
	const protobuf = "application/protobuf"
	whole := &piinguinv1.ReadPiiRecordResponse{PiiRecord: &piinguinv1.PiiRecord{ModifiedValue: value}, Receipt: receipt("log", 0)}
	add(200, protobuf, "", encode(f, whole))
	add(200, protobuf, "", encode(f, &piinguinv1.DeletePiiRecordResponse{Receipt: receipt("log", 0)}))
	add(200, protobuf, "", encode(f, &piinguinv1.ReadPiiRecordsResponse{Results: []*piinguinv1.ReadPiiRecordResult{{Receipt: whole.Receipt, PiiRecord: whole.PiiRecord}}}))
	add(200, protobuf, "", nil)
	add(200, "application/json", "", []byte("{}"))
	add(400, "text/html", "", []byte("<p>Client sent an HTTP request to an HTTPS server.</p>"))
	add(302, "text/html", "https://elsewhere.example/", nil)
	add(429, "application/json", "", []byte(`{"code":"resource_exhausted","msg":"x","meta":{"retry_after":"-1"}}`))
	add(503, "application/json", "", []byte(`{"code":"`+strings.Repeat("x", 100)+`"}{}`))
	f.Fuzz(func(t *testing.T, code uint16, contentType, to string, text []byte) {
		status, kind, location, body = 100+int(code)%500, contentType, to, text
		read, err := c.ReadPiiRecord(t.Context(), &piinguinv1.ReadPiiRecordRequest{ModifiedValue: value})
		if err == nil && (read.GetReceipt() == nil || read.GetPiiRecord().GetModifiedValue() != value) {
			t.Errorf("a read has %v", read.GetReceipt())
		}
		deleted, err := c.DeletePiiRecord(t.Context(), &piinguinv1.DeletePiiRecordRequest{ModifiedValue: value})
		if err == nil && deleted.GetReceipt() == nil {
			t.Error("a deletion has no receipt")
		}
		batch, err := c.ReadPiiRecords(t.Context(), &piinguinv1.ReadPiiRecordsRequest{ModifiedValues: []string{value}})
		if err != nil {
			return
		}
		if len(batch.GetResults()) != 1 {
			t.Fatalf("a batch of one has %d results", len(batch.GetResults()))
		}
		if one := batch.GetResults()[0]; one.GetError() == nil && (one.GetReceipt() == nil || one.GetPiiRecord().GetModifiedValue() != value) {
			t.Errorf("a batch has %v", one.GetReceipt())
		}
	})
}
