package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUnknownVariables(t *testing.T) {
	known := []string{"PIINGUIN_REQUIRE_PURPOSE", "PIINGUIN_REQUIRE_REFERENCE", "PIINGUIN_HOST", "PIINGUIN_PORT"}
	got := UnknownVariables([]string{
		"PIINGUIN_REQUIRE_PURPSE=true", "PIINGUIN_HOST=h", "PIINGUIN_READER_TOKEN=canary", "PIINGUIN_PORT_NUMBER=7", "piinguin_host=x", "PATH=/",
		"PIINGUIN_SERVICE_HOST=10.0.0.1", "PIINGUIN_SERVICE_PORT=8080", "PIINGUIN_SERVICE_PORT_HTTP=8080", "PIINGUIN_PORT=tcp://10.0.0.1:8080",
		"PIINGUIN_PORT_8080_TCP=tcp://10.0.0.1:8080", "PIINGUIN_PORT_8080_TCP_ADDR=10.0.0.1", "PIINGUIN_PORT_8080_TCP_PORT=8080", "PIINGUIN_PORT_8080_TCP_PROTO=tcp",
		"PIINGUIN_PROXY_SERVICE_HOST=10.0.0.2", "PIINGUIN_PROXY_PORT=tcp://10.0.0.2:443", "PIINGUIN_PROXY_PORT_443_TCP=tcp://10.0.0.2:443",
	}, known)
	want := []string{
		"PIINGUIN_PORT_NUMBER", "PIINGUIN_READER_TOKEN", "PIINGUIN_REQUIRE_PURPSE (did you mean PIINGUIN_REQUIRE_PURPOSE?)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
