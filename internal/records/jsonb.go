package records

import (
	"encoding/json"
	"regexp"
	"strings"
)

// nul is a NUL character as JSON has it, with the backslashes before it: an even number of them are characters of their own.
var nul = regexp.MustCompile(`\\+u0000`)

// jsonb is v as a column of type jsonb takes it: PostgreSQL keeps no NUL characters, and what people write and logs hold must not keep
// a record from being written. They become U+FFFD, as what is not UTF-8 does.
func jsonb(v any) (json.RawMessage, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return nul.ReplaceAllFunc(text, func(found []byte) []byte {
		slashes := strings.Count(string(found), `\`)
		if slashes%2 == 0 {
			return found
		}
		return []byte(strings.Repeat(`\`, slashes) + "ufffd")
	}), nil
}
