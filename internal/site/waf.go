package site

import (
	"bytes"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"tejun/internal/sandbox"
)

// verdict is whether a statement matches. What the site cannot evaluate (managed groups, rates, countries) is unknown, and
// stays so under Not, so that it never matches either way.
type verdict int

const (
	no verdict = iota
	yes
	unknown
)

// filter passes a visit through the web ACL; nil when it is let in.
func filter(world sandbox.World, acl types.WebACL, v visit) *answer {
	rules := slices.Clone(acl.Rules)
	slices.SortStableFunc(rules, func(a, b types.Rule) int { return int(a.Priority - b.Priority) })
	for _, r := range rules {
		if r.Action == nil || match(world, r.Statement, v) != yes {
			continue
		}
		switch {
		case r.Action.Allow != nil:
			return nil
		case r.Action.Block != nil:
			return block(acl, r.Action.Block)
		}
	}
	if acl.DefaultAction != nil && acl.DefaultAction.Block != nil {
		return block(acl, acl.DefaultAction.Block)
	}
	return nil
}

func block(acl types.WebACL, action *types.BlockAction) *answer {
	custom := action.CustomResponse
	if custom == nil {
		a := cloudfrontError(http.StatusForbidden, "Request blocked.")
		return &a
	}
	a := cloudfrontError(int(aws.ToInt32(custom.ResponseCode)), "Request blocked.")
	if body, ok := acl.CustomResponseBodies[aws.ToString(custom.CustomResponseBodyKey)]; ok {
		kinds := map[types.ResponseContentType]string{
			types.ResponseContentTypeTextPlain: "text/plain", types.ResponseContentTypeTextHtml: "text/html", types.ResponseContentTypeApplicationJson: "application/json",
		}
		a.header.Set("Content-Type", kinds[body.ContentType]+"; charset=utf-8")
		a.body = []byte(aws.ToString(body.Content))
	}
	for _, h := range custom.ResponseHeaders {
		a.header.Set(aws.ToString(h.Name), aws.ToString(h.Value))
	}
	return &a
}

func match(world sandbox.World, s *types.Statement, v visit) verdict {
	switch {
	case s == nil:
		return unknown
	case s.IPSetReferenceStatement != nil:
		return matchIPSet(world, s.IPSetReferenceStatement, v)
	case s.ByteMatchStatement != nil:
		return matchBytes(s.ByteMatchStatement, v)
	case s.NotStatement != nil:
		return not(match(world, s.NotStatement.Statement, v))
	case s.AndStatement != nil:
		return all(world, s.AndStatement.Statements, v)
	case s.OrStatement != nil: // not all of them are not
		return not(allNot(world, s.OrStatement.Statements, v))
	}
	return unknown
}

func not(v verdict) verdict {
	switch v {
	case yes:
		return no
	case no:
		return yes
	}
	return unknown
}

func all(world sandbox.World, statements []types.Statement, v visit) verdict {
	result := yes
	for i := range statements {
		switch match(world, &statements[i], v) {
		case no:
			return no
		case unknown:
			result = unknown
		}
	}
	return result
}

func allNot(world sandbox.World, statements []types.Statement, v visit) verdict {
	result := yes
	for i := range statements {
		switch match(world, &statements[i], v) {
		case yes:
			return no
		case unknown:
			result = unknown
		}
	}
	return result
}

func matchIPSet(world sandbox.World, s *types.IPSetReferenceStatement, v visit) verdict {
	set, ok := world.IPSets[aws.ToString(s.ARN)]
	if !ok || s.IPSetForwardedIPConfig != nil {
		return unknown
	}
	for _, address := range set.Set.Addresses {
		if prefix, err := netip.ParsePrefix(address); err == nil && prefix.Contains(v.client) {
			return yes
		}
	}
	return no
}

func matchBytes(s *types.ByteMatchStatement, v visit) verdict {
	field, ok := fieldOf(s.FieldToMatch, v)
	if !ok {
		return unknown
	}
	transformations := slices.Clone(s.TextTransformations)
	slices.SortStableFunc(transformations, func(a, b types.TextTransformation) int { return int(a.Priority - b.Priority) })
	for _, t := range transformations {
		switch t.Type {
		case types.TextTransformationTypeNone:
		case types.TextTransformationTypeLowercase:
			field = strings.ToLower(field)
		case types.TextTransformationTypeUrlDecode:
			if decoded, err := url.QueryUnescape(field); err == nil {
				field = decoded
			}
		default:
			return unknown
		}
	}
	var found bool
	switch text := []byte(field); s.PositionalConstraint {
	case types.PositionalConstraintExactly:
		found = bytes.Equal(text, s.SearchString)
	case types.PositionalConstraintStartsWith:
		found = bytes.HasPrefix(text, s.SearchString)
	case types.PositionalConstraintEndsWith:
		found = bytes.HasSuffix(text, s.SearchString)
	case types.PositionalConstraintContains:
		found = bytes.Contains(text, s.SearchString)
	default:
		return unknown
	}
	if found {
		return yes
	}
	return no
}

func fieldOf(f *types.FieldToMatch, v visit) (string, bool) {
	switch {
	case f == nil:
		return "", false
	case f.UriPath != nil:
		return v.path, true
	case f.QueryString != nil:
		return v.query, true
	case f.Method != nil:
		return v.method, true
	case f.SingleHeader != nil:
		return v.header.Get(aws.ToString(f.SingleHeader.Name)), true
	}
	return "", false
}
