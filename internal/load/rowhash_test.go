package load

import (
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHashesAreThoseOfPostgreSQL(t *testing.T) {
	_, pool := database(t)
	random := rand.New(rand.NewPCG(1, 2))
	values := map[string][]string{
		"boolean":                  {"true", "false"},
		"bigint":                   {"0", "1", "-1", "2147483648", "-2147483649", "9223372036854775807", "-9223372036854775808"},
		"numeric":                  {"0", "0.00", "-0.5", "1.5", "1.50", "-1.50", "10000", "0.0001", "100000000", "1200.50", "1e-30", "12345678901234567890123456789.123456789", "NaN", "Infinity", "-Infinity"},
		"date":                     {"2000-01-01", "1868-10-23", "9999-12-31", "infinity"},
		"timestamp with time zone": {"2000-01-01 00:00:00+00", "1999-12-31 23:59:59.999999+09", "2026-02-28 12:34:56+09", "-infinity"},
	}
	for range 50 {
		n := random.Int64() >> random.IntN(64)
		values["bigint"] = append(values["bigint"], strconv.FormatInt(n, 10))
		values["numeric"] = append(values["numeric"], big.NewRat(n, 1_000_000).FloatString(random.IntN(8)))
	}
	letters := []rune("手順aｱ𠮷é0 ")
	for length := range 60 { // every remainder of the hash's blocks
		var text strings.Builder
		for text.Len() < length {
			text.WriteRune(letters[random.IntN(len(letters))])
		}
		values["text"] = append(values["text"], text.String())
	}
	send := map[string]string{"text": "textsend", "boolean": "boolsend", "bigint": "int8send", "numeric": "numeric_send", "date": "date_send", "timestamp with time zone": "timestamptz_send"}
	for kind, texts := range values {
		for _, text := range texts {
			var sent []byte
			var want int64
			require.NoError(t, pool.QueryRow(t.Context(), "SELECT "+send[kind]+"($1::text::"+kind+"), hash_record_extended(ROW($1::text::"+kind+"), 0)", text).Scan(&sent, &want))
			assert.Equal(t, want, int64(hashes[kind](sent)), "%s %q", kind, text)
		}
	}
}

func TestAServerWithOtherTypesOrHashesIsReadForTheChecksum(t *testing.T) {
	_, pool := database(t)
	known, err := newHasher(t.Context(), pool, &Table{Columns: []Column{{Type: "text"}, {Type: "bigint"}}})
	require.NoError(t, err)
	require.NotNil(t, known)
	unknown, err := newHasher(t.Context(), pool, &Table{Columns: []Column{{Type: "text"}, {Type: "smallint"}}})
	require.NoError(t, err)
	require.Nil(t, unknown)
}

func TestSumsOfHashesHaveASign(t *testing.T) {
	want := new(big.Int)
	var sum, half hashSum
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 1000 {
		hash := random.Uint64()
		want.Add(want, big.NewInt(int64(hash)))
		half.add(hash)
		if i%10 == 9 {
			sum.addAll(half)
			half = hashSum{}
		}
	}
	require.Equal(t, want.String(), sum.big().String())
}

func BenchmarkHashOfAText(b *testing.B) {
	text := []byte("東京都千代田区霞が関一丁目")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		hashBytes(text)
	}
}
