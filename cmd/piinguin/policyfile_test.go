package main_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// TestServePolicyFile: the server decides by the file of --policy, and its entries name the rules
// of that file.
func TestServePolicyFile(t *testing.T) {
	examples, err := filepath.Abs("../../docs/policies/examples.cedar")
	if err != nil {
		t.Fatal(err)
	}
	in := newTestInstall(t)
	clients := map[string]client.Token{}
	for name, roles := range map[string][]string{
		// The example lets only those on call read at night, when this test may run.
		"marketing": {"--role", "reader", "--role", "group:on-call"},
		"relay":     {"--role", "writer"}, "audrey": {"--role", "auditor"},
	} {
		token := in.mustRun(t, 0, "piinguin", append([]string{"token", "create", "--name", name}, roles...)...)
		clients[name] = client.Token(strings.TrimSpace(token))
	}
	p := in.serve(t, "--store", in.store, "--tokens", "tokens.txt", "--policy", examples)
	as := func(name string) *client.Client {
		c, err := client.New(client.Config{Host: p.address, Token: clients[name]})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if _, err := as("relay").CreatePiiRecord(t.Context(), &piinguinv1.CreatePiiRecordRequest{
		PiiRecord: &piinguinv1.PiiRecord{ModifiedValue: "k", OriginalValue: "v"},
	}); err != nil {
		t.Fatal(err)
	}
	for basis, refused := range map[piinguinv1.LawfulBasisForProcessing]bool{
		piinguinv1.LawfulBasisForProcessing_CONSENT: false, piinguinv1.LawfulBasisForProcessing_CONTRACT: true,
	} {
		_, err := as("marketing").ReadPiiRecord(t.Context(), &piinguinv1.ReadPiiRecordRequest{ModifiedValue: "k", ProcessingBasis: basis})
		if (err != nil) != refused {
			t.Errorf("marketing reads on %s: %v", basis, err)
		}
	}
	out, err := as("audrey").ListEntries(t.Context(), &piinguinv1.ListEntriesRequest{Subjects: []string{"k"}})
	if err != nil {
		t.Fatal(err)
	}
	policies := map[string]string{}
	for _, e := range out.GetEntries() {
		policies[e.GetBasis().String()] = e.GetPolicy()
	}
	if diff := cmp.Diff(map[string]string{"CONSENT": "reader-reads", "CONTRACT": "marketing-by-consent"}, policies); diff != "" {
		t.Errorf("policies in the ledger (-want +got):\n%s", diff)
	}
	p.stop(t)
}
