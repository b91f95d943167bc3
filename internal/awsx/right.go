package awsx

import "context"

// Right is an action of IAM that a server will need.
type Right struct {
	// Action is its name in a policy, for example dynamodb:GetItem.
	Action string
	// Try makes a call that the action allows, and that changes nothing and fetches no value. It
	// returns the SDK's error as it is.
	Try func(context.Context) error
}

// accessDenied is the code of a call that IAM does not allow.
const accessDenied = "AccessDeniedException"

// Missing returns the actions that IAM does not allow, in the order of rights. A call that fails
// for another reason says nothing about its action, which then counts as allowed.
func Missing(ctx context.Context, rights []Right) (actions []string) {
	for _, r := range rights {
		if Code(r.Try(ctx)) == accessDenied {
			actions = append(actions, r.Action)
		}
	}
	return actions
}
