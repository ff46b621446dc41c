package activities

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"tejun/internal/records"
	"tejun/internal/system"
)

// standingStore is the register of disasters.
type standingStore interface {
	// StandingDisaster is the real run of a system that has ended as stays or failed, with no return after it. ErrNotFound: there is none.
	StandingDisaster(ctx context.Context, system string) (records.Disaster, error)
}

// whoServes says whether the DR region serves, or may serve, after a real disaster. Its services and its pipeline are the same in a
// drill and in a disaster and carry no tag of production: then a drill would point the public's tasks at a copy of the data, and take
// them away on its way back.
type whoServes struct{ names *Route53 }

// usesDR tells whether an allowed call works on the DR region: on its services, its pipeline, its databases. The rehearsal's record,
// the report and mail do not.
func usesDR(call guardCall) bool {
	return call.service == ecs.ServiceID || call.service == codepipeline.ServiceID || call.service == rds.ServiceID
}

// goBack is what people are to do.
const goBack = `No drill may use it. Go back first, as docs/disaster.md says under "After the DR region has stayed"`

// standing says why no drill may use the DR region, or "". It reads the records of the public's own name, and the register; records
// that do not say who serves are a reason, too. What cannot be read is an error.
func (w whoServes) standing(ctx context.Context, s *system.System, store standingStore) (why string, err error) {
	to := s.Disaster.Redirect
	found, err := w.names.records(ctx, to, to.Production)
	if err != nil {
		return "", err
	}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		if r := found[key]; aws.ToString(r.SetIdentifier) == to.DR && inForce(to, r) {
			return fmt.Sprintf("the DR region %s serves the public: the record %s of %s is in force. %s", s.AWS.DRRegion, to.DR, to.Production, goBack), nil
		}
	}
	if err := checkRedirect(to, to.Production, found); err != nil {
		return fmt.Sprintf("nobody can tell whether the DR region %s serves the public: %s. %s", s.AWS.DRRegion, wordsOfError(err), goBack), nil
	}
	last, err := store.StandingDisaster(ctx, s.ID)
	switch {
	case errors.Is(err, records.ErrNotFound):
		return "", nil
	case err != nil:
		return "", recordsError(err, "look whether a disaster of "+s.ID+" stands")
	}
	return fmt.Sprintf("the real disaster run %s ended as %s at %s, and nobody has said since that all of it is back in %s: the DR region %s may be in use. %s, then say so: `starter disaster returned %s`",
		last.WorkflowID, last.Outcome, inJapan(aws.ToTime(last.EndedAt)), s.AWS.Region, s.AWS.DRRegion, goBack, last.WorkflowID), nil
}
