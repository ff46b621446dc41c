package runbook

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

// Reserve holds named resources for a time, so that no two runs work on the same thing. It is refused, with the name
// of the holder and until when, if another run holds one of them at an overlapping time.
func (r *Run) Reserve(ctx workflow.Context, resources []string, from, until time.Time) error {
	_, err := local(ctx, records.ReserveResources, activities.Reserve{
		Resources: resources, Runbook: r.spec.Name, Requester: r.subject.Requester, From: from, Until: until,
	})
	if err != nil {
		if WasCancelled(ctx, err) {
			return err
		}
		return End(ErrRefused, "%s", Words(err))
	}
	r.status.Holds = []Hold{}
	for _, name := range resources {
		r.status.Holds = append(r.status.Holds, Hold{Resource: name, From: from.UTC(), Until: until.UTC()})
	}
	r.show(ctx)
	return nil
}

// Take makes sure, right before the first effect, that no other run is still at work on what this one has reserved: one that
// has overrun its time, or could not put something back.
func (r *Run) Take(ctx workflow.Context, resources []string) error {
	_, err := local(ctx, records.TakeResources, activities.Take{Resources: resources, At: workflow.Now(ctx).UTC()})
	return err
}
