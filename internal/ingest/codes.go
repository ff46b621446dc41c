package ingest

import (
	"maps"
	"slices"
)

// codes is a list of values that a column may have.
type codes struct {
	all   map[string]struct{}
	short []uint64 // the codes as little-endian words, if they are few and none is longer than seven bytes
}

// fewCodes is up to how many codes are compared one by one.
const fewCodes = 12

func newCodes(list []string) *codes {
	c := &codes{all: make(map[string]struct{}, len(list))}
	short := len(list) <= fewCodes
	for _, code := range list {
		c.all[code] = struct{}{}
		short = short && len(code) < 8
	}
	if short {
		for _, code := range list {
			var word uint64
			for i := range len(code) {
				word |= uint64(code[i]) << (8 * i)
			}
			c.short = append(c.short, word|uint64(len(code))<<56)
		}
	}
	return c
}

func (c *codes) has(text []byte) bool {
	if c.short == nil {
		_, ok := c.all[string(text)]
		return ok
	}
	if len(text) >= 8 {
		return false
	}
	var word uint64
	for i := len(text) - 1; i >= 0; i-- {
		word = word<<8 | uint64(text[i])
	}
	word |= uint64(len(text)) << 56
	for _, code := range c.short {
		if code == word {
			return true
		}
	}
	return false
}

func (c *codes) sorted() []string { return slices.Sorted(maps.Keys(c.all)) }
