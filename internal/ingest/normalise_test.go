package ingest

import (
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

func agreeOnNFKC(t *testing.T, text string) {
	t.Helper()
	scratch := make([]byte, 0, 10)
	require.Equal(t, norm.NFKC.String(text), string(nfkc([]byte(text), &scratch)), "%+q", text)
}

func TestNFKCAgreesWithXText(t *testing.T) {
	var all []rune
	for r := rune(0x20); r < 1<<16; r++ {
		if r >= 0xD800 && r < 0xE000 {
			continue
		}
		all = append(all, r)
		agreeOnNFKC(t, string(r))
	}
	random := rand.New(rand.NewPCG(1, 1))
	odd := []rune("ｶﾞﾊﾟﾞﾟｳﾞｱ㈱①ＡｂﬃÅ゙゚がは\u3099\u309A\u0301é가각ᄀ\u1161\u11A8㍻ﷺー－～〜髙𠮷")
	for range 200_000 {
		text := make([]rune, 1+random.IntN(6))
		for i := range text {
			if text[i] = odd[random.IntN(len(odd))]; random.IntN(3) == 0 {
				text[i] = all[random.IntN(len(all))]
			}
		}
		agreeOnNFKC(t, string(text))
	}
}

func FuzzNFKC(f *testing.F) {
	f.Add("ｶﾞ㈱①Ａ")
	f.Fuzz(func(t *testing.T, text string) {
		if utf8.ValidString(text) {
			agreeOnNFKC(t, text)
		}
	})
}

func TestNormalise(t *testing.T) {
	for _, c := range []struct {
		n        normalise
		in, want string
	}{
		{normalise{trim: true}, " 　\ta b　 ", "a b"},
		{normalise{trim: true}, "　 　", ""},
		{normalise{trim: true}, "　", ""},
		{normalise{kana: true}, "ﾎｯｶｲﾄﾞｳ ﾊﾟ･ｱﾞﾞABCＡ㈱", "ホッカイドウ パ・ア゛゛ABCＡ㈱"},
		{normalise{kana: true}, "ｳﾞ｡｢｣､ｰﾞ", "ヴ。「」、ー゛"},
		{normalise{nfkc: true, trim: true}, "　（株）ＡＢＣ㈱ﾊﾟ　", "(株)ABC(株)パ"},
		{normalise{}, " ａ ", " ａ "},
		{normalise{nfkc: true}, "plain", "plain"},
	} {
		var scratch []byte
		require.Equal(t, c.want, string(c.n.apply([]byte(c.in), &scratch)), c.in)
	}
}
