package client_test

import (
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// vault answers as a Piinguin server does, from memory. Receipts name the item in
// place of a log: the modified value, or of a create the original one.
type vault struct {
	// onCall runs before a call is served; its error is the call's. Optional.
	onCall func(method string, items []string) error
	// onItem refuses single items of batches. Optional.
	onItem func(item string) *piinguinv1.Error

	mu        sync.Mutex
	originals map[string]string
	entries   int64
}

var _ piinguinv1.Piinguin = (*vault)(nil)

// newVault starts one on a port of this machine; close ends it.
func newVault() (v *vault, url string, end func()) {
	v = &vault{}
	url, end = serve(v)
	return v, url, end
}

func serve(api piinguinv1.Piinguin) (url string, end func()) {
	srv := httptest.NewServer(piinguinv1.NewPiinguinServer(api))
	return srv.URL, srv.Close
}

func (v *vault) handler() http.Handler { return piinguinv1.NewPiinguinServer(v) }

// RoundTrip implements http.RoundTripper: it serves without a network, which a bubble
// of synctest cannot wait for.
func (v *vault) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	v.handler().ServeHTTP(w, r)
	return w.Result(), r.Context().Err()
}

func (v *vault) config() client.Config {
	return client.Config{HTTPClient: &http.Client{Transport: v}, Attempts: 1}
}

func (v *vault) called(ctx context.Context, items []string) error {
	if len(items) < 1 || len(items) > 500 {
		return twirp.InvalidArgument.Error("the server takes 1 to 500 items")
	}
	if v.onCall == nil {
		return nil
	}
	method, _ := twirp.MethodName(ctx)
	return v.onCall(method, items)
}

// receipt is nil for an item that is refused.
func (v *vault) receipt(item string) (*piinguinv1.AuditReceipt, *piinguinv1.Error) {
	if v.onItem != nil {
		if e := v.onItem(item); e != nil {
			return nil, e
		}
	}
	v.entries++
	return receipt(cmp.Or(item, "log"), v.entries-1), nil
}

func (v *vault) create(r *piinguinv1.PiiRecord) *piinguinv1.CreatePiiRecordResult {
	v.mu.Lock()
	defer v.mu.Unlock()
	if r.GetModifiedValue() == "" {
		return &piinguinv1.CreatePiiRecordResult{Error: refusal(twirp.InvalidArgument, "modified_value_required")}
	}
	receipt, e := v.receipt(r.GetOriginalValue())
	if e != nil {
		return &piinguinv1.CreatePiiRecordResult{Error: e}
	}
	if v.originals == nil {
		v.originals = map[string]string{}
	}
	_, replaced := v.originals[r.GetModifiedValue()]
	v.originals[r.GetModifiedValue()] = r.GetOriginalValue()
	return &piinguinv1.CreatePiiRecordResult{Replaced: replaced, Receipt: receipt}
}

func (v *vault) read(value string) *piinguinv1.ReadPiiRecordResult {
	v.mu.Lock()
	defer v.mu.Unlock()
	original, found := v.originals[value]
	if !found {
		return &piinguinv1.ReadPiiRecordResult{Error: refusal(twirp.NotFound, "not_found")}
	}
	receipt, e := v.receipt(value)
	if e != nil {
		return &piinguinv1.ReadPiiRecordResult{Error: e}
	}
	return &piinguinv1.ReadPiiRecordResult{Receipt: receipt, PiiRecord: &piinguinv1.PiiRecord{ModifiedValue: value, OriginalValue: original}}
}

func (v *vault) erase(value string) *piinguinv1.DeletePiiRecordResult {
	v.mu.Lock()
	defer v.mu.Unlock()
	receipt, e := v.receipt(value)
	if e != nil {
		return &piinguinv1.DeletePiiRecordResult{Error: e}
	}
	_, erased := v.originals[value]
	delete(v.originals, value)
	return &piinguinv1.DeletePiiRecordResult{Erased: erased, Receipt: receipt}
}

func refusal(code twirp.ErrorCode, reason string) *piinguinv1.Error {
	return &piinguinv1.Error{Code: string(code), Reason: reason}
}

// single is the error of a single call.
func single(e *piinguinv1.Error) error {
	if e == nil {
		return nil
	}
	return twirp.NewError(twirp.ErrorCode(e.Code), "fixed").WithMeta("reason", e.Reason)
}

func based(basis piinguinv1.LawfulBasisForProcessing) error {
	if basis == piinguinv1.LawfulBasisForProcessing_LAWFUL_BASIS_UNSPECIFIED {
		return twirp.InvalidArgumentError("processing_basis", "is required").WithMeta("reason", "processing_basis_required")
	}
	return nil
}

// CreatePiiRecord implements piinguinv1.Piinguin.
func (v *vault) CreatePiiRecord(ctx context.Context, in *piinguinv1.CreatePiiRecordRequest) (*piinguinv1.CreatePiiRecordResponse, error) {
	if err := v.called(ctx, []string{in.GetPiiRecord().GetOriginalValue()}); err != nil {
		return nil, err
	}
	r := v.create(in.GetPiiRecord())
	return &piinguinv1.CreatePiiRecordResponse{Replaced: r.Replaced, Receipt: r.Receipt}, single(r.Error)
}

// CreatePiiRecords implements piinguinv1.Piinguin.
func (v *vault) CreatePiiRecords(ctx context.Context, in *piinguinv1.CreatePiiRecordsRequest) (*piinguinv1.CreatePiiRecordsResponse, error) {
	var items []string
	for _, r := range in.GetPiiRecords() {
		items = append(items, r.GetOriginalValue())
	}
	if err := v.called(ctx, items); err != nil {
		return nil, err
	}
	out := &piinguinv1.CreatePiiRecordsResponse{}
	for _, r := range in.GetPiiRecords() {
		out.Results = append(out.Results, v.create(r))
	}
	return out, nil
}

// ReadPiiRecord implements piinguinv1.Piinguin.
func (v *vault) ReadPiiRecord(ctx context.Context, in *piinguinv1.ReadPiiRecordRequest) (*piinguinv1.ReadPiiRecordResponse, error) {
	if err := v.called(ctx, []string{in.GetModifiedValue()}); err != nil {
		return nil, err
	}
	if err := based(in.GetProcessingBasis()); err != nil {
		return nil, err
	}
	r := v.read(in.GetModifiedValue())
	return &piinguinv1.ReadPiiRecordResponse{PiiRecord: r.PiiRecord, Receipt: r.Receipt}, single(r.Error)
}

// ReadPiiRecords implements piinguinv1.Piinguin.
func (v *vault) ReadPiiRecords(ctx context.Context, in *piinguinv1.ReadPiiRecordsRequest) (*piinguinv1.ReadPiiRecordsResponse, error) {
	if err := v.called(ctx, in.GetModifiedValues()); err != nil {
		return nil, err
	}
	if err := based(in.GetProcessingBasis()); err != nil {
		return nil, err
	}
	out := &piinguinv1.ReadPiiRecordsResponse{}
	for _, value := range in.GetModifiedValues() {
		out.Results = append(out.Results, v.read(value))
	}
	return out, nil
}

// DeletePiiRecord implements piinguinv1.Piinguin.
func (v *vault) DeletePiiRecord(ctx context.Context, in *piinguinv1.DeletePiiRecordRequest) (*piinguinv1.DeletePiiRecordResponse, error) {
	if err := v.called(ctx, []string{in.GetModifiedValue()}); err != nil {
		return nil, err
	}
	r := v.erase(in.GetModifiedValue())
	return &piinguinv1.DeletePiiRecordResponse{Erased: r.Erased, Receipt: r.Receipt}, single(r.Error)
}

// DeletePiiRecords implements piinguinv1.Piinguin.
func (v *vault) DeletePiiRecords(ctx context.Context, in *piinguinv1.DeletePiiRecordsRequest) (*piinguinv1.DeletePiiRecordsResponse, error) {
	if err := v.called(ctx, in.GetModifiedValues()); err != nil {
		return nil, err
	}
	out := &piinguinv1.DeletePiiRecordsResponse{}
	for _, value := range in.GetModifiedValues() {
		out.Results = append(out.Results, v.erase(value))
	}
	return out, nil
}
