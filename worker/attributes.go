package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"tejun/workflows/runbook"
)

// attributesWithin is how long Temporal may take until new search attributes can be used.
const attributesWithin = 30 * time.Second

// ensureAttributes makes sure that the namespace has the search attributes that the runbooks set; without them every run
// would fail. Where this worker may not make them, the error says what an administrator has to make.
func ensureAttributes(ctx context.Context, c client.Client, namespace string, log *slog.Logger) error {
	missing, err := missingAttributes(ctx, c, namespace)
	if err != nil {
		var denied *serviceerror.PermissionDenied
		var unknown *serviceerror.Unimplemented
		if errors.As(err, &denied) || errors.As(err, &unknown) {
			log.Warn("it cannot be seen whether the namespace has the search attributes of the runbooks", "needed", describe(wantedAttributes()), "error", err)
			return nil
		}
		return fmt.Errorf("read the search attributes of namespace %s: %w", namespace, err)
	}
	if len(missing) == 0 {
		return nil
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: missing})
	var there *serviceerror.AlreadyExists // another worker was faster
	if err != nil && !errors.As(err, &there) {
		return fmt.Errorf("namespace %s lacks search attributes, and this worker could not make them: have an administrator make %s: %w", namespace, describe(missing), err)
	}
	for deadline := time.Now().Add(attributesWithin); ; {
		if missing, err = missingAttributes(ctx, c, namespace); err == nil && len(missing) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("search attributes were made in namespace %s and do not show after %s (missing: %s): start again", namespace, attributesWithin, describe(missing)), err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func wantedAttributes() map[string]enums.IndexedValueType {
	wanted := map[string]enums.IndexedValueType{}
	for _, key := range []temporal.SearchAttributeKey{
		runbook.AttributeRow, runbook.AttributeRunbook, runbook.AttributeState, runbook.AttributeRequester, runbook.AttributeTarget,
	} {
		wanted[key.GetName()] = key.GetValueType()
	}
	return wanted
}

// missingAttributes lists those that are not there. One of another type is an error, as it would refuse every value.
func missingAttributes(ctx context.Context, c client.Client, namespace string) (map[string]enums.IndexedValueType, error) {
	has, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, err
	}
	missing := map[string]enums.IndexedValueType{}
	for name, want := range wantedAttributes() {
		switch got, ok := has.GetCustomAttributes()[name]; {
		case !ok:
			missing[name] = want
		case got != want:
			return nil, fmt.Errorf("the search attribute %s is of type %s, the runbooks need %s: remove it and make it anew", name, got, want)
		}
	}
	return missing, nil
}

func describe(attributes map[string]enums.IndexedValueType) string {
	var words []string
	for name, kind := range attributes {
		words = append(words, fmt.Sprintf("%s (%s)", name, kind))
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}
