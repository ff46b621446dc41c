package load

import (
	"context"
	"encoding/binary"
	"math/big"
	"math/bits"
)

// hasher takes the hash of a row that PostgreSQL takes (hash_record_extended with the seed 0), from the row as it is sent. So a
// table that consists of what was sent need not be read again for its checksum.
//
// The functions are those of src/common/hashfn.c and the hash operator classes. PostgreSQL cannot change them: they decide in
// which partition a row of a hash-partitioned table lies. newHasher asks the server all the same.
type hasher []func(value []byte) uint64

// hashes are the types that datasets have.
var hashes = map[string]func(value []byte) uint64{
	"text": hashBytes, "bigint": hashInt8, "numeric": hashNumeric, "boolean": hashBool, "date": hashInt4, "timestamp with time zone": hashInt8,
}

// newHasher is nil if there is a column whose type it does not know, or if the server takes other hashes.
func newHasher(ctx context.Context, q querier, t *Table) (hasher, error) {
	h := hasherOf(t)
	if h == nil {
		return nil, nil
	}
	var same bool
	err := q.QueryRow(ctx, `SELECT current_setting('server_encoding') = 'UTF8' AND `+probeSQL+` = $1`, int64(probe())).Scan(&same) //nolint:gosec // PostgreSQL's hashes have a sign
	if err != nil || !same {
		return nil, wrap("compare hashes with PostgreSQL's", err)
	}
	return h, nil
}

func hasherOf(t *Table) hasher {
	h := make(hasher, len(t.Columns))
	for i, c := range t.Columns {
		if h[i] = hashes[c.Type]; h[i] == nil {
			return nil
		}
	}
	return h
}

// next adds a column's hash to that of the columns before it. field is a value with its length before it, as COPY has it.
func (h hasher) next(hash uint64, column int, field []byte) uint64 {
	hash *= 31
	if value := field[4:]; int32(binary.BigEndian.Uint32(field)) >= 0 { //nolint:gosec // -1 is a null
		hash += h[column](value)
	}
	return hash
}

// probeSQL is the hash of a row with a value of each type, as PostgreSQL takes it, and probe the same row's as it is taken here.
const probeSQL = `hash_record_extended(ROW('手順 procedure'::text, -42::bigint, 1200.50::numeric, true, '2000-01-02'::date,
	'2000-01-01 00:00:01+00'::timestamptz, NULL::text), 0)`

func probe() (hash uint64) {
	h := hasher{hashBytes, hashInt8, hashNumeric, hashBool, hashInt4, hashInt8, hashBytes}
	for i, value := range []string{
		"手順 procedure", "\xff\xff\xff\xff\xff\xff\xff\xd6", "\x00\x02\x00\x00\x00\x00\x00\x02\x04\xb0\x13\x88", "\x01", "\x00\x00\x00\x01",
		"\x00\x00\x00\x00\x00\x0f\x42\x40",
	} {
		hash = h.next(hash, i, append(binary.BigEndian.AppendUint32(nil, uint32(len(value))), value...)) //nolint:gosec // it is short
	}
	return h.next(hash, 6, []byte{0xff, 0xff, 0xff, 0xff})
}

const hashStart = 0x9e3779b9 + 3923095

// hashBytes is hash_bytes_extended, Bob Jenkins' lookup3 with both of its halves.
func hashBytes(k []byte) uint64 {
	a := uint32(hashStart) + uint32(len(k)) //nolint:gosec // a value is shorter than 1 GB
	b, c := a, a
	for ; len(k) >= 12; k = k[12:] {
		a += binary.LittleEndian.Uint32(k)
		b += binary.LittleEndian.Uint32(k[4:])
		c += binary.LittleEndian.Uint32(k[8:])
		a, b, c = mix(a, b, c)
	}
	// The lowest byte of c is left to the length.
	var rest [12]byte
	copy(rest[:], k[:min(len(k), 8)])
	if len(k) > 8 {
		copy(rest[9:], k[8:])
	}
	return final(a+binary.LittleEndian.Uint32(rest[:]), b+binary.LittleEndian.Uint32(rest[4:]), c+binary.LittleEndian.Uint32(rest[8:]))
}

// hashUint32 is hash_bytes_uint32_extended.
func hashUint32(k uint32) uint64 {
	const start = hashStart + 4
	return final(start+k, start, start)
}

func mix(a, b, c uint32) (uint32, uint32, uint32) {
	a, c = (a-c)^bits.RotateLeft32(c, 4), c+b
	b, a = (b-a)^bits.RotateLeft32(a, 6), a+c
	c, b = (c-b)^bits.RotateLeft32(b, 8), b+a
	a, c = (a-c)^bits.RotateLeft32(c, 16), c+b
	b, a = (b-a)^bits.RotateLeft32(a, 19), a+c
	c, b = (c-b)^bits.RotateLeft32(b, 4), b+a
	return a, b, c
}

func final(a, b, c uint32) uint64 {
	c = (c ^ b) - bits.RotateLeft32(b, 14)
	a = (a ^ c) - bits.RotateLeft32(c, 11)
	b = (b ^ a) - bits.RotateLeft32(a, 25)
	c = (c ^ b) - bits.RotateLeft32(b, 16)
	a = (a ^ c) - bits.RotateLeft32(c, 4)
	b = (b ^ a) - bits.RotateLeft32(a, 14)
	c = (c ^ b) - bits.RotateLeft32(b, 24)
	return uint64(b)<<32 | uint64(c)
}

func hashBool(v []byte) uint64 { return hashUint32(uint32(v[0])) }

func hashInt4(v []byte) uint64 { return hashUint32(binary.BigEndian.Uint32(v)) }

// hashInt8 has the hash of the same number as an integer.
func hashInt8(v []byte) uint64 {
	high, low := binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:])
	if int32(high) < 0 { //nolint:gosec // it has a sign
		high = ^high
	}
	return hashUint32(low ^ high)
}

// hashNumeric leaves the sign out, and zeros before and after, so that 1.5 and 1.50 have one hash. The digits are hashed as they
// lie in the server's memory, which is that of a little-endian machine.
func hashNumeric(v []byte) uint64 {
	const nan, infinite, negative = 0xc000, 0xd000, 0xf000
	digits, weight, sign := v[8:], int16(binary.BigEndian.Uint16(v[2:])), binary.BigEndian.Uint16(v[4:]) //nolint:gosec // it has a sign
	if sign == nan || sign == infinite || sign == negative {
		return 0
	}
	for ; len(digits) > 0 && digits[0] == 0 && digits[1] == 0; digits = digits[2:] {
		weight--
	}
	for ; len(digits) > 0 && digits[len(digits)-1] == 0 && digits[len(digits)-2] == 0; digits = digits[:len(digits)-2] {
	}
	if len(digits) == 0 {
		return ^uint64(0)
	}
	var memory [256]byte
	swapped := memory[:0]
	for i := 0; i < len(digits); i += 2 {
		swapped = append(swapped, digits[i+1], digits[i])
	}
	return hashBytes(swapped) ^ uint64(int64(weight)) //nolint:gosec // as PostgreSQL extends it
}

// hashSum is a sum of hashes, which have a sign.
type hashSum struct{ high, low uint64 }

func (s *hashSum) add(hash uint64) {
	var carry uint64
	s.low, carry = bits.Add64(s.low, hash, 0)
	s.high += uint64(int64(hash)>>63) + carry //nolint:gosec // the sign goes on
}

func (s *hashSum) addAll(other hashSum) {
	var carry uint64
	s.low, carry = bits.Add64(s.low, other.low, 0)
	s.high += other.high + carry
}

func (s *hashSum) big() *big.Int {
	n := big.NewInt(int64(s.high)) //nolint:gosec // it has a sign
	n.Lsh(n, 64)
	return n.Add(n, new(big.Int).SetUint64(s.low))
}
