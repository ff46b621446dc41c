package sandbox

import (
	"net/http"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// listing is an entry of a list: an object, or a common prefix that stands for the objects under it.
type listing struct {
	name   string
	object *types.Object
}

func listObjects(c *call, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	if err := c.bucket(in.Bucket, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	objects, err := listUnder[Object](c, objectKind, val(in.Bucket)+"/"+val(in.Prefix))
	if err != nil {
		return nil, err
	}
	sort.Slice(objects, func(i, j int) bool { return objects[i].Key < objects[j].Key })
	entries := fold(objects, in)
	items, next, err := page(entries, val(in.ContinuationToken), int(maxKeys(in.MaxKeys)), 1000, func(words string) error {
		return fail(http.StatusBadRequest, generic("InvalidArgument", words))
	})
	if err != nil {
		return nil, err
	}
	out := &s3.ListObjectsV2Output{
		Name: in.Bucket, Prefix: in.Prefix, Delimiter: in.Delimiter, StartAfter: in.StartAfter, ContinuationToken: in.ContinuationToken,
		MaxKeys: ptr(maxKeys(in.MaxKeys)), KeyCount: count(items), IsTruncated: ptr(next != ""), NextContinuationToken: ptrUnlessEmpty(next),
	}
	for _, item := range items {
		if item.object == nil {
			out.CommonPrefixes = append(out.CommonPrefixes, types.CommonPrefix{Prefix: ptr(item.name)})
		} else {
			out.Contents = append(out.Contents, *item.object)
		}
	}
	return out, nil
}

func maxKeys(n *int32) int32 {
	if n == nil || *n <= 0 || *n > 1000 {
		return 1000
	}
	return *n
}

func fold(objects []Object, in *s3.ListObjectsV2Input) []listing {
	var entries []listing
	for _, o := range objects {
		if o.Key <= val(in.StartAfter) && val(in.StartAfter) != "" {
			continue
		}
		rest := strings.TrimPrefix(o.Key, val(in.Prefix))
		if d := val(in.Delimiter); d != "" {
			if folder, _, found := strings.Cut(rest, d); found {
				name := val(in.Prefix) + folder + d
				if len(entries) == 0 || entries[len(entries)-1].name != name {
					entries = append(entries, listing{name: name})
				}
				continue
			}
		}
		entries = append(entries, listing{o.Key, &types.Object{
			Key: ptr(o.Key), ETag: ptr(o.ETag), Size: ptr(int64(len(o.Body))), LastModified: ptr(o.Version.Modified), StorageClass: types.ObjectStorageClassStandard,
		}})
	}
	return entries
}
