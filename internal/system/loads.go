package system

import (
	"path/filepath"
	"strings"
)

// Loads says what data loads need: where the declarations lie, which hosts may be asked for files, and where the rejected
// rows of a file go.
type Loads struct {
	Datasets string   `yaml:"datasets"` // folder with one YAML file for each dataset, relative to the description's
	Hosts    []string `yaml:"hosts"`    // that files may be fetched from over HTTPS
	Buckets  []string `yaml:"buckets"`  // that files may be fetched from
	Bucket   string   `yaml:"bucket"`
	Prefix   string   `yaml:"prefix"` // of the keys, such as "rejects/"

	Task *LoadTask `yaml:"task"` // may be left out; then the worker does the heavy part of a load itself
}

func (r *report) validateLoads(v Loads) {
	if !r.Has("loads") {
		return
	}
	if r.Need("loads.datasets", v.Datasets) && !filepath.IsLocal(v.Datasets) {
		r.Add("loads.datasets", "%q: want a folder beside this file, such as datasets", v.Datasets)
	}
	for _, host := range v.Hosts {
		if host == "" || strings.ContainsAny(host, "/:@ ") {
			r.Add("loads.hosts", "%q: want the name of a host, such as www.post.japanpost.jp", host)
		}
	}
	for _, bucket := range v.Buckets {
		r.Form("loads.buckets", bucket, bucketForm, "names of S3 buckets")
	}
	r.Form("loads.bucket", v.Bucket, bucketForm, "the name of an S3 bucket")
	r.Form("loads.prefix", v.Prefix, keyPrefixForm, "a prefix such as rejects/")
	r.validateLoadTask(v.Task)
}
