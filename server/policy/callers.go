package policy

import (
	"encoding/json"
	"strings"
)

// Original is the Caller.Authentication of whoever speaks the original Piinguin's protocol, which
// proves nothing: its network let it through.
const Original = "original"

// methods are the values of Caller.Authentication.
var methods = []string{"token", "mtls", "oidc", "iam", Original}

// misnamesCaller reports whether a policy in Cedar's JSON form names a caller without its method.
// Such a policy never matches anybody, so a forbid of it would forbid nothing.
func misnamesCaller(policy []byte) bool {
	var tree any
	return json.Unmarshal(policy, &tree) != nil || misnames(tree)
}

func misnames(node any) bool {
	switch n := node.(type) {
	case []any:
		for _, child := range n {
			if misnames(child) {
				return true
			}
		}
	case map[string]any:
		if id, named := n["id"].(string); named && n["type"] == "Caller" && !hasMethod(id) {
			return true
		}
		for _, child := range n {
			if misnames(child) {
				return true
			}
		}
	}
	return false
}

func hasMethod(principal string) bool {
	for _, m := range methods {
		if name, ok := strings.CutPrefix(principal, m+":"); ok && name != "" {
			return true
		}
	}
	return false
}
