package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/relay/relaytest"
)

// What is wrong on the way to the server is told in the words of piinguin, and nothing that the other side
// says is quoted.
func TestWrongServersAreTold(t *testing.T) {
	const secret = "c4n4ry"
	html := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>" + secret)) }
	plain, encrypted := httptest.NewServer(http.HandlerFunc(html)), httptest.NewTLSServer(http.HandlerFunc(html))
	redirect := httptest.NewServer(http.RedirectHandler("https://"+secret+".example/"+secret, http.StatusFound))
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = twirp.WriteError(w, twirp.NewError(twirp.Unauthenticated, secret))
	}))
	empty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "application/protobuf") }))
	for _, s := range []*httptest.Server{plain, encrypted, redirect, refusing, empty} {
		defer s.Close()
	}
	for name, c := range map[string]struct{ host, token, says string }{
		"HTML":            {plain.URL, "t", "perhaps a proxy or another program answered"},
		"http, not https": {strings.Replace(plain.URL, "http:", "https:", 1), "t", "takes plain HTTP only"},
		"https, not http": {strings.Replace(encrypted.URL, "https:", "http:", 1), "t", "takes https only"},
		"a redirect":      {redirect.URL, "t", "answered with a redirect"},
		"nothing":         {empty.URL, "t", "does not show that it was done"},
		"no token":        {refusing.URL, "", "no token was sent"},
		"a wrong token":   {refusing.URL, "t", "does not accept the token: it is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"PIINGUIN_HOST": c.host, "PIINGUIN_TOKEN": c.token}
			r := runTest(t.Context(), t, relaytest.New(t), nil, env, "replay", jsonFile)
			if r.exit != exitFailure || !strings.Contains(r.stderr, c.says) || strings.Contains(r.stderr+r.stdout, secret) {
				t.Errorf("exit %d, says %q", r.exit, r.stderr)
			}
		})
	}
}
