package sandbox

import (
	"encoding/base64"
	"fmt"
	"strconv"
)

// page cuts one page out of all. The token is where the page starts; next is "" on the last page. bad makes the error
// for a token that this sandbox never gave.
func page[T any](all []T, token string, limit, most int, bad func(string) error) (items []T, next string, err error) {
	start := 0
	if token != "" {
		raw, decodeErr := base64.RawURLEncoding.DecodeString(token)
		if decodeErr == nil {
			start, decodeErr = strconv.Atoi(string(raw))
		}
		if decodeErr != nil || start < 0 || start > len(all) {
			return nil, "", bad(fmt.Sprintf("the token %q is not valid", token))
		}
	}
	if limit <= 0 || limit > most {
		limit = most
	}
	end := min(start+limit, len(all))
	if end < len(all) {
		next = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(end)))
	}
	return all[start:end], next, nil
}

// ptrUnlessEmpty is nil for "", as AWS leaves the last page's token out.
func ptrUnlessEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
