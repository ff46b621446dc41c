package activities

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"tejun/internal/system"
)

// ImageRef names an image.
type ImageRef struct {
	Repository string `json:"repository"`
	Digest     string `json:"digest"` // "sha256:" and 64 hex digits
}

// ImageChecked is an image that may be released, and why.
type ImageChecked struct {
	Image    string           `json:"image"`    // as a task definition names it: the repository's address, "@" and the digest
	Counts   map[string]int   `json:"counts"`   // findings of its scan by severity
	Excepted []FindingExcused `json:"excepted"` // findings that would stop it, but for an exception
}

// FindingExcused is a grave finding and the exception that lets it pass.
type FindingExcused struct {
	Name     string `json:"name"`
	Severity string `json:"severity"`
	Until    string `json:"until"` // the exception's last day
	By       string `json:"by"`    // person ID
}

// ecrAPI is the calls used.
type ecrAPI interface {
	DescribeImages(context.Context, *ecr.DescribeImagesInput, ...func(*ecr.Options)) (*ecr.DescribeImagesOutput, error)
	DescribeRepositories(context.Context, *ecr.DescribeRepositoriesInput, ...func(*ecr.Options)) (*ecr.DescribeRepositoriesOutput, error)
	DescribeImageScanFindings(context.Context, *ecr.DescribeImageScanFindingsInput, ...func(*ecr.Options)) (*ecr.DescribeImageScanFindingsOutput, error)
}

// ECR judges container images by their scans.
type ECR struct {
	client ecrAPI
	system func() (*system.System, error)
	now    func() time.Time
}

// CheckECRImage judges an image by its scan and by releases.scan of system.yaml. It refuses (Refused) one that is not there, one
// without a finished scan, and one with a finding at or above the threshold that no exception covers today.
func (a *ECR) CheckECRImage(ctx context.Context, in ImageRef) (ImageChecked, error) {
	s, err := describe(a.system)
	if err != nil {
		return ImageChecked{}, err
	}
	uri, err := a.repository(ctx, in)
	if err != nil {
		return ImageChecked{}, err
	}
	findings, err := a.findings(ctx, in)
	if err != nil {
		return ImageChecked{}, err
	}
	checked := ImageChecked{Image: uri + "@" + in.Digest, Counts: map[string]int{}, Excepted: []FindingExcused{}}
	var refused []string
	for _, f := range findings {
		checked.Counts[f.Severity]++
		if !system.Severe(f.Severity, s.Releases.Scan.Threshold) {
			continue
		}
		if e, ok := s.Releases.Scan.Excused(f.Name, a.now(), s.Location()); ok {
			checked.Excepted = append(checked.Excepted, FindingExcused{f.Name, f.Severity, e.Until, e.By})
		} else {
			refused = append(refused, f.Name+" ("+f.Severity+")")
		}
	}
	if len(refused) > 0 {
		return ImageChecked{}, fail(Refused, "the scan of %s@%s has findings of %s or worse without an exception that counts today: %s. Mend the image, or let an officer enter an exception with an end under releases.scan.exceptions",
			in.Repository, in.Digest, s.Releases.Scan.Threshold, strings.Join(refused, ", "))
	}
	return checked, nil
}

// repository makes sure that the image is there, and returns the repository's address.
func (a *ECR) repository(ctx context.Context, in ImageRef) (string, error) {
	doing := "look for the image " + in.Repository + "@" + in.Digest
	_, err := a.client.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: &in.Repository, ImageIds: []types.ImageIdentifier{{ImageDigest: &in.Digest}}})
	if code := errorCode(err); code == "ImageNotFoundException" || code == "RepositoryNotFoundException" {
		return "", fail(Refused, "%s: %s: push it first, or mend the digest", doing, reason(err))
	}
	if err != nil {
		return "", Classify(err, doing)
	}
	out, err := a.client.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{in.Repository}})
	if err != nil {
		return "", Classify(err, "read the repository "+in.Repository)
	}
	if len(out.Repositories) != 1 {
		return "", fail(NotFound, "there is no repository %s; %s", in.Repository, classes[NotFound].advice)
	}
	return aws.ToString(out.Repositories[0].RepositoryUri), nil
}

type finding struct{ Name, Severity string }

// findings reads all pages, of basic and of enhanced scans.
func (a *ECR) findings(ctx context.Context, in ImageRef) ([]finding, error) {
	doing := "read the scan of " + in.Repository + "@" + in.Digest
	found := map[finding]bool{}
	pages := ecr.NewDescribeImageScanFindingsPaginator(a.client, &ecr.DescribeImageScanFindingsInput{
		RepositoryName: &in.Repository, ImageId: &types.ImageIdentifier{ImageDigest: &in.Digest}, MaxResults: aws.Int32(1000),
	})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if errorCode(err) == "ScanNotFoundException" {
			return nil, fail(Refused, "%s: it has never been scanned: start a scan, and ask again when it is complete", doing)
		}
		if err != nil {
			return nil, Classify(err, doing)
		}
		if err := finished(out.ImageScanStatus, doing); err != nil {
			return nil, err
		}
		if out.ImageScanFindings == nil {
			continue
		}
		for _, f := range out.ImageScanFindings.Findings {
			found[finding{aws.ToString(f.Name), string(f.Severity)}] = true
		}
		for _, f := range out.ImageScanFindings.EnhancedFindings {
			name := aws.ToString(f.Title)
			if d := f.PackageVulnerabilityDetails; d != nil && d.VulnerabilityId != nil {
				name = *d.VulnerabilityId
			}
			found[finding{name, aws.ToString(f.Severity)}] = true
		}
	}
	list := make([]finding, 0, len(found))
	for f := range found {
		list = append(list, f)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name+list[i].Severity < list[j].Name+list[j].Severity })
	return list, nil
}

// finished tells whether a scan has come to its end. An enhanced one goes on for as long as the image is there: it is active.
func finished(status *types.ImageScanStatus, doing string) error {
	if status == nil {
		return fail(NotYet, "%s: ECR does not say how far it is", doing)
	}
	switch {
	case slices.Contains([]types.ScanStatus{types.ScanStatusComplete, types.ScanStatusActive}, status.Status):
		return nil
	case slices.Contains([]types.ScanStatus{types.ScanStatusInProgress, types.ScanStatusPending}, status.Status):
		return fail(NotYet, "%s: it is %s", doing, status.Status)
	}
	return fail(Refused, "%s: it is %s (%s), so nobody knows what is in the image: scan it again", doing, status.Status, aws.ToString(status.Description))
}

// String is how a plan shows an exception.
func (f FindingExcused) String() string {
	return fmt.Sprintf("%s (%s), accepted by %s until %s", f.Name, f.Severity, f.By, f.Until)
}
