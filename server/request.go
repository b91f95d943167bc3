package server

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/reflect/protoreflect"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/strictjson"
)

// methodsByPath are the methods of the API. Whoever asks for another path gets our answer:
// Twirp's own quotes the path and has no reason.
var methodsByPath = func() map[string]protoreflect.MethodDescriptor {
	all := map[string]protoreflect.MethodDescriptor{}
	for _, file := range []protoreflect.FileDescriptor{
		piinguinv1.File_rpc_piinguin_v1_piinguin_proto, piinguinv1.File_rpc_piinguin_v1_audit_proto,
	} {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				all[piinguinv1.TwirpPath+string(service.FullName())+"/"+string(method.Name())] = method
			}
		}
	}
	return all
}()

// checkRequest lets only requests through that Twirp's generated code can answer: of a method,
// with a body within the limit and, in JSON, with nothing that the code would drop.
func (s *Server) checkRequest(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method, check, f := routeOf(r)
		if f != nil {
			writeError(w, r, f)
			return
		}
		held := s.bodies.open(accessOf(r.Context()).principal)
		defer held.close()
		body, f := readBody(w, r, held)
		if f != nil {
			writeError(w, r, f)
			return
		}
		if f := check(body, method.Input()); f != nil {
			writeError(w, r, f)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// routeOf returns the method that a request calls, and the check of its body.
func routeOf(r *http.Request) (protoreflect.MethodDescriptor, bodyCheck, *failure) {
	method, known := methodsByPath[r.URL.EscapedPath()]
	if !known {
		return nil, nil, failBadRoute
	}
	accessOf(r.Context()).method = string(method.Name())
	if r.Method != http.MethodPost {
		return nil, nil, failVerb
	}
	check, f := checkOf(r.Header)
	return method, check, f
}

// checkOf returns the check of a body with these headers. Twirp's generated code takes the body as it
// stands, whatever they say of a compression or a charset.
func checkOf(h http.Header) (bodyCheck, *failure) {
	for _, coding := range h.Values("Content-Encoding") {
		if coding != "" && !strings.EqualFold(coding, "identity") {
			return nil, failEncoding
		}
	}
	switch h.Get("Content-Type") { // as nearly every client writes it
	case "application/protobuf":
		return checkProtobuf, nil
	case "application/json":
		return checkJSON, nil
	}
	_, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	if charset, stated := parameters["charset"]; stated && !strings.EqualFold(charset, "utf-8") {
		return nil, failCharset
	}
	if err != nil {
		return nil, failContentType
	}
	switch contentType(h) {
	case "application/json":
		return checkJSON, nil
	case "application/protobuf":
		return checkProtobuf, nil
	}
	return nil, failContentType
}

// contentType reads the header as Twirp's generated code does, without what stands behind a semicolon.
func contentType(h http.Header) string {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.TrimSpace(strings.ToLower(kind))
}

// bodyCheck refuses a body that Twirp's generated code must not decode as a message of d.
type bodyCheck func(body []byte, d protoreflect.MessageDescriptor) *failure

func checkJSON(body []byte, d protoreflect.MessageDescriptor) *failure {
	most := mostItems(d)
	return jsonFailure(strictjson.Check(body, d, most), most)
}

// mostItems is how many items each list of a request may have: those of a batch, or the values of a filter.
func mostItems(request protoreflect.MessageDescriptor) int {
	if request.ParentFile().Path() == piinguinv1.File_rpc_piinguin_v1_audit_proto.Path() {
		return piinguinv1.MaxFilterValues
	}
	return piinguinv1.MaxBatch
}

// jsonFailure is what a caller is told of a problem, or nil. most is what a list may have.
func jsonFailure(p *strictjson.Problem, most int) *failure {
	if p == nil {
		return nil
	}
	about := func(reason, text string) *failure {
		field := p.Path
		if field == "" {
			field = "body"
		}
		return &failure{code: twirp.InvalidArgument, reason: reason, text: field + " " + text, field: field}
	}
	switch p.Kind {
	case strictjson.MoreThanOne:
		return failMoreThanOne
	case strictjson.UnknownField:
		if p.Named {
			return about("unknown_field", "is not a field of this call")
		}
		return about("unknown_field", "has a field that is not one of this call")
	case strictjson.Duplicate:
		return about(p.Field+"_duplicate", "is there twice")
	case strictjson.WrongType:
		return about(p.Field+"_wrong_type", "has a value of the wrong type or form")
	case strictjson.UnknownValue:
		return about(p.Field+"_unknown", "must be "+namesOf(p.Enum))
	case strictjson.NotUTF8:
		return about(p.Field+"_not_utf8", "must be UTF-8")
	case strictjson.Missing:
		return about(p.Field+"_required", "is required")
	case strictjson.TooMany:
		return about(p.Field+"_too_many", fmt.Sprintf("must have at most %d items", most))
	}
	return failNotJSON
}
