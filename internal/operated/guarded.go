package operated

import "context"

type guardKey struct{}

// Guarded is a context under which the database gives connections only if allow returns nil; its error comes back otherwise. Connections
// that are open already are not taken away.
func Guarded(ctx context.Context, allow func(context.Context) error) context.Context {
	return context.WithValue(ctx, guardKey{}, allow)
}

// allowed asks the context.
func allowed(ctx context.Context) error {
	if allow, ok := ctx.Value(guardKey{}).(func(context.Context) error); ok {
		return allow(ctx)
	}
	return nil
}
