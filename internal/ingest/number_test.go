package ingest

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"
)

func TestIntegers(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "-1": -1, "+12": 12, "007": 7, "1,234,567": 1234567, "-1,234": -1234, "9223372036854775807": 9223372036854775807} {
		got, err := parseInteger([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "-", "+-1", "1.0", "1 ", " 1", "12,34", ",123", "1,234,", "1,2345", "1e3", "１", "0x1"} {
		_, err := parseInteger([]byte(text))
		require.ErrorIs(t, err, errNotInteger, text)
	}
	for _, text := range []string{"9223372036854775808", "99999999999999999999"} {
		_, err := parseInteger([]byte(text))
		require.ErrorIs(t, err, errTooBig, text)
	}
}

func TestShortIntegersAgreeWithStrconv(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for i := range 300_000 {
		text := strconv.FormatUint(random.Uint64N(1_000_000_000), 10)
		if i%3 == 0 {
			text = fmt.Sprintf("%0*d", 1+random.IntN(9), random.IntN(100))
		}
		b := []byte(text)
		if i%5 == 0 {
			b[random.IntN(len(b))] = byte(random.IntN(256))
		}
		padded := append(append([]byte("x"), b...), "99999999"...)
		got, ok := shortInteger(padded, 1, 1+len(b))
		want, err := strconv.ParseUint(string(b), 10, 64)
		require.Equal(t, err == nil && len(b) <= 8, ok, "%q", b)
		if ok {
			require.EqualValues(t, want, got, "%q", b)
		}
	}
}

func TestDecimalsCompare(t *testing.T) {
	order := []string{"-100", "-99.5", "-1", "-0.01", "0", "0.001", "0.01", "0.1", "1", "1.5", "9", "10", "10.01", "1,000"}
	for i, a := range order {
		for j, b := range order {
			x, err := parseDecimal([]byte(a))
			require.NoError(t, err)
			y, err := parseDecimal([]byte(b))
			require.NoError(t, err)
			got := x.compare(y)
			require.Equal(t, i < j, got < 0, "%s, %s", a, b)
			require.Equal(t, i == j, got == 0, "%s, %s", a, b)
		}
	}
	for _, text := range []string{"", ".", "1.", "1..2", "1,23", "e", "1e5", "-", "--1", "1.2,3"} {
		_, err := parseDecimal([]byte(text))
		require.ErrorIs(t, err, errNotNumber, text)
	}
}

func TestShortNumbersAreWrittenTheSame(t *testing.T) {
	for _, value := range []int64{0, 1, 9, 10, 9999, 10_000, 10_001, 20_000, 12_345_678, 99_990_000, 99_999_999} {
		d, err := parseDecimal(strconv.AppendInt(nil, value, 10))
		require.NoError(t, err)
		plain, quick := make([]byte, 64), make([]byte, 64)
		want, got := d.put(plain, 1), putShort(quick, 1, value)
		require.Equal(t, plain[1:want], quick[1:got], "%d", value)
	}
}

var written = regexp.MustCompile(`^[+-]?([0-9]+|[0-9]{1,3}(,[0-9]{3})+|[0-9]*\.[0-9]+|[0-9]{1,3}(,[0-9]{3})+\.[0-9]+)$`)

// FuzzNumber compares numbers with what the standard library and PostgreSQL's own format make of them.
func FuzzNumber(f *testing.F) {
	for _, text := range []string{"0", "-1,234.50", "+007", "9223372036854775807", "-.5", "1,23", "00012345678.000", "１"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		whole, err := parseInteger([]byte(text))
		plain := strings.ReplaceAll(text, ",", "")
		if want, wrong := strconv.ParseInt(plain, 10, 64); err == nil {
			require.NoError(t, wrong)
			require.Equal(t, want, whole)
		} else if plain == text {
			require.True(t, wrong != nil || want == -1<<63, "%v", err)
		}
		d, err := parseDecimal([]byte(text))
		if err != nil {
			require.True(t, !written.MatchString(text) || len(text) > longestNumber, "%q: %v", text, err)
			return
		}
		require.Regexp(t, written, text)
		buffer := make([]byte, 2*len(text)+100)
		end := d.put(buffer, 0)
		var number pgtype.Numeric
		require.NoError(t, pgtype.NewMap().Scan(pgtype.NumericOID, pgtype.BinaryFormatCode, buffer[4:end], &number))
		want, ok := new(big.Rat).SetString(plain)
		require.True(t, ok)
		got := new(big.Rat).SetInt(number.Int)
		scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(number.Exp, -number.Exp))), nil))
		if number.Exp < 0 {
			got.Quo(got, scale)
		} else {
			got.Mul(got, scale)
		}
		require.Zero(t, want.Cmp(got), "%s, not %s", got, want)
	})
}
