package anchor

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"filippo.io/torchwood"
)

// Witness cosigns checkpoints that extend those that it has cosigned before
// (https://c2sp.org/tlog-witness).
type Witness struct {
	Name string // for reports
	Key  *torchwood.CosignatureVerifier
	URL  string // submission prefix: https, or http on a loopback address
}

// ParseWitnesses reads the witnesses of a policy file (https://c2sp.org/tlog-policy):
//
//	witness NAME VERIFIER-KEY URL
//
// Every witness needs its URL here. The lines log, group and quorum are for whoever
// verifies and are passed over: a checkpoint is kept whoever cosigned it. Errors
// name the line's number.
//
// A witness whose key is not Ed25519 is passed over, and its name returned in other.
func ParseWitnesses(policy []byte) (all []Witness, other []string, err error) {
	names, keys := map[string]bool{}, map[string]bool{}
	for i, line := range strings.Split(string(policy), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		switch fields[0] {
		case "log", "group", "quorum":
			continue
		case "witness":
		default:
			return nil, nil, fmt.Errorf("line %d: not a line of a witness policy", i+1)
		}
		w, err := parseWitness(fields[1:])
		if errors.Is(err, errAlgorithm) {
			other = append(other, fields[1])
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		// The same key under another name would pass for a second witness.
		public := w.Key.String()[strings.LastIndex(w.Key.String(), "+"):]
		if names[w.Name] || keys[public] {
			return nil, nil, fmt.Errorf("line %d: that witness was named before", i+1)
		}
		names[w.Name], keys[public] = true, true
		all = append(all, w)
	}
	if len(all)+len(other) == 0 {
		return nil, nil, errors.New("no witness in it")
	}
	return all, other, nil
}

func parseWitness(fields []string) (Witness, error) {
	if len(fields) != 3 {
		return Witness{}, errors.New("want witness NAME VERIFIER-KEY URL")
	}
	if !isEd25519(fields[1]) {
		return Witness{}, errAlgorithm
	}
	key, err := torchwood.NewCosignatureVerifier(fields[1])
	if err != nil {
		return Witness{}, errors.New("not a verifier key of a cosigner (C2SP tlog-cosignature, Ed25519)")
	}
	u, err := url.Parse(fields[2])
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return Witness{}, errors.New("not a URL prefix")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return Witness{}, errors.New("the URL must be https")
	}
	return Witness{Name: fields[0], Key: key, URL: strings.TrimRight(fields[2], "/")}, nil
}

// errAlgorithm says that a key is a note verifier key of another algorithm than Ed25519's, such as
// ML-DSA-44, which C2SP tlog-cosignature prefers for new witnesses.
var errAlgorithm = errors.New("not an Ed25519 key")

// cosignatureV1 is the algorithm byte of an Ed25519 cosigner's key (C2SP signed-note).
const cosignatureV1 = 0x04

// isEd25519 reports whether a verifier key is of the Ed25519 cosigner's kind, or is no key at all.
func isEd25519(key string) bool {
	parts := strings.SplitN(key, "+", 3)
	if len(parts) != 3 {
		return true
	}
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	return err != nil || len(raw) == 0 || raw[0] == cosignatureV1 || raw[0] == 0x01
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
