package dynamolog_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
)

func TestTamper(t *testing.T) {
	audittest.Tamper(t, func(t *testing.T) audittest.Tamperable { return &tamperer{newTable(t)} })
}

// tamperer changes the table as anybody with the AWS console could.
type tamperer struct{ table }

func partitionOf(it item) string {
	v, ok := it["partition"].(*types.AttributeValueMemberS)
	if !ok {
		panic("a row without a partition")
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

func isStub(it item) bool { return it["leaves"] != nil }

// nameOf is how a finding names a row.
func nameOf(it item) string {
	partition := partitionOf(it)
	partition = partition[:min(100, len(partition))]
	n, err := strconv.ParseInt(numberOf(it), 10, 64)
	log, noPage := audit.ParseLogID(partition)
	name, kind, isBlob := strings.Cut(strings.TrimPrefix(partition, "~"), "/")
	of, noLog := audit.ParseLogID(name)
	switch {
	case err == nil && n >= 0 && noPage == nil:
		return audit.PageRow(log, n)
	case err == nil && n >= 0 && isBlob && noLog == nil && audit.ValidKind(kind):
		return audit.BlobRow(of, kind, n)
	case err == nil && n == 0 && partition == "~ledger":
		return audit.KeyRow
	}
	return fmt.Sprintf("row %+q/%s", partition, numberOf(it)) // that belongs to nothing
}

// with returns a row with another value of an attribute, or without it.
func with(it item, name string, value types.AttributeValue) item {
	now := maps.Clone(it)
	if now[name] = value; value == nil {
		delete(now, name)
	}
	return now
}

// Tamperings implements audittest.Tamperable.
func (x *tamperer) Tamperings(t *testing.T) []audittest.Tampering {
	var all []audittest.Tampering
	rows := x.rows(t)
	for i, it := range rows {
		last := i
		for last+1 < len(rows) && partitionOf(rows[last+1]) == partitionOf(it) {
			last++
		}
		all = append(all, x.attributes(it)...)
		all = append(all, x.moves(it, rows[last])...)
		if row, found := lossOf(it, i == last); found {
			all = append(all, x.replace("drop "+nameOf(it), row, []item{it}, nil))
		}
		if i < last {
			a, b := with(it, "number", rows[i+1]["number"]), with(rows[i+1], "number", it["number"])
			all = append(all, x.replace("swap "+nameOf(it), nameOf(it), []item{it, rows[i+1]}, []item{a, b}))
		}
	}
	return append(all, x.strays()...)
}

// lossOf returns what Verify names when a row is gone. The loss of the spine's own end is found by a kept
// file only.
func lossOf(it item, last bool) (row string, found bool) {
	first, isPage := it["first"].(*types.AttributeValueMemberN)
	log, _ := audit.ParseLogID(partitionOf(it))
	if !isPage || !last {
		return nameOf(it), true
	}
	n, err := strconv.ParseInt(first.Value, 10, 64)
	return audit.EntryRow(log, n), err == nil && log != audit.Spine
}

// attributes changes each attribute of a row that is not of its key, takes it away, gives it another
// type, and adds one that no row has.
func (x *tamperer) attributes(it item) []audittest.Tampering {
	var all []audittest.Tampering
	change := func(what string, now item) {
		all = append(all, x.replace(what+" of "+nameOf(it), nameOf(it), []item{it}, []item{now}))
	}
	for _, name := range slices.Sorted(maps.Keys(it)) {
		if name == "partition" || name == "number" {
			continue
		}
		for i, other := range changed(it[name]) {
			change(fmt.Sprintf("change %d of %s", i, name), with(it, name, other))
		}
		change("loss of "+name, with(it, name, nil))
		change("other type of "+name, with(it, name, &types.AttributeValueMemberBOOL{Value: true}))
	}
	for _, name := range []string{"more", "lines", "leaves"} {
		if it[name] == nil {
			change("an attribute "+name, with(it, name, list()))
		}
	}
	return all
}

// moves puts a row, or a copy of it, where none stands or none can stand.
func (x *tamperer) moves(it, last item) []audittest.Tampering {
	var all []audittest.Tampering
	add := func(what, row string, old []item, now item) {
		all = append(all, x.replace(what+" of "+nameOf(it)+" to "+nameOf(now), row, old, []item{now}))
	}
	for i, now := range elsewhere(it) {
		if numberOf(it) == "0" || isStub(it) || i%5 == 0 { // of each log everywhere, of each page somewhere
			add("copy", nameOf(now), nil, now)
		}
		if i%10 == 0 || partitionOf(it) == "~ledger" {
			add("move", nameOf(now), []item{it}, now)
		}
	}
	end, err := strconv.ParseInt(numberOf(last), 10, 64)
	if err != nil {
		panic(err)
	}
	for _, n := range []int64{end + 2, math.MaxInt64} {
		behind := with(it, "number", decimal(strconv.FormatInt(n, 10)))
		switch {
		case it["first"] == nil:
			add("copy", nameOf(behind), nil, behind)
		case isStub(it):
			add("copy", nameOf(behind), nil, behind) // the copy itself is what must not be
			add("move", nameOf(it), []item{it}, behind)
		default: // leaves a gap before it
			add("copy", audit.PageRow(logOf(it), end+1), nil, behind)
		}
	}
	return all
}

// elsewhere returns a row under keys that no row has.
func elsewhere(it item) []item {
	var all []item
	for _, n := range []string{
		"0.5", "-1", "-7.25", "-1000000000000000000000000000000", "9223372036854775808", "100000000000000000000000000000000000000",
	} {
		all = append(all, with(it, "number", decimal(n)))
	}
	for _, partition := range []string{
		"../x", "x\x1b[2J\n", "65", "01", "-1", "~", "~ledger/0", "~1", "~1/tile/0/../../x", "~lease/65", "ledger/key",
		"subject/" + strings.Repeat("ü", 900),
	} {
		all = append(all, with(it, "partition", text(partition)))
	}
	return all
}

func logOf(it item) audit.LogID {
	log, _ := audit.ParseLogID(partitionOf(it))
	return log
}

// strays adds rows of kinds that there are, where there must not be any.
func (x *tamperer) strays() []audittest.Tampering {
	var all []audittest.Tampering
	add := func(it item) {
		all = append(all, x.replace("add "+nameOf(it), nameOf(it), nil, []item{it}))
	}
	lease := func(partition, n string) item {
		return item{"partition": text(partition), "number": decimal(n), "holder": text("somebody"), "until": decimal("0")}
	}
	add(lease("~lease/1", "1"))
	add(with(lease("~lease/1", "0"), "more", text("")))
	add(with(lease("~lease/spine", "0"), "until", decimal("0.5")))
	add(with(lease("~lease/2", "0"), "holder", nil))
	for _, partition := range []string{"~1/tile/0", "~1/tile/6", "~1/run/1/2/3", "~2/tile/9", "~3/tile/0", "~spine/tile/0"} {
		add(item{"partition": text(partition), "number": decimal("0"), "data": &types.AttributeValueMemberB{Value: make([]byte, 256*32)}})
	}
	add(item{"partition": text("3"), "number": decimal("0")})
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

// changed returns other values of the same type: of a list, with each element changed, lost and doubled.
func changed(value types.AttributeValue) []types.AttributeValue {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		middle := len(v.Value) / 2
		for v.Value[middle] >= 0x80 { // DynamoDB keeps UTF-8 only
			middle++
		}
		return []types.AttributeValue{
			text(v.Value[:middle] + string(v.Value[middle]^1) + v.Value[middle+1:]), text(v.Value + "x"), text(""),
		}
	case *types.AttributeValueMemberN:
		return []types.AttributeValue{decimal(v.Value + "7"), decimal(v.Value + ".5"), decimal("9223372036854775807"), decimal("9223372036854775808")}
	case *types.AttributeValueMemberB:
		all := []types.AttributeValue{&types.AttributeValueMemberB{Value: append(slices.Clone(v.Value), make([]byte, 32)...)}}
		if len(v.Value) == 0 {
			return all
		}
		flipped := slices.Clone(v.Value)
		flipped[len(flipped)/2] ^= 1
		for _, other := range [][]byte{flipped, v.Value[:len(v.Value)-1], {}} {
			all = append(all, &types.AttributeValueMemberB{Value: other})
		}
		return all
	case *types.AttributeValueMemberL:
		all := []types.AttributeValue{list()}
		for i, element := range v.Value {
			before, after := v.Value[:i:i], v.Value[i+1:]
			all = append(all, list(before, after), list(before, []types.AttributeValue{element, element}, after))
			others := append(changed(element), decimal("1"))
			if i > 0 {
				others = others[:1]
			}
			for _, other := range others {
				all = append(all, list(before, []types.AttributeValue{other}, after))
			}
		}
		return all
	}
	return nil
}

func list(parts ...[]types.AttributeValue) types.AttributeValue {
	return &types.AttributeValueMemberL{Value: append([]types.AttributeValue{}, slices.Concat(parts...)...)} // not nil
}
