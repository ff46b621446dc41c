package activities

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"tejun/internal/plan"
	"tejun/internal/records"
)

// ChangeRef names a planned change to the activity that carries it out: which object, and the SHA-256 in hex of the
// whole object before and after.
type ChangeRef struct {
	Resource   string `json:"resource"`
	BeforeHash string `json:"beforeHash"`
	AfterHash  string `json:"afterHash"`
}

// Ref is the reference to a planned change.
func Ref(c plan.Change) ChangeRef {
	return ChangeRef{Resource: c.Resource, BeforeHash: c.BeforeHash, AfterHash: c.AfterHash}
}

// How often and how far apart an object is read again before its state is believed. AWS may answer a read with what was
// true a moment ago.
const (
	settleReads  = 4
	readBackWait = 400 * time.Millisecond
)

// planned is the name under which the states that plans were made from are kept, so that a later difference can be
// shown in words.
const planned = "planned"

// stateStore is what a change needs of the database.
type stateStore interface {
	SaveState(ctx context.Context, operation, resource string, content []byte) (string, error)
	LoadState(ctx context.Context, operation, resource string) ([]byte, error)
	fenceStore
}

// changer carries what every compare-and-set needs.
type changer struct {
	records stateStore
	wait    time.Duration // between two readings of the same object
}

// object is one planned change of something in AWS, read, compared and written as a whole. It may have parts (the
// alarms of a list), each of which is compared and written by itself, so that a change that was done by half goes on.
type object[T any] struct {
	changer
	resource string
	read     func(ctx context.Context) (map[string]T, map[string]string, error) // parts, and the precondition token of each
	change   func(T) (T, error)                                                 // before → after; gets a copy of its own
	write    func(ctx context.Context, parts map[string]T, tokens map[string]string) error
	whole    func(T) any // what is hashed; nil: the part itself
	show     func(T) any // what a person may see, without secrets; nil: whole
	batch    int         // parts per call of write; 0: one
}

// makePlan reads the object and builds its change. excerpt picks what a person needs to see of all parts.
func (o object[T]) makePlan(ctx context.Context, title string, excerpt func(map[string]T) any) (plan.Change, error) {
	before, _, err := o.read(ctx)
	if err != nil {
		return plan.Change{}, err
	}
	return o.planFrom(ctx, before, title, excerpt)
}

// planFrom builds the change of an object that is, or was, in a state.
func (o object[T]) planFrom(ctx context.Context, before map[string]T, title string, excerpt func(map[string]T) any) (plan.Change, error) {
	after, err := o.changed(before)
	if err != nil {
		return plan.Change{}, err
	}
	c, err := plan.NewChange(o.resource, title, excerpt(before), excerpt(after), o.wholes(before), o.wholes(after))
	if err != nil {
		return plan.Change{}, fail(InvalidInput, "%v", err)
	}
	if err := o.save(ctx, planned, c.BeforeHash, before); err != nil {
		return plan.Change{}, err
	}
	return c, nil
}

// apply brings the object from before to after. It is safe to repeat: what is done already is found and left alone. Only
// writing is fenced: an old attempt may still look, and keep what it saw if nobody has.
func (o object[T]) apply(ctx context.Context, operation string, ref ChangeRef) error {
	if err := o.check(operation, ref); err != nil {
		return err
	}
	now, tokens, hash, err := o.readUntil(ctx, ref.AfterHash, ref.BeforeHash)
	if err != nil || hash == ref.AfterHash {
		return err
	}
	before, after := now, map[string]T(nil)
	if hash == ref.BeforeHash {
		err = o.save(ctx, operation, ref.BeforeHash, before)
	} else {
		// Neither: an earlier attempt may have got through some of the parts. It left the state that it began with.
		before, err = o.saved(ctx, operation, ref)
		if errors.Is(err, records.ErrNotFound) {
			return o.drifted(ctx, ref, now)
		}
	}
	if err == nil {
		after, err = o.changed(before)
	}
	if err != nil {
		return err
	}
	if hash, err := o.hash(after); err != nil || hash != ref.AfterHash {
		return fail(InvalidInput, "%s: the plan promised %s and this change would lead to %s; nothing was written: make the plan again",
			ref.Resource, plan.Short(ref.AfterHash), plan.Short(hash))
	}
	todo, strange, err := o.todo(now, before, after)
	switch {
	case err != nil:
		return err
	case len(strange) > 0: // found before the first write, so nothing is done by half
		return driftError(ref.Resource, o.shows(before, strange), o.shows(now, strange))
	}
	if err := o.writeAll(ctx, operation, todo, tokens); err != nil {
		return err
	}
	return o.readBack(ctx, ref, ref.AfterHash)
}

// revert brings the object back to before, byte for byte. It is harmless when the change never happened, and safe to
// repeat. A part that somebody else has changed is left alone and reported; the others are brought back all the same.
func (o object[T]) revert(ctx context.Context, operation string, ref ChangeRef) error {
	if err := o.check(operation, ref); err != nil {
		return err
	}
	// First of all, so that an old attempt of the change cannot write after this has looked.
	if err := o.fence(ctx, operation); err != nil {
		return err
	}
	before, err := o.saved(ctx, operation, ref)
	never := errors.Is(err, records.ErrNotFound)
	if err != nil && !never {
		return err
	}
	// When there is something to bring back only "after" is believed at once: a stale "before" would leave it as it is.
	wanted := []string{ref.AfterHash}
	if never {
		wanted = append(wanted, ref.BeforeHash)
	}
	now, tokens, hash, err := o.readUntil(ctx, wanted...)
	switch {
	case err != nil:
		return err
	case hash == ref.BeforeHash: // also when the plan changed nothing
		return nil
	case never && hash == ref.AfterHash:
		return fail(Drifted, "%s is as planned, but this run did not bring it there and kept no earlier state, so it was left alone: put it back by hand, then answer skip", ref.Resource)
	case never:
		return nil
	}
	after, err := o.changed(before)
	if err != nil {
		return err
	}
	todo, strange, err := o.todo(now, after, before)
	if err != nil {
		return err
	}
	if err := o.writeAll(ctx, operation, todo, tokens); err != nil {
		return err
	}
	if len(strange) > 0 {
		return driftError(ref.Resource, o.shows(after, strange), o.shows(now, strange))
	}
	return o.readBack(ctx, ref, ref.BeforeHash)
}

// todo compares each part with where it should come from and go to. A part that is in neither state is strange.
func (o object[T]) todo(now, from, to map[string]T) (todo map[string]T, strange []string, err error) {
	todo = map[string]T{}
	for _, name := range slices.Sorted(maps.Keys(to)) {
		current, there := now[name]
		var is, source, target string
		for _, h := range []struct {
			hash  *string
			value T
		}{{&is, current}, {&source, from[name]}, {&target, to[name]}} {
			if *h.hash, err = plan.Hash(o.wholeOf(h.value)); err != nil {
				return nil, nil, err
			}
		}
		switch {
		case there && is == target:
		case there && is == source:
			todo[name] = to[name]
		default:
			strange = append(strange, name)
		}
	}
	return todo, strange, nil
}

// writeAll writes the parts in the order of their names. The fence stands right before each call: an attempt that Temporal
// has given up on must not write any more.
func (o object[T]) writeAll(ctx context.Context, operation string, todo map[string]T, tokens map[string]string) error {
	names := slices.Sorted(maps.Keys(todo))
	for group := range slices.Chunk(names, max(o.batch, 1)) {
		if err := o.fence(ctx, operation); err != nil {
			return err
		}
		parts := map[string]T{}
		for _, name := range group {
			parts[name] = todo[name]
		}
		if err := o.write(ctx, parts, tokens); err != nil {
			return err
		}
	}
	return nil
}

// readUntil reads until one of the wanted hashes shows, or until the reading has been the same often enough to be
// believed.
func (o object[T]) readUntil(ctx context.Context, wanted ...string) (map[string]T, map[string]string, string, error) {
	last, same := "", 0
	for {
		now, tokens, err := o.read(ctx)
		if err != nil {
			return nil, nil, "", err
		}
		hash, err := o.hash(now)
		if err != nil {
			return nil, nil, "", err
		}
		if hash == last {
			same++
		} else {
			last, same = hash, 1
		}
		if slices.Contains(wanted, hash) || same >= settleReads {
			return now, tokens, hash, nil
		}
		if err := pause(ctx, o.wait); err != nil {
			return nil, nil, "", err
		}
	}
}

// readBack makes sure that the write took: an accepted call is no proof.
func (o object[T]) readBack(ctx context.Context, ref ChangeRef, want string) error {
	now, _, hash, err := o.readUntil(ctx, want)
	switch {
	case err != nil || hash == want:
		return err
	case hash == ref.BeforeHash || hash == ref.AfterHash:
		return fail(NotYet, "%s: the write was accepted and does not show yet; it is looked at again", ref.Resource)
	}
	return o.drifted(ctx, ref, now)
}

// stays makes sure that the object is as planned after the change. It changes nothing.
func (o object[T]) stays(ctx context.Context, operation string, ref ChangeRef) error {
	if err := o.check(operation, ref); err != nil {
		return err
	}
	now, _, hash, err := o.readUntil(ctx, ref.AfterHash)
	if err == nil && hash != ref.AfterHash {
		err = o.drifted(ctx, ref, now)
	}
	return err
}

// drifted says how the object differs from what it was planned from.
func (o object[T]) drifted(ctx context.Context, ref ChangeRef, now map[string]T) error {
	names := slices.Sorted(maps.Keys(now))
	expected, err := o.saved(ctx, planned, ref)
	if err != nil && !errors.Is(err, records.ErrNotFound) {
		return err
	}
	return driftError(ref.Resource, o.shows(expected, names), o.shows(now, names))
}

func (o object[T]) check(operation string, ref ChangeRef) error {
	if err := checkOperation(operation); err != nil {
		return err
	}
	if ref.Resource != o.resource || ref.BeforeHash == "" || ref.AfterHash == "" {
		return fail(InvalidInput, "the change is planned for %q and the activity was asked for %q: pass the change that belongs to this object", ref.Resource, o.resource)
	}
	return nil
}

func (o object[T]) fence(ctx context.Context, operation string) error {
	return fence(ctx, o.records, operation+"/"+o.resource)
}

// stateName tells apart the states that one operation may have planned from: a plan that drifted is made again.
func (o object[T]) stateName(beforeHash string) string { return o.resource + "@" + beforeHash }

func (o object[T]) save(ctx context.Context, operation, beforeHash string, parts map[string]T) error {
	content, err := json.Marshal(parts)
	if err != nil {
		return fail(InvalidInput, "save the state of %s: %v", o.resource, err)
	}
	if _, err := o.records.SaveState(ctx, operation, o.stateName(beforeHash), content); err != nil {
		return recordsError(err, "save the state of "+o.resource+" before the change")
	}
	return nil
}

// saved returns the state that was kept, or an error that is records.ErrNotFound.
func (o object[T]) saved(ctx context.Context, operation string, ref ChangeRef) (map[string]T, error) {
	content, err := o.records.LoadState(ctx, operation, o.stateName(ref.BeforeHash))
	if errors.Is(err, records.ErrNotFound) {
		return nil, err
	}
	if err != nil {
		return nil, recordsError(err, "load the saved state of "+o.resource)
	}
	var parts map[string]T
	if err := json.Unmarshal(content, &parts); err != nil {
		return nil, fail(InvalidInput, "the saved state of %s cannot be read: %v", o.resource, err)
	}
	if hash, err := o.hash(parts); err != nil || hash != ref.BeforeHash {
		return nil, fail(Drifted, "the saved state of %s has the hash %s and the plan says %s; nothing was written: put the object back by hand", o.resource, plan.Short(hash), plan.Short(ref.BeforeHash))
	}
	return parts, nil
}

// changed is what the parts become. The change works on copies.
func (o object[T]) changed(parts map[string]T) (map[string]T, error) {
	content, err := json.Marshal(parts)
	if err != nil {
		return nil, fail(InvalidInput, "copy %s: %v", o.resource, err)
	}
	var after map[string]T
	if err := json.Unmarshal(content, &after); err != nil {
		return nil, fail(InvalidInput, "copy %s: %v", o.resource, err)
	}
	for name, part := range after {
		if after[name], err = o.change(part); err != nil {
			return nil, err
		}
	}
	return after, nil
}

func (o object[T]) wholeOf(part T) any {
	if o.whole == nil {
		return part
	}
	return o.whole(part)
}

func (o object[T]) wholes(parts map[string]T) map[string]any {
	all := map[string]any{}
	for name, part := range parts {
		all[name] = o.wholeOf(part)
	}
	return all
}

func (o object[T]) hash(parts map[string]T) (string, error) { return plan.Hash(o.wholes(parts)) }

func (o object[T]) shows(parts map[string]T, names []string) map[string]any {
	all := map[string]any{}
	for _, name := range names {
		if part, there := parts[name]; there && o.show != nil {
			all[name] = o.show(part)
		} else if there {
			all[name] = o.wholeOf(part)
		}
	}
	return all
}

// single makes an object without parts out of its reading.
func single[T any](name string, value T, token string) (map[string]T, map[string]string, error) {
	return map[string]T{name: value}, map[string]string{name: token}, nil
}

// pause waits, or ends with the context.
func pause(ctx context.Context, span time.Duration) error {
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return Classify(ctx.Err(), "wait")
	case <-timer.C:
		return nil
	}
}
