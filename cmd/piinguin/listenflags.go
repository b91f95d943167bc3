package main

import (
	"errors"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/cmd/internal/settings"
)

// listenFlags are the flags of serve that say where the server listens, and with which certificate. No
// client's flag has their names: --host, --port and --tls-* say which server a client calls, and as whom.
type listenFlags struct {
	address        string // HOST:PORT
	cert, key      string
	allowPlaintext bool

	// Clients' variables that are set, although the server's own are not. Whoever set
	// them may have meant the server.
	clientTarget []string
	clientCert   []string
}

func (l *listenFlags) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&l.address, "listen", "127.0.0.1:8080", "`HOST:PORT` to listen on; without HOST every address of this machine, port 0 chooses a free one")
	flags.StringVar(&l.cert, "server-cert", "", "PEM `file` of the server's certificate; turns TLS on")
	flags.StringVar(&l.key, "server-key", "", "PEM `file` of its private key")
	flags.BoolVar(&l.allowPlaintext, "allow-plaintext", false,
		"listen beyond this machine without TLS; only behind a proxy that has TLS")
}

// findClientSettings notes which of the clients' variables stand where the server's own are missing. given
// tells whether a flag was given, by its variable too. Kubernetes' PIINGUIN_PORT=tcp://... is nobody's setting.
func (l *listenFlags) findClientSettings(given func(flag string) bool, env func(string) string) {
	set := func(flags ...string) (names []string) {
		for _, flag := range flags {
			name := settings.EnvName(flag)
			if value := env(name); value != "" && !settings.OfKubernetes(flag, value) {
				names = append(names, name)
			}
		}
		return names
	}
	if !given("listen") {
		l.clientTarget = set("host", "port")
	}
	if !given("server-cert") {
		l.clientCert = set("tls-cert", "tls-key")
	}
}

// check refuses an address that is none, and one that other machines can reach unless TLS protects it:
// tokens and values would cross the network in the clear. --allow-plaintext is the operator's word
// that a proxy does it.
func (l *listenFlags) check(dev bool) error {
	host, err := splitListen("--listen", l.address)
	if err != nil {
		return err
	}
	loopback := isLoopback(host)
	switch {
	case dev && !loopback:
		return errors.New("with --dev, --listen must name a loopback address, such as 127.0.0.1:8080")
	case (l.cert == "") != (l.key == ""):
		return errors.New("--server-cert and --server-key go together")
	case !dev && l.cert == "" && len(l.clientCert) > 0:
		return errors.New(strings.Join(l.clientCert, " and ") + " is set and names a client's certificate, but the server has none: set --server-cert and --server-key" +
			"; to serve without TLS, unset it for the server")
	case !loopback && l.cert == "" && !l.allowPlaintext:
		return errors.New("--listen is reachable from other machines, so TLS is required: set --server-cert and --server-key, or put a proxy with TLS in front and set --allow-plaintext")
	}
	return nil
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)

// isLoopback reports whether only this machine reaches a port on the host.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// splitListen returns the host of a flag's HOST:PORT, or an error that quotes nothing. The host may be
// empty, a name or an IP address, which needs brackets if it holds colons.
func splitListen(flag, address string) (host string, err error) {
	host, port, err := net.SplitHostPort(address)
	_, notIP := netip.ParseAddr(host)
	_, notPort := strconv.ParseUint(port, 10, 16)
	if err != nil || notPort != nil || host != "" && notIP != nil && !hostName.MatchString(host) {
		return "", errors.New(flag + " must be HOST:PORT with a port from 0 to 65535, such as 127.0.0.1:8080, [::1]:8080, or :8080 for every address of this machine")
	}
	return host, nil
}

// tell logs which of the clients' variables the server passes over.
func (l *listenFlags) tell(log zerolog.Logger) {
	for _, name := range l.clientTarget {
		log.Warn().Str("setting", name).Msg("passed over: it says which server a client calls; --listen says where this one listens")
	}
}
