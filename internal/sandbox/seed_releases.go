package sandbox

import (
	"crypto/md5" //nolint:gosec // as in s3.go
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	cloudfront "github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/google/uuid"

	"tejun/internal/system"
)

// Tags of the images that every repository is seeded with.
const (
	ImageStable     = "stable"     // runs
	ImageNext       = "next"       // fit to be released
	ImageVulnerable = "vulnerable" // its scan has found much
	ImageSick       = "sick"       // never gets healthy
	ImageFaulty     = "faulty"     // gets healthy, and fails one request in eight
)

// SeedCode and SeedGuide are what lies in the bucket of builds.
const (
	SeedCode  = "lambda/gzs-index/next.zip"
	SeedGuide = "static/guide/next/"
)

// seedReleases fills in what releases need: images, pipelines, functions, files of the site and metrics.
func seedReleases(c *call, sys *system.System) error {
	v := sys.Releases
	if v.Builds == "" {
		return nil
	}
	err := c.put(bucketKind+"/"+v.Builds, bucket{Name: v.Builds, Region: sys.AWS.Region, Versioned: true})
	for _, part := range v.Parts {
		switch {
		case part.Container != nil:
			err = errors.Join(err, seedContainer(c, sys, part.Container))
		case part.Lambda != nil:
			err = errors.Join(err, seedFunction(c, sys, part.Lambda))
		case part.Static != nil:
			err = errors.Join(err, seedStatic(c, sys, part.Static))
		}
	}
	e := v.Watch.ErrorRate
	err = errors.Join(err,
		c.put(metricKey(&e.Namespace, &e.Requests), Metric{Region: sys.AWS.Region, Namespace: e.Namespace, Name: e.Requests, PerMinute: 600}),
		c.put(metricKey(&e.Namespace, &e.Errors), Metric{Region: sys.AWS.Region, Namespace: e.Namespace, Name: e.Errors, PerMinute: 600, Failures: true}))
	return errors.Join(err,
		seedObject(c, Object{Bucket: v.Builds, Key: SeedCode, Body: []byte("code of gzs-index, the next one"), ContentType: "application/zip"}),
		seedObject(c, Object{Bucket: v.Builds, Key: SeedGuide + "index.html", Body: []byte("<title>利用の手引き 第2版</title>\n"), ContentType: "text/html; charset=utf-8"}),
		seedObject(c, Object{Bucket: v.Builds, Key: SeedGuide + "faq.html", Body: []byte("<title>よくある質問</title>\n"), ContentType: "text/html; charset=utf-8"}))
}

func seedObject(c *call, o Object) error {
	sum := md5.Sum(o.Body) //nolint:gosec // an ETag
	o.ETag, o.Version.Modified = `"`+hex.EncodeToString(sum[:])+`"`, c.at
	_, err := c.store(o)
	return err
}

// seedContainer makes a repository with its images, the pipeline, and the task definition that runs.
func seedContainer(c *call, sys *system.System, part *system.ContainerPart) error {
	svc, ok := sys.Service(part.Service)
	if !ok {
		return fmt.Errorf("there is no service %s", part.Service)
	}
	err := c.put(repositoryKind+"/"+part.Repository, repository{Name: part.Repository, Region: sys.AWS.Region})
	low := []Finding{{"CVE-2026-10001", "LOW"}, {"CVE-2026-10002", "MEDIUM"}}
	grave := append(slices.Clone(low), Finding{"CVE-2026-20001", "HIGH"}, Finding{"CVE-2026-30001", "CRITICAL"})
	for _, image := range []Image{
		{Tags: []string{ImageStable}, Findings: low},
		{Tags: []string{ImageNext}, Findings: low[:1]},
		{Tags: []string{ImageVulnerable}, Findings: grave},
		{Tags: []string{ImageSick}, Unhealthy: true},
		{Tags: []string{ImageFaulty}, ErrorPercent: 12.5},
	} {
		image.Repository, image.Region, image.Pushed, image.Scanned = part.Repository, sys.AWS.Region, c.at, true
		image.Digest = Digest(part.Repository, image.Tags[0])
		err = errors.Join(err, c.put(imageKey(image.Repository, image.Digest), image))
	}
	uri, failed := c.repositoryURI(part.Repository)
	d := definition{
		Family: svc.Service, Revision: 6, Region: sys.AWS.Region, Container: part.Container, Image: uri + "@" + Digest(part.Repository, ImageStable),
		TaskRole: "arn:aws:iam::" + sys.AWS.Account + ":role/" + svc.Service, ExecutionRole: "arn:aws:iam::" + sys.AWS.Account + ":role/" + svc.Service + "-start",
	}
	_, registered := c.register(d) // revision 7, which the service has
	return errors.Join(err, failed, registered, c.put(pipelineKind+"/"+part.Pipeline, pipeline{
		Name: part.Pipeline, Region: sys.AWS.Region, Number: 1, Repository: part.Repository, Cluster: sys.ECS.Cluster, Service: svc.Service, Container: part.Container,
	}))
}

// seedFunction makes a function whose alias points to its first version.
func seedFunction(c *call, sys *system.System, part *system.LambdaPart) error {
	code := codeOf([]byte("code of " + part.Function))
	revision := func(of string) string {
		return uuid.NewSHA1(uuid.NameSpaceOID, []byte(part.Function+"\x00"+of)).String()
	}
	return c.put(functionKind+"/"+part.Function, Function{
		Name: part.Function, ARN: arn("lambda", sys.AWS.Region, sys.AWS.Account, "function:"+part.Function), Region: sys.AWS.Region,
		Code: code, Published: []Code{code}, Aliases: map[string]string{part.Alias: "1"},
		Version: FunctionVersion{Revision: revision(latest), Alias: map[string]string{part.Alias: revision(part.Alias)}},
	})
}

// seedStatic makes the bucket, its first page, and the way to it through the distribution.
func seedStatic(c *call, sys *system.System, part *system.StaticPart) error {
	err := c.put(bucketKind+"/"+part.Bucket, bucket{Name: part.Bucket, Region: sys.AWS.Region, Versioned: true})
	err = errors.Join(err, seedObject(c, Object{
		Bucket: part.Bucket, Key: part.Prefix + "index.html", Body: []byte("<title>利用の手引き</title>\n"), ContentType: "text/html; charset=utf-8",
	}))
	d, _, failed := get[Distribution](c, distributionKey(&sys.Distribution.ID))
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	origin := maintenanceOrigin(sys)
	origin.Id, origin.DomainName = ptr("static-"+part.Bucket), ptr(part.Bucket+".s3."+sys.AWS.Region+".amazonaws.com")
	origin.OriginAccessControlId = ptr(hashID("E", part.Bucket))
	if !slices.ContainsFunc(d.Config.Origins.Items, func(o cloudfront.Origin) bool { return val(o.Id) == val(origin.Id) }) {
		d.Config.Origins.Items = append(d.Config.Origins.Items, origin)
		d.Config.Origins.Quantity = count(d.Config.Origins.Items)
	}
	d.Config.CacheBehaviors.Items = append(d.Config.CacheBehaviors.Items, cloudfront.CacheBehavior{
		PathPattern: ptr("/" + part.Prefix + "*"), TargetOriginId: origin.Id, ViewerProtocolPolicy: cloudfront.ViewerProtocolPolicyRedirectToHttps, Compress: ptr(true),
		AllowedMethods: methods(cloudfront.MethodGet, cloudfront.MethodHead), CachePolicyId: ptr(cachingOptimized),
	})
	d.Config.CacheBehaviors.Quantity = count(d.Config.CacheBehaviors.Items)
	return c.put(distributionKey(&sys.Distribution.ID), d)
}
