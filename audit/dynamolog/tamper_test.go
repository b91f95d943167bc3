package dynamolog_test

import (
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
	"github.com/piinguin/piinguin/audit/dynamolog"
)

func TestTamper(t *testing.T) {
	audittest.Tamper(t, func(t *testing.T) audittest.Tamperable { return &tamperer{newTable(t)} })
}

// tamperer changes the table as anybody with the AWS console could.
type tamperer struct{ table }

type item = map[string]types.AttributeValue

func (x *tamperer) put(t *testing.T, it item) {
	t.Helper()
	if _, err := x.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &x.name, Item: it}); err != nil {
		t.Fatal(err)
	}
}

func (x *tamperer) remove(t *testing.T, it item) {
	t.Helper()
	key := item{"partition": it["partition"], "number": it["number"]}
	if _, err := x.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &x.name, Key: key}); err != nil {
		t.Fatal(err)
	}
}

func partitionOf(it item) string { return textOf(it, "partition") }

func textOf(it item, name string) string {
	v, ok := it[name].(*types.AttributeValueMemberS)
	if !ok {
		panic("no text attribute " + name)
	}
	return v.Value
}

func numberOf(it item) string {
	v, ok := it["number"].(*types.AttributeValueMemberN)
	if !ok {
		panic("a row without a number")
	}
	return v.Value
}

// nameOf is how a finding names a row.
func nameOf(it item) string {
	partition := partitionOf(it)
	switch {
	case !strings.Contains(partition, "/"):
		n, _ := strconv.ParseInt(numberOf(it), 10, 64)
		return audit.PageRow(partition, n)
	case partition == "ledger/key":
		return audit.KeyRow
	case partition == "ledger/logs":
		return audit.LogRow(textOf(it, "log"))
	}
	return "row " + partition + "/" + numberOf(it)
}

// Tamperings implements audittest.Tamperable, when everything is derived.
func (x *tamperer) Tamperings(t *testing.T) []audittest.Tampering {
	x.derived(t)
	var all []audittest.Tampering
	rows := x.rows(t)
	for i, it := range rows {
		isMark := strings.HasSuffix(partitionOf(it), "/watermark")
		if !isMark { // without one, or with a lower one, queries only read more
			all = append(all, x.replace("drop "+nameOf(it), nameOf(it), []item{it}, nil))
		}
		for name, value := range it {
			for _, other := range changed(value) {
				now := maps.Clone(it)
				now[name] = other
				row := nameOf(it)
				if isMark && name != "next" {
					continue // a watermark less, and another row that says nothing
				}
				all = append(all, x.replace("change "+name+" of "+row, row, []item{it}, []item{now}))
			}
		}
		if i+1 < len(rows) && !isMark && partitionOf(it) == partitionOf(rows[i+1]) {
			a, b := maps.Clone(it), maps.Clone(rows[i+1])
			a["number"], b["number"] = b["number"], a["number"]
			all = append(all, x.replace("swap "+nameOf(it), nameOf(it), []item{it, rows[i+1]}, []item{a, b}))
		}
	}
	for _, it := range rows {
		if strings.HasPrefix(partitionOf(it), "subject/") {
			copied := maps.Clone(it)
			copied["partition"] = &types.AttributeValueMemberS{Value: "subject/somebody"}
			all = append(all, x.replace("add "+nameOf(copied), nameOf(copied), nil, []item{copied}))
		}
	}
	return all
}

func (x *tamperer) replace(name, row string, old, now []item) audittest.Tampering {
	swap := func(t *testing.T, from, to []item) {
		for _, it := range from {
			x.remove(t, it)
		}
		for _, it := range to {
			x.put(t, it)
		}
	}
	return audittest.Tampering{
		Name: name, Row: row,
		Apply: func(t *testing.T) { swap(t, old, now) },
		Undo:  func(t *testing.T) { swap(t, now, old) },
	}
}

// changed returns other values of the same type: of a list, with each element
// changed, lost and doubled.
func changed(value types.AttributeValue) []types.AttributeValue {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		middle := len(v.Value) / 2
		for v.Value[middle] >= 0x80 { // DynamoDB keeps UTF-8 only
			middle++
		}
		flipped := v.Value[:middle] + string(v.Value[middle]^1) + v.Value[middle+1:]
		return []types.AttributeValue{&types.AttributeValueMemberS{Value: flipped}}
	case *types.AttributeValueMemberN:
		return []types.AttributeValue{&types.AttributeValueMemberN{Value: v.Value + "7"}}
	case *types.AttributeValueMemberB:
		flipped := append([]byte(nil), v.Value...)
		flipped[len(flipped)/2] ^= 1
		return []types.AttributeValue{&types.AttributeValueMemberB{Value: flipped}}
	case *types.AttributeValueMemberL:
		var all []types.AttributeValue
		for i, element := range v.Value {
			before, after := v.Value[:i:i], v.Value[i+1:]
			all = append(all, list(before, changed(element), after), list(before, nil, after),
				list(before, []types.AttributeValue{element, element}, after))
		}
		return all
	}
	return nil
}

func list(parts ...[]types.AttributeValue) types.AttributeValue {
	l := &types.AttributeValueMemberL{Value: []types.AttributeValue{}}
	for _, p := range parts {
		l.Value = append(l.Value, p...)
	}
	return l
}

func (x *tamperer) rows(t *testing.T) []item {
	t.Helper()
	out, err := x.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &x.name, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	if out.LastEvaluatedKey != nil {
		t.Fatal("more rows than one answer holds")
	}
	return out.Items
}

// table is a ledger in a table of its own, with its rows being derived.
type table struct {
	*dynamolog.Store
	client *dynamodb.Client
	name   string
}

// derived returns when every page of every log is derived.
func (x table) derived(t *testing.T) {
	t.Helper()
	logs, err := x.Logs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range logs {
		last, err := x.Last(t.Context(), log)
		if err != nil {
			t.Fatal(err)
		}
		want := strconv.FormatInt(last.Number+1, 10)
		for have := ""; have != want; {
			out, err := x.client.GetItem(t.Context(), &dynamodb.GetItemInput{
				TableName: &x.name, ConsistentRead: aws.Bool(true),
				Key: item{"partition": &types.AttributeValueMemberS{Value: log + "/watermark"}, "number": &types.AttributeValueMemberN{Value: "0"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if next, ok := out.Item["next"].(*types.AttributeValueMemberN); ok {
				have = next.Value
			}
		}
	}
}
