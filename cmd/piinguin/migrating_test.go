package main_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/originaltest"
)

// originalPut writes an item as the original's server does: whole, without a time.
func (in *install) originalPut(t *testing.T, key, value string) {
	t.Helper()
	_, err := in.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &in.table, Item: map[string]types.AttributeValue{
		"modifiedValue": &types.AttributeValueMemberS{Value: key}, "originalValue": &types.AttributeValueMemberS{Value: value},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// TestMigrating goes the steps of docs/migrating.md on a table of the original: its commands as they are
// written, an old client, the new relay, and what the page says of the way back.
func TestMigrating(t *testing.T) {
	onDynamoDB(t, func(t *testing.T, in *install) {
		page := markdown(t)["docs/migrating.md"]
		args := func(command string, other ...string) []string {
			if !strings.Contains(page, "       "+command+"\n") {
				t.Fatalf("docs/migrating.md does not have the command %s", command)
			}
			for i := 0; i < len(other); i += 2 {
				command = strings.ReplaceAll(command, other[i], other[i+1])
			}
			return strings.Fields(command)[1:]
		}
		in.originalPut(t, "kept", "CANARY-kept")
		in.originalPut(t, strings.Repeat("long", 100), "CANARY-long")
		in.mustRun(t, 0, "piinguin", args("piinguin tables create --table-name piinguin", "--table-name piinguin", "--table-name "+in.table)...)
		in.mustRun(t, 0, "piinguin", "token", "create", "--name", "relay", "--role", "writer", "--tokens", "tokens.txt")
		serve := args("piinguin serve --store dynamodb --table-name piinguin --tokens tokens.txt --listen 127.0.0.1:8090 --original-grpc 0.0.0.0:8080 --original-plaintext --original-caller old-relay",
			"--table-name piinguin", "--table-name "+in.table, "127.0.0.1:8090", "127.0.0.1:0", "0.0.0.0:8080", "0.0.0.0:0")
		p := in.serve(t, append(serve[1:], "--original-allow", "read,delete")...)
		_, port, _ := strings.Cut(in.door(t), "]:")
		c := originaltest.NewClient(t, "127.0.0.1:"+port, insecure.NewCredentials())
		call := func(method string, message []byte) string {
			t.Helper()
			a, err := c.Call(t.Context(), method, message)
			if err != nil {
				t.Fatal(err)
			}
			return strings.TrimSpace(fmt.Sprint(a.Success, " ", a.Message, " ", a.Original))
		}
		got := []string{
			call("ReadPiiRecord", originaltest.Read("kept", 0)),
			call("ReadPiiRecord", originaltest.Read(strings.Repeat("long", 100), 1)),
			call("CreatePiiRecord", originaltest.Create("kept", "CANARY-new")), // over an item of the original
			call("ReadPiiRecord", originaltest.Read("kept", 0)),
			call("DeletePiiRecord", originaltest.Delete("kept")),
			call("CreatePiiRecord", originaltest.Create("kept", "CANARY-again")), // as Lambda would
			call("ReadPiiRecord", originaltest.Read("kept", 0)),
		}
		const none, not = "false not_found: there is no such record", "true not stored: the value was erased, or a newer one is there"
		if diff := cmp.Diff([]string{"true OK CANARY-kept", "true OK CANARY-long", "true OK", "true OK CANARY-new", "true OK", not, none}, got); diff != "" {
			t.Errorf("an old client (-want +got):\n%s", diff)
		}
		// The original on the same table would bring the erased value back, unseen: never both, and no way back.
		in.originalPut(t, "kept", "CANARY-unerased")
		if got := call("ReadPiiRecord", originaltest.Read("kept", 0)); got != "true OK CANARY-unerased" {
			t.Errorf("the page says that the original brings a value back: %s", got)
		}
		p.stop(t)
		wantNoCanary(t, in)
		reads := in.entries(t, audit.Read)
		if len(reads) != 5 {
			t.Errorf("%d reads are recorded", len(reads))
		}
	})
}
