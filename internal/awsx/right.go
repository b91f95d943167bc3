package awsx

import (
	"context"

	"github.com/aws/smithy-go"
)

// Right is an action of IAM that a server will need.
type Right struct {
	// Action is its name in a policy, for example dynamodb:GetItem.
	Action string
	// Try makes a call that the action allows, and that changes nothing and fetches no value. It
	// returns the SDK's error as it is.
	Try func(context.Context) error
	// Spare says that a server goes on without it, only slower.
	Spare bool
}

// accessDenied is the code of a call that IAM does not allow.
const accessDenied = "AccessDeniedException"

// ErrDenied is for a Try whose call IAM allows and answers with a refusal inside.
var ErrDenied error = &smithy.GenericAPIError{Code: accessDenied}

// Missing returns the rights that IAM does not allow, in their order. A call that fails
// for another reason says nothing about its action, which then counts as allowed.
func Missing(ctx context.Context, rights []Right) (missing []Right) {
	for _, r := range rights {
		if Code(r.Try(ctx)) == accessDenied {
			missing = append(missing, r)
		}
	}
	return missing
}
