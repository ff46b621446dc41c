package activities

import (
	"context"
	"encoding/json"
	"errors"

	"tejun/internal/plan"
	"tejun/internal/records"
)

// begunName is the name of the state that an operation began with, whatever plan it was made from.
func (o object[T]) begunName() string { return o.resource + "#begun" }

// begun is the state that the operation began with; false if it has not begun.
func (o object[T]) begun(ctx context.Context, operation string) (map[string]T, bool, error) {
	content, err := o.records.LoadState(ctx, operation, o.begunName())
	if errors.Is(err, records.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, recordsError(err, "look whether "+o.resource+" was changed by this run already")
	}
	var parts map[string]T
	if err := json.Unmarshal(content, &parts); err != nil {
		return nil, false, fail(InvalidInput, "the state that the change of %s began with cannot be read: %v", o.resource, err)
	}
	return parts, true, nil
}

// begin keeps the state that the operation begins with, which must be the planned one. Once it has begun, this does nothing.
func (o object[T]) begin(ctx context.Context, operation string, ref ChangeRef, add func(T) T) error {
	if err := o.check(operation, ref); err != nil {
		return err
	}
	if _, begun, err := o.begun(ctx, operation); begun || err != nil {
		return err
	}
	now, _, hash, err := o.readUntil(ctx, ref.BeforeHash)
	if err != nil {
		return err
	}
	if hash != ref.BeforeHash {
		return o.drifted(ctx, ref, now)
	}
	if err := o.save(ctx, operation, ref.BeforeHash, now); err != nil {
		return err
	}
	for name := range now {
		now[name] = add(now[name])
	}
	content, err := json.Marshal(now)
	if err != nil {
		return fail(InvalidInput, "keep the state of %s: %v", o.resource, err)
	}
	_, err = o.records.SaveState(ctx, operation, o.begunName(), content)
	return recordsError(err, "keep the state of "+o.resource+" before the change")
}

// planAgain plans as makePlan does, but for a change that the operation itself has begun, before a Reset of its run: that is planned
// from what it began with, so that its way back is not lost.
func (o object[T]) planAgain(ctx context.Context, operation, title string, excerpt func(map[string]T) any) (plan.Change, error) {
	if err := checkOperation(operation); err != nil {
		return plan.Change{}, err
	}
	before, begun, err := o.begun(ctx, operation)
	if err != nil {
		return plan.Change{}, err
	}
	if !begun {
		return o.makePlan(ctx, title, excerpt)
	}
	return o.planFrom(ctx, before, title, excerpt)
}

// original is the change as the operation began it: a plan that was made after a Reset, of what the run before it had changed already,
// knows no way back.
func (o object[T]) original(ctx context.Context, operation string, ref ChangeRef) (ChangeRef, error) {
	if err := o.check(operation, ref); err != nil {
		return ref, err
	}
	before, begun, err := o.begun(ctx, operation)
	if err != nil || !begun {
		return ref, err
	}
	after, err := o.changed(before)
	if err != nil {
		return ref, err
	}
	if ref.BeforeHash, err = o.hash(before); err == nil {
		ref.AfterHash, err = o.hash(after)
	}
	return ref, err
}

// as is for begin where the state is kept as it was read.
func as[T any](part T) T { return part }
