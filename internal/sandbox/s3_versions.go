package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const versionKind = "s3:version"

// kept is a version of an object in a versioned bucket: its content, or the marker that it was deleted.
type kept struct {
	Object Object
	Marker bool  `json:",omitempty"`
	Place  int64 // in the order of writing
}

func versionKey(bucket, key, id string) string {
	return versionKind + "/" + bucket + "/" + key + "?" + id
}

func (c *call) versioned(name string) (bool, error) {
	b, _, err := get[bucket](c, bucketKind+"/"+name)
	return b.Versioned, err
}

// store puts an object, as a new version where the bucket keeps versions.
func (c *call) store(o Object) (Object, error) {
	keeps, err := c.versioned(o.Bucket)
	if err != nil {
		return o, err
	}
	if keeps {
		o.Version.ID = c.versionID(o.Bucket, o.Key)
		if err := c.put(versionKey(o.Bucket, o.Key, o.Version.ID), kept{Object: o, Place: c.state.lines}); err != nil {
			return o, err
		}
	}
	return o, c.put(objectKey(&o.Bucket, &o.Key), o)
}

func (c *call) versionID(bucket, key string) string {
	return hashID("", fmt.Sprintf("%s\x00%s\x00%d", bucket, key, c.state.lines)) + hashID("", fmt.Sprintf("%d\x00%s", c.state.lines, key))
}

// drop takes an object away; where the bucket keeps versions a marker hides it.
func (c *call) drop(bucket, key string) (marker string, err error) {
	keeps, err := c.versioned(bucket)
	if err != nil {
		return "", err
	}
	c.remove(objectKey(&bucket, &key))
	if !keeps {
		return "", nil
	}
	marker = c.versionID(bucket, key)
	return marker, c.put(versionKey(bucket, key, marker), kept{
		Object: Object{Bucket: bucket, Key: key, Version: ObjectVersion{Modified: c.at, ID: marker}}, Marker: true, Place: c.state.lines,
	})
}

// objectVersion finds a version of an object; without an ID the present one.
func (c *call) objectVersion(bucket, key, id *string) (Object, bool, error) {
	if id == nil {
		return c.object(bucket, key, nil)
	}
	if err := c.bucket(bucket, nil); err != nil {
		return Object{}, false, err
	}
	v, ok, err := get[kept](c, versionKey(val(bucket), val(key), *id))
	switch {
	case err != nil:
		return Object{}, false, err
	case !ok:
		return Object{}, false, fail(http.StatusNotFound, generic("NoSuchVersion", "The specified version does not exist."))
	case v.Marker:
		return Object{}, false, fail(http.StatusMethodNotAllowed, generic("MethodNotAllowed", "The specified method is not allowed against this resource."))
	}
	return v.Object, true, nil
}

// listObjectVersions lists by key, and of each key the newest first.
func listObjectVersions(c *call, in *s3.ListObjectVersionsInput) (*s3.ListObjectVersionsOutput, error) {
	if err := c.bucket(in.Bucket, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	all, err := listUnder[kept](c, versionKind, val(in.Bucket)+"/"+val(in.Prefix))
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b kept) int {
		if by := strings.Compare(a.Object.Key, b.Object.Key); by != 0 {
			return by
		}
		return int(b.Place - a.Place)
	})
	items, next, err := page(all, val(in.KeyMarker), int(maxKeys(in.MaxKeys)), 1000, func(words string) error {
		return fail(http.StatusBadRequest, generic("InvalidArgument", words))
	})
	if err != nil {
		return nil, err
	}
	out := &s3.ListObjectVersionsOutput{Name: in.Bucket, Prefix: in.Prefix, MaxKeys: ptr(maxKeys(in.MaxKeys)), IsTruncated: ptr(next != ""), NextKeyMarker: ptrUnlessEmpty(next)}
	before := ""
	if start := len(all) - len(items); start > 0 && in.KeyMarker != nil {
		before = all[slices.IndexFunc(all, func(v kept) bool { return v.Place == items[0].Place && v.Object.Key == items[0].Object.Key })-1].Object.Key
	}
	for _, v := range items {
		o, newest := v.Object, v.Object.Key != before
		before = o.Key
		if v.Marker {
			out.DeleteMarkers = append(out.DeleteMarkers, types.DeleteMarkerEntry{Key: ptr(o.Key), VersionId: ptr(o.Version.ID), IsLatest: ptr(newest), LastModified: ptr(o.Version.Modified)})
			continue
		}
		out.Versions = append(out.Versions, types.ObjectVersion{
			Key: ptr(o.Key), VersionId: ptr(o.Version.ID), IsLatest: ptr(newest), ETag: ptr(o.ETag), Size: ptr(int64(len(o.Body))), LastModified: ptr(o.Version.Modified),
		})
	}
	return out, nil
}

func getBucketVersioning(c *call, in *s3.GetBucketVersioningInput) (*s3.GetBucketVersioningOutput, error) {
	if err := c.bucket(in.Bucket, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	keeps, err := c.versioned(val(in.Bucket))
	if err != nil || !keeps {
		return &s3.GetBucketVersioningOutput{}, err
	}
	return &s3.GetBucketVersioningOutput{Status: types.BucketVersioningStatusEnabled}, nil
}
