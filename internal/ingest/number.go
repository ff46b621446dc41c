package ingest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
)

var (
	errNotInteger = errors.New("is not a whole number")
	errNotNumber  = errors.New("is not a number")
	errTooBig     = errors.New("is beyond what the column can hold")
)

// longestNumber is how many digits a numeric may have.
const longestNumber = 1000

// parseInteger reads a whole number: a sign or none, digits, which commas may group by three.
func parseInteger(text []byte) (int64, error) {
	negative := false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		negative = text[0] == '-'
		text = text[1:]
	}
	if len(text) == 0 {
		return 0, errNotInteger
	}
	var value uint64
	for i, b := range text {
		d := b - '0'
		if d > 9 {
			if b == ',' {
				if plain, ok := ungroup(text, nil); ok {
					value, err := parseInteger(plain)
					if negative {
						value = -value
					}
					return value, err
				}
			}
			return 0, errNotInteger
		}
		if i >= 18 && value > (math.MaxInt64-uint64(d))/10 {
			return 0, errTooBig
		}
		value = value*10 + uint64(d)
	}
	if negative {
		return -int64(value), nil
	}
	return int64(value), nil
}

// shortInteger reads one to eight digits and nothing else, at data[start:end], without a branch for each. data has eight
// readable bytes from start.
func shortInteger(data []byte, start, end int) (int64, bool) {
	length := end - start
	if length < 1 || length > 8 {
		return 0, false
	}
	const digits = 0x3030303030303030
	shift := uint(64 - 8*length)
	word := (uint64At(data[start:start+8])<<shift | uint64(digits)&(1<<shift-1)) ^ digits
	if (word+0x7676767676767676|word)&high != 0 {
		return 0, false
	}
	word = word*10 + word>>8 // pairs stand in every second byte
	word = (word & 0x000000FF000000FF * 0x000F424000000064) + (word >> 16 & 0x000000FF000000FF * 0x0000271000000001)
	return int64(word >> 32), true
}

// ungroup is the number without the commas between groups of three digits; false if they stand anywhere else.
func ungroup(text, scratch []byte) ([]byte, bool) {
	whole, rest := text, []byte(nil)
	if at := bytes.IndexByte(text, '.'); at >= 0 {
		whole, rest = text[:at], text[at:]
	}
	out := scratch[:0]
	for i, b := range whole {
		left := len(whole) - i
		switch {
		case b == ',' && left%4 == 0 && i > 0:
		case b-'0' <= 9 && left%4 != 0:
			out = append(out, b)
		default:
			return nil, false
		}
	}
	if len(whole) == 0 || bytes.IndexByte(rest, ',') >= 0 {
		return nil, false
	}
	return append(out, rest...), true
}

// decimal is a number in the form in which equal numbers are equal: no zeros before the whole part or after the fraction.
type decimal struct {
	negative        bool
	whole, fraction []byte // digits; point into the text
}

func parseDecimal(text []byte) (decimal, error) {
	var d decimal
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		d.negative = text[0] == '-'
		text = text[1:]
	}
	if bytes.IndexByte(text, ',') >= 0 {
		plain, ok := ungroup(text, nil)
		if !ok {
			return d, errNotNumber
		}
		text = plain
	}
	d.whole = text
	if at := bytes.IndexByte(text, '.'); at >= 0 {
		d.whole, d.fraction = text[:at], text[at+1:]
		if len(d.fraction) == 0 {
			return d, errNotNumber
		}
	}
	if len(d.whole) == 0 && len(d.fraction) == 0 {
		return d, errNotNumber
	}
	for _, part := range [...][]byte{d.whole, d.fraction} {
		for _, b := range part {
			if b-'0' > 9 {
				return d, errNotNumber
			}
		}
	}
	for len(d.whole) > 0 && d.whole[0] == '0' {
		d.whole = d.whole[1:]
	}
	for len(d.fraction) > 0 && d.fraction[len(d.fraction)-1] == '0' {
		d.fraction = d.fraction[:len(d.fraction)-1]
	}
	if len(d.whole) == 0 && len(d.fraction) == 0 {
		d.negative = false
	}
	if len(d.whole)+len(d.fraction) > longestNumber {
		return d, errTooBig
	}
	return d, nil
}

// compare is negative, zero or positive as d is less than, equal to or greater than other.
func (d decimal) compare(other decimal) int {
	if d.negative != other.negative {
		if d.negative {
			return -1
		}
		return 1
	}
	result := len(d.whole) - len(other.whole)
	if result == 0 {
		result = bytes.Compare(d.whole, other.whole)
	}
	if result == 0 {
		result = bytes.Compare(d.fraction, other.fraction)
	}
	if d.negative {
		return -result
	}
	return result
}

// put writes the number as PostgreSQL's binary numeric, with its length before it, to dst[n:] and returns where it ends:
// digits to the base of 10,000, of which the first stands for 10,000 to the power of the weight. The scale is that of the
// number itself, so that 1.5 and 1.50 are the same content.
func (d decimal) put(dst []byte, n int) int {
	start := n
	n += 12
	count, weight := 0, -1
	if len(d.whole) > 0 {
		weight = (len(d.whole)+3)/4 - 1
		first := (len(d.whole)-1)%4 + 1
		for from, to := 0, first; from < len(d.whole); from, to = to, to+4 {
			binary.BigEndian.PutUint16(dst[n+2*count:], group(d.whole[from:to], 0))
			count++
		}
	}
	for from := 0; from < len(d.fraction); from += 4 {
		part := d.fraction[from:min(from+4, len(d.fraction))]
		value := group(part, 4-len(part))
		if count == 0 && value == 0 {
			weight--
			continue
		}
		binary.BigEndian.PutUint16(dst[n+2*count:], value)
		count++
	}
	for count > 0 && dst[n+2*count-1] == 0 && dst[n+2*count-2] == 0 {
		count--
	}
	if count == 0 {
		weight = 0
	}
	sign := uint16(0)
	if d.negative {
		sign = 0x4000
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(8+2*count))
	binary.BigEndian.PutUint16(dst[start+4:], uint16(count))
	binary.BigEndian.PutUint16(dst[start+6:], uint16(weight))
	binary.BigEndian.PutUint16(dst[start+8:], sign)
	binary.BigEndian.PutUint16(dst[start+10:], uint16(len(d.fraction)))
	return n + 2*count
}

// group is a digit to the base of 10,000 from up to four decimal ones, with zeros after them.
func group(digits []byte, zeros int) uint16 {
	var value uint16
	for _, b := range digits {
		value = value*10 + uint16(b-'0')
	}
	for range zeros {
		value *= 10
	}
	return value
}

// putShort writes a number of at most eight digits as decimal.put does.
func putShort(dst []byte, n int, value int64) int {
	above, below := value/10_000, value%10_000
	weight, count := uint64(0), uint64(0)
	binary.BigEndian.PutUint32(dst[n+12:], uint32(below)<<16)
	switch {
	case above > 0:
		weight, count = 1, 1
		binary.BigEndian.PutUint32(dst[n+12:], uint32(above)<<16|uint32(below))
		if below > 0 {
			count = 2
		}
	case below > 0:
		count = 1
	}
	binary.BigEndian.PutUint32(dst[n:], uint32(8+2*count))
	binary.BigEndian.PutUint64(dst[n+4:], count<<48|weight<<32)
	return n + 12 + 2*int(count)
}
