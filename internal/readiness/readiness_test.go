package readiness

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// every is one finding of each code, with all that its texts ask for.
func every() []Finding {
	var all []Finding
	asked := regexp.MustCompile(`{{\.(\w+)}}`)
	for _, code := range Codes() {
		f := Finding{Code: code, About: "x", Data: map[string]string{}}
		k := kinds[code]
		for _, m := range asked.FindAllStringSubmatch(k.Ja.What+k.Ja.Do+k.En.What+k.En.Do, -1) {
			f.Data[m[1]] = "<" + m[1] + ">"
		}
		all = append(all, f)
	}
	return all
}

func TestEveryFindingSaysWhatAndWhatToDoInBothLanguages(t *testing.T) {
	words, err := Words(every(), nil)
	require.NoError(t, err)
	require.Len(t, words, len(kinds))
	japanese := regexp.MustCompile(`[ぁ-んァ-ン]`)
	for _, w := range words {
		for _, text := range []string{w.Area.En, w.What.En, w.Do.En} {
			require.NotEmpty(t, text, w.Key)
			require.NotRegexp(t, japanese, text, w.Key)
		}
		for _, text := range []string{w.What.Ja, w.Do.Ja} {
			require.Regexp(t, japanese, text, w.Key)
			require.True(t, strings.HasSuffix(w.Do.Ja, "。"), w.Key)
		}
		require.NotEmpty(t, w.Area.Ja)
		require.True(t, w.New)
	}
	list, err := List(words[:2])
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(list, "［新規］"), list)
	require.Equal(t, 2, strings.Count(list, "対応："), list)
	gone, err := GoneList(words[:2])
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(gone, "・【"), gone)
	require.NotContains(t, gone, "対応：")
}

func TestBothLanguagesSayTheSame(t *testing.T) {
	asked := regexp.MustCompile(`{{\.(\w+)}}`)
	names := func(text string) map[string]bool {
		found := map[string]bool{}
		for _, m := range asked.FindAllStringSubmatch(text, -1) {
			found[m[1]] = true
		}
		return found
	}
	for code, k := range kinds {
		require.Equal(t, names(k.Ja.What+k.Ja.Do), names(k.En.What+k.En.Do), code)
	}
}

func TestAFindingWithoutItsWordsIsAnError(t *testing.T) {
	_, err := Words([]Finding{{Code: "aliens"}}, nil)
	require.ErrorContains(t, err, `finding "aliens" has no words`)
	_, err = Words([]Finding{{Code: "unseen", About: "RDS"}}, nil)
	require.ErrorContains(t, err, "unseen/RDS")
	require.ErrorContains(t, err, "why")
}

func TestFindingsAreOrderedAndComeOnce(t *testing.T) {
	unseen := func(about, why string) Finding {
		return Finding{Code: "unseen", About: about, Data: map[string]string{"why": why}}
	}
	words, err := Words([]Finding{unseen("b", "no\nanswer"), unseen("a", "x"), unseen("b", "y")}, []string{"unseen/a"})
	require.NoError(t, err)
	require.Equal(t, []string{"unseen/a", "unseen/b"}, Keys(words))
	require.False(t, words[0].New)
	require.True(t, words[1].New)
	words, err = Words([]Finding{unseen("b", "no\n  answer")}, nil)
	require.NoError(t, err)
	require.Contains(t, words[0].What.En, "b could not be looked at: no answer", "one line")
}

func TestPeopleAreToldWhenItChangesWhenItIsWellAndAgainAfterAWhile(t *testing.T) {
	at := time.Date(2027, 1, 18, 1, 0, 0, 0, time.UTC)
	some := func(keys ...string) (list []Worded) {
		for _, key := range keys {
			list = append(list, Worded{Key: key})
		}
		return list
	}
	for name, c := range map[string]struct {
		last Told
		now  []Worded
		want string
	}{
		"never anything":       {Told{}, nil, Nothing},
		"the first":            {Told{}, some("a/"), Changed},
		"the same":             {Told{some("a/"), at.Add(-23 * time.Hour)}, some("a/"), Nothing},
		"the same after a day": {Told{some("a/"), at.Add(-24 * time.Hour)}, some("a/"), Repeated},
		"one more":             {Told{some("a/"), at}, some("a/", "b/"), Changed},
		"one less":             {Told{some("a/", "b/"), at}, some("a/"), Changed},
		"another":              {Told{some("a/"), at}, some("b/"), Changed},
		"none left":            {Told{some("a/"), at}, nil, Well},
		"still none":           {Told{nil, at.Add(-48 * time.Hour)}, nil, Nothing},
	} {
		require.Equal(t, c.want, Judge(c.last, c.now, at, 24*time.Hour), name)
	}
	require.Equal(t, some("b/"), Gone(Told{some("a/", "b/"), at}, some("a/", "c/")))
}
