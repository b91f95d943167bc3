package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

// memory is an engine that speaks as much of DynamoDB as Piinguin's server uses, keeps items in
// memory, and lets each call wait as AWS does. It counts what DynamoDB would charge, by the sizes
// of items: that is what a client pays, its retries included. On DynamoDB Local the engine's own
// CPU time would hide what the wait costs.
type memory struct {
	get, put time.Duration // how long a call that reads or writes waits

	mu     sync.Mutex
	tables map[string]*table
	meter  meter
}

func newMemory(get, put string) (http.Handler, error) {
	m := &memory{tables: map[string]*table{}, meter: meter{Calls: map[string]float64{}}}
	var err error
	if m.get, err = time.ParseDuration(get); err != nil {
		return nil, err
	}
	m.put, err = time.ParseDuration(put)
	return m, err
}

// request has the fields of all requests that are understood.
type request struct {
	TableName                                   string
	Key, Item, ExclusiveStartKey                item
	ConditionExpression, KeyConditionExpression string
	ExpressionAttributeNames                    map[string]string
	ExpressionAttributeValues                   map[string]value
	ReturnValues                                string
	ReturnValuesOnConditionCheckFailure         string
	ConsistentRead                              bool
	ScanIndexForward                            *bool
	Limit                                       int
	RequestItems                                map[string]json.RawMessage
	KeySchema                                   []struct{ AttributeName, KeyType string }
	AttributeDefinitions                        []struct{ AttributeName, AttributeType string }
	Statements                                  []statement
}

// refusal is an answer of the service that is an error.
type refusal struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
	Item    item   `json:",omitempty"`
}

func (r *refusal) Error() string { return r.Type + ": " + r.Message }

func refuse(code, message string) error {
	return &refusal{Type: "com.amazonaws.dynamodb.v20120810#" + code, Message: message}
}

var writes = map[string]bool{"PutItem": true, "UpdateItem": true, "DeleteItem": true, "BatchWriteItem": true, "BatchExecuteStatement": true}

// ServeHTTP implements http.Handler.
func (m *memory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == meterPath {
		m.mu.Lock()
		defer m.mu.Unlock()
		_ = json.NewEncoder(w).Encode(m.meter)
		return
	}
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var in request
	var answer any
	err := json.NewDecoder(r.Body).Decode(&in)
	if err == nil {
		if writes[op] {
			time.Sleep(m.put)
		} else {
			time.Sleep(m.get)
		}
		answer, err = m.do(op, in)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		answer = err
	}
	text, err := json.Marshal(answer)
	if err != nil {
		panic(err) // it was made of what was decoded
	}
	_, _ = w.Write(text)
}

func (m *memory) do(op string, in request) (any, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.meter.Calls[op]++
	switch op {
	case "CreateTable":
		return m.createTable(in)
	case "BatchGetItem":
		return m.batchGet(in)
	case "BatchWriteItem":
		return m.batchWrite(in)
	case "BatchExecuteStatement":
		return m.batchExecute(in)
	}
	t, there := m.tables[in.TableName]
	if !there {
		return nil, refuse("ResourceNotFoundException", "no such table")
	}
	switch op {
	case "DescribeTable":
		return map[string]any{"Table": map[string]any{"TableName": in.TableName, "TableStatus": "ACTIVE"}}, nil
	case "GetItem":
		it := t.get(in.Key)
		m.meter.ReadUnits += readUnits(it.size(), in.ConsistentRead)
		if it == nil {
			return struct{}{}, nil
		}
		return map[string]any{"Item": it}, nil
	case "PutItem":
		return m.putItem(t, in)
	case "UpdateItem":
		// Only what a server tries at its start: an update whose condition never holds.
		if err := m.check(t, in, in.Key); err != nil {
			return nil, err
		}
	case "Query":
		return m.query(t, in)
	}
	return nil, refuse("UnknownOperationException", op)
}

func (m *memory) createTable(in request) (any, error) {
	t := &table{partitions: map[string][]item{}, kinds: map[string]string{}}
	for _, a := range in.AttributeDefinitions {
		t.kinds[a.AttributeName] = a.AttributeType
	}
	for _, k := range in.KeySchema {
		if k.KeyType == "HASH" {
			t.hash = k.AttributeName
		} else {
			t.order = k.AttributeName
		}
	}
	m.tables[in.TableName] = t
	return map[string]any{"TableDescription": map[string]any{"TableName": in.TableName, "TableStatus": "ACTIVE"}}, nil
}

// check refuses a write whose condition does not hold, which costs as much as the write.
func (m *memory) check(t *table, in request, key item) error {
	if in.ConditionExpression == "" {
		return nil
	}
	c, err := conditionOf(in.ConditionExpression)
	if err != nil {
		return refuse("ValidationException", err.Error())
	}
	old := t.get(key)
	if c.holds(asked{old, in.ExpressionAttributeNames, in.ExpressionAttributeValues}) {
		return nil
	}
	m.meter.WriteUnits += writeUnits(old.size())
	refused := &refusal{Type: "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", Message: "The conditional request failed"}
	if in.ReturnValuesOnConditionCheckFailure == "ALL_OLD" {
		refused.Item = old
	}
	return refused
}

func (m *memory) putItem(t *table, in request) (any, error) {
	if err := m.check(t, in, in.Item); err != nil {
		return nil, err
	}
	old := m.store(t, in.Item)
	if in.ReturnValues == "ALL_OLD" && old != nil {
		return map[string]any{"Attributes": old}, nil
	}
	return struct{}{}, nil
}

// store puts an item, and returns the one that was there.
func (m *memory) store(t *table, it item) (old item) {
	old = t.get(it)
	m.meter.WriteUnits += writeUnits(max(it.size(), old.size()))
	if lines := it["lines"]; lines != nil && lines.L != nil {
		m.meter.Pages, m.meter.Lines = m.meter.Pages+1, m.meter.Lines+float64(len(*lines.L))
	}
	t.put(it)
	return old
}

func (m *memory) batchGet(in request) (any, error) {
	found := map[string][]item{}
	for name, text := range in.RequestItems {
		var ask struct {
			Keys           []item
			ConsistentRead bool
		}
		t, there := m.tables[name]
		if err := json.Unmarshal(text, &ask); err != nil || !there {
			return nil, refuse("ValidationException", "no such table, or no keys")
		}
		for _, key := range ask.Keys {
			it := t.get(key)
			m.meter.ReadUnits += readUnits(it.size(), ask.ConsistentRead)
			if it != nil {
				found[name] = append(found[name], it)
			}
		}
	}
	return map[string]any{"Responses": found, "UnprocessedKeys": struct{}{}}, nil
}

func (m *memory) batchWrite(in request) (any, error) {
	for name, text := range in.RequestItems {
		var ask []struct {
			PutRequest    *struct{ Item item }
			DeleteRequest *struct{ Key item }
		}
		t, there := m.tables[name]
		if err := json.Unmarshal(text, &ask); err != nil || !there {
			return nil, refuse("ValidationException", "no such table, or no items")
		}
		for _, one := range ask {
			switch {
			case one.PutRequest != nil:
				m.store(t, one.PutRequest.Item)
			case one.DeleteRequest != nil:
				m.meter.WriteUnits += writeUnits(t.get(one.DeleteRequest.Key).size())
				t.remove(one.DeleteRequest.Key)
			}
		}
	}
	return map[string]any{"UnprocessedItems": struct{}{}}, nil
}
