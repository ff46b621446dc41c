package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sort"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

const (
	repositoryKind = "ecr:repository"
	imageKind      = "ecr:image"
)

type repository struct {
	Name   string
	Region string
}

// Image is a container image in a repository, with what its scan has found and how it behaves once it runs.
type Image struct {
	Repository string
	Region     string
	Digest     string // "sha256:" and 64 hex digits
	Tags       []string
	Pushed     time.Time
	Scanned    bool
	Findings   []Finding `json:",omitempty"`

	Unhealthy    bool    `json:",omitempty"` // its tasks never pass their health check: a deployment of it is rolled back
	ErrorPercent float64 `json:",omitempty"` // share of requests that fail while it runs
}

// Finding is a vulnerability that a scan has found.
type Finding struct {
	Name     string // such as CVE-2026-12345
	Severity string // such as "HIGH"
}

// Digest is the digest of the image that the sandbox is seeded with under a tag.
func Digest(repository, tag string) string {
	sum := sha256.Sum256([]byte(repository + ":" + tag))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// PushImage puts an image into its repository, as a build does.
func (s *Sandbox) PushImage(image Image) error {
	return s.change(context.Background(), func(c *call) error {
		c.region = image.Region
		if _, ok, err := get[repository](c, c.local(repositoryKind+"/"+image.Repository)); err != nil || !ok {
			return fmt.Errorf("sandbox: push to the repository %s: it is not there: %w", image.Repository, err)
		}
		if image.Region == "" {
			set, err := c.settings()
			if err != nil {
				return err
			}
			image.Region = set.Region
		}
		if image.Pushed.IsZero() {
			image.Pushed = c.at
		}
		return c.put(c.local(imageKey(image.Repository, image.Digest)), image)
	})
}

func ecrOperations() map[string]operation {
	return byName(
		handle(reads, "RepositoryName RegistryId ImageIds MaxResults NextToken", func(in *ecr.DescribeImagesInput) about {
			return about{imageKeyOf(in.RepositoryName, in.ImageIds...), ""}
		}, describeImages),
		handle(reads, "RepositoryName RegistryId ImageId MaxResults NextToken", func(in *ecr.DescribeImageScanFindingsInput) about {
			return about{imageKeyOf(in.RepositoryName, val(in.ImageId)), ""}
		}, describeImageScanFindings),
		handle(reads, "RepositoryNames RegistryId", func(*ecr.DescribeRepositoriesInput) about { return about{} }, describeRepositories),
	)
}

func imageKey(repository, digest string) string { return imageKind + "/" + repository + "/" + digest }

func imageKeyOf(repository *string, ids ...types.ImageIdentifier) string {
	if len(ids) != 1 {
		return repositoryKind + "/" + val(repository)
	}
	return imageKey(val(repository), val(ids[0].ImageDigest))
}

func invalidECR(words string) error {
	return fail(http.StatusBadRequest, &types.InvalidParameterException{Message: ptr(words)})
}

func (c *call) repository(name *string) (repository, error) {
	r, ok, err := get[repository](c, c.local(repositoryKind+"/"+val(name)))
	if err == nil && (!ok || r.Region != c.region) {
		err = fail(http.StatusBadRequest, &types.RepositoryNotFoundException{Message: ptr("The repository with name '" + val(name) + "' does not exist in the registry")})
	}
	return r, err
}

// image finds an image by digest or tag.
func (c *call) image(repository string, id types.ImageIdentifier) (Image, error) {
	images, err := listLocal[Image](c, imageKind, repository+"/")
	if err != nil {
		return Image{}, err
	}
	for _, image := range images {
		if image.Repository == repository && (image.Digest == val(id.ImageDigest) || slices.Contains(image.Tags, val(id.ImageTag))) {
			return image, nil
		}
	}
	return Image{}, fail(http.StatusBadRequest, &types.ImageNotFoundException{
		Message: ptr("The image with imageId {imageDigest:'" + val(id.ImageDigest) + "', imageTag:'" + val(id.ImageTag) + "'} does not exist within the repository with name '" + repository + "'"),
	})
}

func describeImages(c *call, in *ecr.DescribeImagesInput) (*ecr.DescribeImagesOutput, error) {
	r, err := c.repository(in.RepositoryName)
	if err != nil {
		return nil, err
	}
	var found []Image
	if len(in.ImageIds) == 0 {
		if found, err = listLocal[Image](c, imageKind, r.Name+"/"); err != nil {
			return nil, err
		}
	}
	for _, id := range in.ImageIds {
		image, err := c.image(r.Name, id)
		if err != nil {
			return nil, err
		}
		found = append(found, image)
	}
	items, next, err := page(found, val(in.NextToken), int(val(in.MaxResults)), 1000, invalidECR)
	out := &ecr.DescribeImagesOutput{NextToken: ptrUnlessEmpty(next)}
	for _, image := range items {
		out.ImageDetails = append(out.ImageDetails, image.show())
	}
	return out, err
}

func (i Image) show() types.ImageDetail {
	d := types.ImageDetail{
		RepositoryName: ptr(i.Repository), ImageDigest: ptr(i.Digest), ImageTags: i.Tags, ImagePushedAt: ptr(i.Pushed),
		ImageSizeInBytes: ptr(int64(48 << 20)), ImageManifestMediaType: ptr("application/vnd.oci.image.manifest.v1+json"),
	}
	if i.Scanned {
		d.ImageScanStatus = &types.ImageScanStatus{Status: types.ScanStatusComplete, Description: ptr("The scan was completed successfully.")}
		d.ImageScanFindingsSummary = &types.ImageScanFindingsSummary{FindingSeverityCounts: i.counts(), ImageScanCompletedAt: ptr(i.Pushed)}
	}
	return d
}

func (i Image) counts() map[string]int32 {
	counts := map[string]int32{}
	for _, f := range i.Findings {
		counts[f.Severity]++
	}
	return counts
}

func describeImageScanFindings(c *call, in *ecr.DescribeImageScanFindingsInput) (*ecr.DescribeImageScanFindingsOutput, error) {
	r, err := c.repository(in.RepositoryName)
	if err != nil {
		return nil, err
	}
	image, err := c.image(r.Name, val(in.ImageId))
	if err != nil {
		return nil, err
	}
	if !image.Scanned {
		return nil, fail(http.StatusBadRequest, &types.ScanNotFoundException{Message: ptr("Image scan does not exist for the image with '" + image.Digest + "' in the repository with name '" + r.Name + "'")})
	}
	findings := slices.Clone(image.Findings)
	sort.Slice(findings, func(i, j int) bool { return findings[i].Name < findings[j].Name })
	items, next, err := page(findings, val(in.NextToken), int(val(in.MaxResults)), 1000, invalidECR)
	shown := &types.ImageScanFindings{FindingSeverityCounts: maps.Clone(image.counts()), ImageScanCompletedAt: ptr(image.Pushed)}
	for _, f := range items {
		shown.Findings = append(shown.Findings, types.ImageScanFinding{Name: ptr(f.Name), Severity: types.FindingSeverity(f.Severity), Description: ptr("Found in a package of the image.")})
	}
	return &ecr.DescribeImageScanFindingsOutput{
		RepositoryName: ptr(r.Name), ImageId: &types.ImageIdentifier{ImageDigest: ptr(image.Digest)}, NextToken: ptrUnlessEmpty(next),
		ImageScanStatus: &types.ImageScanStatus{Status: types.ScanStatusComplete}, ImageScanFindings: shown,
	}, err
}

func describeRepositories(c *call, in *ecr.DescribeRepositoriesInput) (*ecr.DescribeRepositoriesOutput, error) {
	if len(in.RepositoryNames) == 0 {
		return nil, fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox describes repositories by their names only"))
	}
	out := &ecr.DescribeRepositoriesOutput{}
	for _, name := range in.RepositoryNames {
		r, err := c.repository(&name)
		if err != nil {
			return nil, err
		}
		uri, err := c.repositoryURI(r.Name)
		if err != nil {
			return nil, err
		}
		out.Repositories = append(out.Repositories, types.Repository{RepositoryName: ptr(r.Name), RepositoryUri: ptr(uri)})
	}
	return out, nil
}

// repositoryURI is what the names of a repository's images begin with.
func (c *call) repositoryURI(name string) (string, error) {
	set, err := c.settings()
	return set.Account + ".dkr.ecr." + orElse(c.region, set.Region) + ".amazonaws.com/" + name, err
}
