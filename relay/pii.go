package relay

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/types/known/timestamppb"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// The limits of the contract, in bytes (rpc/piinguin/v1/piinguin.proto).
const (
	maxModified = 128
	maxOriginal = 32 << 10
	maxSource   = 512
)

// transformation is the data of pii_transformation 1-*-*.
type transformation struct {
	PII struct {
		Pojo []item `json:"pojo"`
		JSON []item `json:"json"`
	} `json:"pii"`
	Strategy struct {
		Pseudonymize struct {
			HashFunction string `json:"hashFunction"`
		} `json:"pseudonymize"`
	} `json:"strategy"`
}

// item is one pair. The published schema wraps the items of pii.json in
// fieldMapping; what is emitted is flat. Both are read, in either list.
type item struct {
	mapping
	FieldMapping *mapping `json:"fieldMapping"`
}

type mapping struct {
	FieldName     string         `json:"fieldName"`
	OriginalValue jsontext.Value `json:"originalValue"`
	ModifiedValue jsontext.Value `json:"modifiedValue"`
	JSONPath      string         `json:"jsonPath"`
	Schema        string         `json:"schema"`
}

// decodePII turns the data of a PII transformation event into records.
func decodePII(data jsontext.Value, tstamp, parent string) (Event, Reason) {
	observed, reason := parseTime(tstamp)
	if reason != "" {
		return Event{}, reason
	}
	var t transformation
	if reason := parse(data, &t); reason != "" {
		return Event{}, reason
	}
	var records []*piinguinv1.PiiRecord
	for _, it := range append(t.PII.Pojo, t.PII.JSON...) {
		m := it.mapping
		if it.FieldMapping != nil {
			m = *it.FieldMapping
		}
		record, reason := m.record(observed, t.Strategy.Pseudonymize.HashFunction, parent)
		if reason != "" {
			return Event{}, reason
		}
		records = append(records, record)
	}
	if len(records) == 0 {
		// Snowplow emits no such event, so the pairs are somewhere unknown.
		return Event{}, ReasonNoPairs
	}
	return Event{records}, ""
}

func (m mapping) record(observed *timestamppb.Timestamp, hash, parent string) (*piinguinv1.PiiRecord, Reason) {
	modified, reason := text(m.ModifiedValue, ReasonModifiedMissing, ReasonModifiedType)
	if reason != "" {
		return nil, reason
	}
	original, reason := text(m.OriginalValue, ReasonOriginalMissing, ReasonOriginalType)
	if reason != "" {
		return nil, reason
	}
	switch {
	case modified == "" || len(modified) > maxModified || hasControl(modified):
		return nil, ReasonModifiedLimits
	case len(original) > maxOriginal:
		return nil, ReasonOriginalLimits
	}
	for _, s := range []string{m.FieldName, m.JSONPath, m.Schema, hash, parent} {
		if len(s) > maxSource || hasControl(s) {
			return nil, ReasonSourceLimits
		}
	}
	return &piinguinv1.PiiRecord{
		ModifiedValue: modified,
		OriginalValue: original,
		ObservedAt:    observed,
		Source: &piinguinv1.Source{
			FieldName:     m.FieldName,
			JsonPath:      m.JSONPath,
			Schema:        m.Schema,
			HashFunction:  hash,
			ParentEventId: parent,
		},
	}, ""
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

// text decodes a JSON string to the very bytes that it stands for, or not at all.
// A number or a boolean is refused: Snowplow hashes strings and emits strings, so
// another type is not the value that was hashed.
func text(raw jsontext.Value, missing, wrongType Reason) (string, Reason) {
	if len(raw) == 0 {
		return "", missing
	}
	if raw[0] != '"' {
		return "", wrongType
	}
	if loneSurrogate(raw) {
		return "", ReasonSurrogate
	}
	s, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return "", wrongType
	}
	return string(s), ""
}

// loneSurrogate finds a \uD800 to \uDFFF that is not half of a pair. encoding/json
// puts U+FFFD in its place, which would store another value than the original.
// raw is a valid JSON string.
func loneSurrogate(raw []byte) bool {
	high := false // the escape just before was the first half of a pair
	for len(raw) > 0 {
		if raw[0] != '\\' || raw[1] != 'u' {
			if high {
				return true
			}
			next := 1
			if raw[0] == '\\' {
				next = 2
			}
			raw = raw[next:]
			continue
		}
		unit, _ := strconv.ParseUint(string(raw[2:6]), 16, 16)
		if low := unit >= 0xdc00 && unit <= 0xdfff; low != high {
			return true
		}
		high = unit >= 0xd800 && unit <= 0xdbff
		raw = raw[6:]
	}
	return high
}
