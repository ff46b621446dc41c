package load

import (
	"math/bits"
	"sync/atomic"
)

// seen remembers hashes of keys, and may say of one in fifty that it has seen it though it has not; it never forgets one. So
// what it has not seen is new, and only the rest has to be looked at by PostgreSQL. It is a Bloom filter whose bits for a
// key are all in one word, so that of two workers with the same key one always sees the other.
type seen struct {
	words []atomic.Uint64
	shift int
}

// The memory of a filter: 16 bits a row, between 1 MiB and 64 MiB.
const (
	bitsEach  = 16
	leastBits = 1 << 23
	mostBits  = 1 << 29
)

// newSeen makes a filter for about so many rows.
func newSeen(rows int64) *seen {
	want := uint64(max(rows, 0)) * bitsEach
	want = min(max(want, leastBits), mostBits)
	size := bits.Len64(want - 1) // rounded up to a power of two
	return &seen{words: make([]atomic.Uint64, 1<<(size-6)), shift: 64 - (size - 6)}
}

// add remembers a hash and tells whether it was perhaps there before.
func (s *seen) add(hash uint64) bool {
	mask := uint64(1)<<(hash&63) | 1<<(hash>>6&63) | 1<<(hash>>12&63) | 1<<(hash>>18&63) | 1<<(hash>>24&63)
	return s.words[hash>>s.shift].Or(mask)&mask == mask
}

// fetch calls for the memory that add will need.
func (s *seen) fetch(hash uint64) { _ = s.words[hash>>s.shift].Load() }
