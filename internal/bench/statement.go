package main

import (
	"fmt"
	"regexp"
)

// statement is one of PartiQL. Only an INSERT whose values are all parameters is understood.
type statement struct {
	Statement  string
	Parameters []value
}

var (
	insertText = regexp.MustCompile(`^INSERT INTO "([^"]+)" VALUE \{('\w+':\?(?:,'\w+':\?)*)\}$`)
	nameText   = regexp.MustCompile(`\w+`)
)

// item returns the table and the item of an INSERT.
func (s statement) item() (table string, it item, err error) {
	parts := insertText.FindStringSubmatch(s.Statement)
	if parts == nil {
		return "", nil, fmt.Errorf("not understood: %s", s.Statement)
	}
	names := nameText.FindAllString(parts[2], -1)
	if len(names) != len(s.Parameters) {
		return "", nil, fmt.Errorf("%d parameters for %s", len(s.Parameters), s.Statement)
	}
	it = item{}
	for i, name := range names {
		it[name] = s.Parameters[i]
	}
	return parts[1], it, nil
}

// batchExecute does statements, each for itself. One that finds an item costs as much as to write that.
func (m *memory) batchExecute(in request) (any, error) {
	type answer struct {
		TableName string
		Error     map[string]string `json:",omitempty"`
	}
	answers := make([]answer, len(in.Statements))
	for i, s := range in.Statements {
		name, it, err := s.item()
		if err != nil {
			return nil, refuse("ValidationException", err.Error())
		}
		answers[i].TableName = name
		t, there := m.tables[name]
		switch {
		case !there:
			answers[i].Error = failed("ResourceNotFound", "no such table")
		case !t.takes(it):
			answers[i].Error = failed("ValidationError", "the key is missing or of another type")
		case t.get(it) != nil:
			m.meter.WriteUnits += writeUnits(t.get(it).size())
			answers[i].Error = failed("DuplicateItem", "Duplicate primary key exists in table")
		default:
			m.store(t, it)
		}
	}
	return map[string]any{"Responses": answers}, nil
}

func failed(code, message string) map[string]string {
	return map[string]string{"Code": code, "Message": message}
}
