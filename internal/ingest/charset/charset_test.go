package charset

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
)

// decode is Decode as a whole.
func decode(c Charset, in []byte) (string, int) {
	d := NewDecoder(c)
	data := append(bytes.Clone(in), make([]byte, Slack)...)
	for i := len(in); i < len(data); i++ {
		data[i] = 0xFF // what follows a field must not matter
	}
	out := make([]byte, Growth*len(in)+Slack)
	n, bad := d.Decode(out, 0, data, 0, len(in))
	return string(out[:n]), bad
}

func reference(c Charset) encoding.Encoding {
	if c == EUCJP {
		return japanese.EUCJP
	}
	return japanese.ShiftJIS
}

// agree compares with golang.org/x/text. That takes 0x80 for U+0080, and knows no user-defined characters.
func agree(t *testing.T, c Charset, in []byte) {
	t.Helper()
	got, bad := decode(c, in)
	if c == UTF8 {
		require.Equal(t, utf8.Valid(in), bad < 0, "%x", in)
		if bad < 0 {
			require.Equal(t, string(in), got)
		}
		return
	}
	want, err := reference(c).NewDecoder().Bytes(in)
	require.NoError(t, err)
	wrong := bytes.ContainsRune(want, utf8.RuneError) || bytes.ContainsRune(want, 0x80)
	if strings.ContainsFunc(got, func(r rune) bool { return r >= 0xE000 && r <= 0xE757 }) {
		return
	}
	require.Equal(t, wrong, bad >= 0, "%x: x/text reads %q, we %q up to %d", in, want, got, bad)
	if !wrong {
		require.Equal(t, string(want), got, "%x", in)
	}
}

func TestEveryPairAgreesWithXText(t *testing.T) {
	for _, c := range []Charset{CP932, EUCJP} {
		for lead := range 256 {
			agree(t, c, []byte{byte(lead)})
			for trail := range 256 {
				agree(t, c, []byte{byte(lead), byte(trail)})
				if c == EUCJP && lead == 0x8F {
					for last := range 256 {
						agree(t, c, []byte{byte(lead), byte(trail), byte(last)})
					}
				}
			}
		}
	}
}

func TestWindowsCharacters(t *testing.T) {
	for in, want := range map[string]rune{
		"\x81\x60": 0xFF5E, "\x81\x7C": 0xFF0D, "\x81\x5C": 0x2015, "\x81\x61": 0x2225, "\x81\x91": 0xFFE0, "\x81\xCA": 0xFFE2,
		"\x87\x40": '①', "\x87\x90": 0x2252, "\xED\x40": '纊', "\xFA\x40": 'ⅰ', "\xFA\x4A": 'Ⅰ', "\xFB\xFC": '髙',
		"\xF0\x40": 0xE000, "\xF9\xFC": 0xE757, "\xB1": 'ｱ', "\\": '\\', "~": '~',
	} {
		got, bad := decode(CP932, []byte(in))
		require.Equal(t, -1, bad, "%x", in)
		require.Equal(t, string(want), got, "%x", in)
	}
	for _, in := range []string{"\x80", "\xA0", "\xFD", "\xFE", "\xFF", "\x81", "\x81\x3F", "\x81\x7F", "\x81\xFD", "\x81\xAD", "\xFC\x4C"} {
		_, bad := decode(CP932, []byte("a"+in))
		require.Equal(t, 1, bad, "%x", in)
	}
}

// TestQuoteAndSeparatorsAreNeverSecondBytes is what lets CP932 be cut into records before it is decoded.
func TestQuoteAndSeparatorsAreNeverSecondBytes(t *testing.T) {
	for _, c := range []Charset{CP932, EUCJP} {
		d := NewDecoder(c)
		for at, char := range d.pairs {
			if char != 0 {
				require.GreaterOrEqual(t, at&0xFF, 0x40, "%s %04x", c, 0x8000+at)
			}
		}
	}
}

func TestRandomTextAgreesWithXText(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		in := make([]byte, random.IntN(40))
		for i := range in {
			switch random.IntN(4) {
			case 0:
				in[i] = byte(random.IntN(128))
			case 1:
				in[i] = byte(0x81 + random.IntN(0x1F))
			default:
				in[i] = byte(random.IntN(256))
			}
		}
		for _, c := range []Charset{CP932, EUCJP, UTF8} {
			agree(t, c, in)
		}
	}
}

const sample = "郵便番号,0600000,北海道札幌市中央区,以下に掲載がない場合,〜－１丁目\r\n東京都千代田区霞が関,ﾄｳｷｮｳﾄ,(株)表示ソフト\r\n"

func TestDetect(t *testing.T) {
	for _, c := range []Charset{CP932, EUCJP} {
		text := strings.ReplaceAll(sample, "〜", "")
		in, err := reference(c).NewEncoder().String(text)
		require.NoError(t, err)
		require.Equal(t, c, Detect([]byte(in)).Charset)
		require.Contains(t, Contradict(UTF8, []byte(in)), "reads as "+c.String())
		require.Empty(t, Contradict(c, []byte(in)))
	}
	require.Equal(t, UTF8, Detect([]byte(sample)).Charset)
	require.Equal(t, UTF8, Detect([]byte("a,b\n")).Charset)
	require.Empty(t, Contradict(CP932, []byte("a,b\n")))
	require.Contains(t, Contradict(CP932, []byte(sample)), "reads as utf-8")
	euc, err := japanese.EUCJP.NewEncoder().String(strings.ReplaceAll(sample, "〜", ""))
	require.NoError(t, err)
	require.Contains(t, Contradict(CP932, []byte(euc)), "reads as euc-jp", "its bytes are half-width kana in cp932")
	kana, err := japanese.ShiftJIS.NewEncoder().String(strings.Repeat("ﾎｯｶｲﾄﾞｳ,ｻｯﾎﾟﾛｼﾁｭｳｵｳｸ,ｱｻﾋｶﾞｵｶ\r\n", 50))
	require.NoError(t, err)
	require.Equal(t, CP932, Detect([]byte(kana)).Charset)
	require.Empty(t, Contradict(CP932, []byte(kana)))
}

func TestForeign(t *testing.T) {
	require.Contains(t, Foreign([]byte("PK\x03\x04rest")), "packing zip")
	require.Contains(t, Foreign([]byte("\xFF\xFEa\x00")), "UTF-16")
	require.Empty(t, Foreign([]byte("a,b")))
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("\x83\x5C\x81\x60\xF0\x40\x80\x8F\xB0\xA1"))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, c := range []Charset{CP932, EUCJP, UTF8} {
			agree(t, c, in)
		}
		Detect(in)
		Contradict(CP932, in)
	})
}

func BenchmarkDecode(b *testing.B) {
	fields := strings.Split(strings.ReplaceAll(sample, "〜", ""), ",")
	for _, c := range []Charset{CP932, EUCJP} {
		var data []byte
		var ends []int
		for _, f := range fields {
			in, err := reference(c).NewEncoder().String(f)
			require.NoError(b, err)
			data = append(data, in...)
			ends = append(ends, len(data))
		}
		length := len(data)
		data = append(data, make([]byte, Slack)...)
		out := make([]byte, Growth*len(data)+Slack)
		b.Run(fmt.Sprintf("%s/own", c), func(b *testing.B) {
			d := NewDecoder(c)
			b.SetBytes(int64(length))
			for b.Loop() {
				start := 0
				for _, end := range ends {
					d.Decode(out, 0, data, start, end)
					start = end
				}
			}
		})
		b.Run(fmt.Sprintf("%s/xtext", c), func(b *testing.B) {
			d := reference(c).NewDecoder()
			b.SetBytes(int64(length))
			for b.Loop() {
				start := 0
				for _, end := range ends {
					d.Reset()
					_, _, err := d.Transform(out, data[start:end], true)
					if err != nil {
						b.Fatal(err)
					}
					start = end
				}
			}
		})
	}
}
