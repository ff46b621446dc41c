package scene

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"tejun/internal/system"
	"tejun/workflows"
)

// DrillInput is the example's drill.
func DrillInput() (in workflows.DisasterRecoveryInput, err error) {
	file, err := SystemFile()
	if err != nil {
		return in, err
	}
	raw, err := os.ReadFile(filepath.Join(filepath.Dir(file), "dr-drill.json"))
	if err != nil {
		return in, err
	}
	return in, json.Unmarshal(raw, &in)
}

// ShortTTL lets the answers of the DNS about the names of a disaster run out after so many seconds.
func ShortTTL(ctx context.Context, cfg aws.Config, sys *system.System, seconds int64) error {
	client, to := route53.NewFromConfig(cfg), sys.Disaster.Redirect
	out, err := client.ListResourceRecordSets(ctx, &route53.ListResourceRecordSetsInput{HostedZoneId: &to.Zone})
	if err != nil {
		return err
	}
	var changes []types.Change
	for _, r := range out.ResourceRecordSets {
		if name := strings.TrimSuffix(aws.ToString(r.Name), "."); name == to.Production || name == to.Rehearsal {
			r.TTL = &seconds
			changes = append(changes, types.Change{Action: types.ChangeActionUpsert, ResourceRecordSet: &r})
		}
	}
	_, err = client.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{HostedZoneId: &to.Zone, ChangeBatch: &types.ChangeBatch{Changes: changes}})
	return err
}
