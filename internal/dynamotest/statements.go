package dynamotest

import (
	"encoding/json"
	"errors"
	"net/http"
)

// failStatements has the last statements of a batch fail.
func (ft *faulty) failStatements(r *http.Request, fault Fault) (*http.Response, error) {
	var request map[string]any
	err := json.NewDecoder(r.Body).Decode(&request)
	if err := errors.Join(err, r.Body.Close()); err != nil {
		return nil, err
	}
	statements, _ := request["Statements"].([]any)
	kept := max(0, len(statements)-fault.Unprocessed)
	if !fault.Apply {
		request["Statements"] = statements[:kept]
	}
	var answers []any
	if kept > 0 || fault.Apply {
		encoded, err := json.Marshal(request)
		if err != nil {
			return nil, err
		}
		answer, err := ft.ask(r, encoded)
		if err != nil {
			return nil, err
		}
		all, _ := answer["Responses"].([]any)
		answers = append(answers, all[:min(kept, len(all))]...)
	}
	if fault.Code != "" {
		failed := map[string]any{"Error": map[string]any{"Code": fault.Code, "Message": fault.Message}}
		for range len(statements) - kept {
			answers = append(answers, failed)
		}
	}
	return reply(r, http.StatusOK, map[string]any{"Responses": answers})
}
