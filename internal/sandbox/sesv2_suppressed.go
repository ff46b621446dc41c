package sandbox

import (
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

const suppressedKind = "sesv2:suppressed"

// suppressed is an address that SES sends nothing to.
type suppressed struct {
	Address string
	Region  string
	Reason  types.SuppressionListReason
	Since   time.Time
}

func suppressionOperations() []operation {
	return []operation{
		handle(reads, "EmailAddress", func(in *sesv2.GetSuppressedDestinationInput) about {
			return about{suppressedKey(in.EmailAddress), ""}
		}, getSuppressedDestination),
		handle(writes, "EmailAddress Reason", func(in *sesv2.PutSuppressedDestinationInput) about {
			return about{suppressedKey(in.EmailAddress), ""}
		}, putSuppressedDestination),
		handle(writes, "EmailAddress", func(in *sesv2.DeleteSuppressedDestinationInput) about {
			return about{suppressedKey(in.EmailAddress), ""}
		}, deleteSuppressedDestination),
	}
}

func suppressedKey(address *string) string {
	return suppressedKind + "/" + strings.ToLower(val(address))
}

func (c *call) suppressed(address *string) (suppressed, error) {
	s, ok, err := get[suppressed](c, suppressedKey(address))
	if err == nil && (!ok || s.Region != c.region) {
		err = fail(http.StatusNotFound, &types.NotFoundException{Message: ptr("Email address " + val(address) + " does not exist on your suppression list.")})
	}
	return s, err
}

func getSuppressedDestination(c *call, in *sesv2.GetSuppressedDestinationInput) (*sesv2.GetSuppressedDestinationOutput, error) {
	s, err := c.suppressed(in.EmailAddress)
	if err != nil {
		return nil, err
	}
	return &sesv2.GetSuppressedDestinationOutput{SuppressedDestination: &types.SuppressedDestination{
		EmailAddress: &s.Address, Reason: s.Reason, LastUpdateTime: &s.Since,
	}}, nil
}

func putSuppressedDestination(c *call, in *sesv2.PutSuppressedDestinationInput) (*sesv2.PutSuppressedDestinationOutput, error) {
	return &sesv2.PutSuppressedDestinationOutput{}, c.put(suppressedKey(in.EmailAddress), suppressed{
		Address: strings.ToLower(val(in.EmailAddress)), Region: c.region, Reason: in.Reason, Since: c.at,
	})
}

func deleteSuppressedDestination(c *call, in *sesv2.DeleteSuppressedDestinationInput) (*sesv2.DeleteSuppressedDestinationOutput, error) {
	if _, err := c.suppressed(in.EmailAddress); err != nil {
		return nil, err
	}
	c.remove(suppressedKey(in.EmailAddress))
	return &sesv2.DeleteSuppressedDestinationOutput{}, nil
}
