package devserver

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

const namespace = "default"

// searchAttributes are those that tejun's runs set. Names and types are permanent once deployed.
var searchAttributes = []struct {
	name string
	kind enums.IndexedValueType
}{
	{"TejunRow", enums.INDEXED_VALUE_TYPE_INT},
	{"TejunRunbook", enums.INDEXED_VALUE_TYPE_KEYWORD},
	{"TejunState", enums.INDEXED_VALUE_TYPE_KEYWORD},
	{"TejunRequester", enums.INDEXED_VALUE_TYPE_KEYWORD},
	{"TejunTarget", enums.INDEXED_VALUE_TYPE_KEYWORD_LIST},
}

// declareSearchAttributes adds those that are missing and returns an error until they can be used. The server declares the
// ones on its command line only in a new database, and says nothing otherwise.
func declareSearchAttributes(ctx context.Context, c client.Client) error {
	list, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return fmt.Errorf("list the search attributes: %w", err)
	}
	missing := map[string]enums.IndexedValueType{}
	for _, a := range searchAttributes {
		kind, there := list.CustomAttributes[a.name]
		if !there {
			missing[a.name] = a.kind
		} else if kind != a.kind {
			return fmt.Errorf("search attribute %s is of type %s, it must be %s: remove it with \"temporal operator search-attribute remove\", or begin with a new database", a.name, kind, a.kind)
		}
	}
	if len(missing) > 0 {
		_, err := c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: missing})
		var exists *serviceerror.AlreadyExists
		if err != nil && !errors.As(err, &exists) {
			return fmt.Errorf("add the search attributes: %w", err)
		}
	}
	// The server's services look at the namespace now and then; a query is refused until they have seen the attributes.
	query := ""
	for i, a := range searchAttributes {
		if i > 0 {
			query += " AND "
		}
		query += a.name + " IS NULL"
	}
	if _, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: query}); err != nil {
		return fmt.Errorf("use the search attributes: %w", err)
	}
	return nil
}
