package site

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"tejun/internal/sandbox"
	"tejun/internal/system"
)

//go:embed pages
var files embed.FS

var (
	pages = template.Must(template.New("").ParseFS(files, "pages/*.tmpl"))
	style = mustRead("pages/site.css")
	// pagePolicy lets a page use the style that it carries, and nothing else.
	pagePolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-" + hashOf(style) + "'"
)

func mustRead(name string) string {
	data, err := files.ReadFile(name)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return string(data)
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// cloudfrontError is CloudFront's own page for an error.
func cloudfrontError(status int, why string) answer {
	a := page(status, "error.html.tmpl", map[string]any{"Status": status, "Text": http.StatusText(status), "Why": why, "From": "CloudFront"})
	a.header.Set("X-Cache", "Error from cloudfront")
	return a
}

func page(status int, name string, data map[string]any) answer {
	data["Style"] = template.CSS(style) //nolint:gosec // embedded in the program
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		return answer{http.StatusInternalServerError, http.Header{"Content-Type": {"text/plain"}}, []byte(err.Error())}
	}
	return answer{status, http.Header{
		"Content-Type": {"text/html; charset=utf-8"}, "Content-Security-Policy": {pagePolicy}, "Referrer-Policy": {"no-referrer"},
	}, b.Bytes()}
}

// fromBucket serves an object. Without the right to list, S3 says "access denied" of a key that does not exist.
func (e *edges) fromBucket(o types.Origin, v visit) (answer, error) {
	bucket, _, _ := strings.Cut(aws.ToString(o.DomainName), ".s3.")
	key := strings.TrimPrefix(aws.ToString(o.OriginPath)+v.path, "/")
	object, found, err := e.sandbox.Object(bucket, key)
	if err != nil {
		return answer{}, err
	}
	if !found {
		body := `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
		return answer{http.StatusForbidden, http.Header{"Content-Type": {"application/xml"}, "X-Cache": {"Error from cloudfront"}}, []byte(body)}, nil
	}
	header := http.Header{"Content-Type": {object.ContentType}, "Etag": {object.ETag}, "X-Cache": {"Miss from cloudfront"}}
	return answer{http.StatusOK, header, object.Body}, nil
}

// fromServices is the load balancer with the ECS services behind it: the service with the longest fitting path answers if
// any of its tasks runs.
func (e *edges) fromServices(world sandbox.World, v visit) answer {
	svc, ok := route(e.system.ECS.Services, v.path)
	if !ok {
		return balancerError(http.StatusNotFound, "No service is registered for this path.")
	}
	running, ok := world.Services[e.system.ECS.Cluster+"/"+svc.Service]
	if !ok || running.Count == 0 {
		return balancerError(http.StatusServiceUnavailable, "No task of the service is running.")
	}
	a := page(http.StatusOK, "service.html.tmpl", map[string]any{
		"System": e.system.Name, "Service": svc.Name, "ECS": svc.Service, "Version": version(running.TaskDefinition), "Count": running.Count,
		"Desired": running.Desired, "Path": v.path, "Client": v.client.String(), "Now": inZone(world.At, e.system), "Overview": OverviewPath,
	})
	a.header.Set("X-Cache", "Miss from cloudfront")
	return a
}

func route(services []system.Service, path string) (system.Service, bool) {
	var best system.Service
	for _, s := range services {
		if s.Path != "" && under(path, s.Path) && len(s.Path) > len(best.Path) {
			best = s
		}
	}
	return best, best.Path != ""
}

// under also takes "/api" for the prefix "/api/".
func under(path, prefix string) bool {
	return strings.HasPrefix(path, prefix) || path+"/" == prefix
}

// version is the task definition as people know it: family and revision.
func version(taskDefinition string) string {
	return taskDefinition[strings.LastIndex(taskDefinition, "/")+1:]
}

func balancerError(status int, why string) answer {
	a := page(status, "error.html.tmpl", map[string]any{"Status": status, "Text": http.StatusText(status), "Why": why, "From": "Application Load Balancer"})
	a.header.Set("X-Cache", "Error from cloudfront")
	a.header.Set("Server", "awselb/2.0")
	return a
}
