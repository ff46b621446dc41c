package infer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"tejun/internal/dataset"
)

// takeLines reads JSON Lines; false if some line is no object.
func (s *sample) takeLines(text string) bool {
	var objects []map[string]string
	var keys []string
	nested := map[string]bool{}
	known := map[string]bool{}
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if len(objects) == mostRecords {
			s.whole = false
			break
		}
		object, order, ok := readObject(line, nested)
		if !ok {
			return false
		}
		for _, k := range order {
			if known[k] {
				continue
			}
			known[k] = true
			if strings.TrimSpace(k) == "" {
				s.said.doubt("a key is blank: it can be no field of a table, and was left out")
				continue
			}
			keys = append(keys, k)
		}
		objects = append(objects, object)
		if len(keys) > mostColumns {
			return false
		}
	}
	if len(keys) == 0 {
		return false
	}
	s.format, s.header, s.encoding, s.names = dataset.JSONL, true, "", keys
	s.said.format, s.said.header = fmt.Sprintf("sure: each of %d lines is a JSON object", len(objects)), "sure: JSON names its fields"
	for k := range nested {
		s.said.doubt("the key %q holds lists or objects: they would be rejected, so take the column out or have the file made flat", clip(k))
	}
	for _, o := range objects {
		record := make([]string, len(keys))
		for i, k := range keys {
			record[i] = o[k]
		}
		s.records = append(s.records, record)
	}
	return true
}

// readObject reads one object: its values as text, and its keys in order.
func readObject(line string, nested map[string]bool) (map[string]string, []string, bool) {
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.UseNumber()
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, nil, false
	}
	object := map[string]string{}
	var order []string
	for decoder.More() {
		token, err := decoder.Token()
		key, isText := token.(string)
		if err != nil || !isText {
			return nil, nil, false
		}
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return nil, nil, false
		}
		order = append(order, key)
		object[key] = plain(value)
		if value[0] == '{' || value[0] == '[' {
			nested[key] = true
		}
	}
	_, err := decoder.Token()
	return object, order, err == nil && !decoder.More()
}

// plain is a value as the text that the conversion reads.
func plain(value json.RawMessage) string {
	var text string
	switch {
	case bytes.Equal(value, []byte("null")):
		return ""
	case value[0] == '"' && json.Unmarshal(value, &text) == nil:
		return text
	}
	return string(value)
}
