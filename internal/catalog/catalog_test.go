package catalog

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// specification is the list as it was handed over: tab-separated columns
// #, 分類, 実施主体, 検討要否, 業務名, ①, ②, ③, 業務概要, 必要機能, 必要な構成要素.
func specification(t *testing.T) [][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/seed.txt")
	require.NoError(t, err)
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		columns := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		if _, err := strconv.Atoi(columns[0]); err == nil {
			require.Len(t, columns, 11, line)
			rows = append(rows, columns)
		}
	}
	return rows
}

// written is a list as the specification writes it.
func written(items []Text) string {
	if len(items) == 0 {
		return "-"
	}
	var b strings.Builder
	for i, item := range items {
		if i > 0 {
			b.WriteString(" ")
		}
		b.WriteString("・" + item.Ja)
	}
	return b.String()
}

func TestEveryFieldIsTheSpecifications(t *testing.T) {
	want, got := specification(t), Rows()
	require.Len(t, want, 28)
	require.Len(t, got, 28)
	for i, r := range got {
		scope := "要"
		if !r.InScope {
			scope = "不要 " + r.ScopeReason.Ja
		}
		var flags [3]string
		for _, source := range r.Sources {
			flags[source-1] = "○"
		}
		assert.Equal(t, want[i], []string{
			strconv.Itoa(r.Number), r.Category.Ja, r.Actor.Ja, scope, r.Name.Ja, flags[0], flags[1], flags[2],
			r.Summary.Ja, written(r.Functions), written(r.Components),
		}, "row %d", r.Number)
	}
}

func TestEveryTextIsTranslated(t *testing.T) {
	translations := map[string]string{}
	check := func(row int, text Text) {
		assert.NotEmpty(t, strings.TrimSpace(text.En), "row %d: %s", row, text.Ja)
		if before, ok := translations[text.Ja]; ok {
			assert.Equal(t, before, text.En, "row %d: %s is translated in two ways", row, text.Ja)
		}
		translations[text.Ja] = text.En
	}
	for _, r := range Rows() {
		check(r.Number, r.Name)
		check(r.Number, r.Category)
		check(r.Number, r.Actor)
		check(r.Number, r.Summary)
		if !r.InScope {
			check(r.Number, r.ScopeReason)
		}
		for _, text := range append(r.Functions, r.Components...) {
			check(r.Number, text)
		}
	}
}

func TestReferencesAreResolvedByTitleNotByNumber(t *testing.T) {
	got := map[int][]Reference{}
	for _, r := range Rows() {
		if len(r.SeeAlso) > 0 {
			got[r.Number] = r.SeeAlso
		}
	}
	assert.Equal(t, map[int][]Reference{
		2:  {{Text: "# 6「データ登録・更新」", Title: "データ登録・更新", Row: 9}},
		10: {{Text: "# 5「システム監視」", Title: "システム監視", Row: 1}},
		18: {{Text: "# 23「本番環境へのアプリケーションプログラムのリリース作業」", Title: "本番環境へのアプリケーションプログラムのリリース作業", Row: 16}},
	}, got)
}

func TestExactlyTheRowsInScopeHaveARunbookOfTheirOwn(t *testing.T) {
	seen := map[string]int{}
	inScope := 0
	for _, r := range Rows() {
		assert.Equal(t, r.InScope, r.Runbook != "", "row %d", r.Number)
		assert.Equal(t, r.InScope, r.ScopeReason == Text{}, "row %d", r.Number)
		if !r.InScope {
			continue
		}
		inScope++
		assert.Regexp(t, `^[A-Z][A-Za-z]+$`, r.Runbook)
		assert.Zero(t, seen[r.Runbook], r.Runbook)
		seen[r.Runbook] = r.Number
	}
	assert.Equal(t, 22, inScope)
	for name, number := range map[string]int{
		"Backup": 7, "PlannedOutage": 8, "DataLoad": 9, "Incident": 10, "DataRepair": 11, "SettingChange": 15,
		"Release": 16, "DisasterRecovery": 21, "DataSupport": 25,
	} {
		assert.Equal(t, number, seen[name], name)
	}
}

func TestRowsAreFoundByNumberAndByRunbook(t *testing.T) {
	r, ok := ByNumber(8)
	require.True(t, ok)
	assert.Equal(t, "計画停止運用", r.Name.Ja)
	r, ok = ByRunbook("PlannedOutage")
	require.True(t, ok)
	assert.Equal(t, 8, r.Number)
	_, ok = ByNumber(29)
	assert.False(t, ok)
	_, ok = ByRunbook("")
	assert.False(t, ok, "rows out of scope have no runbook and must not be found by none")
}

func TestTheCallerMayChangeItsCopy(t *testing.T) {
	Rows()[0].Functions[0].Ja = "changed"
	assert.NotEqual(t, "changed", Rows()[0].Functions[0].Ja)
}

func TestDamagedDataIsRefused(t *testing.T) {
	for name, tc := range map[string]struct{ yaml, says string }{
		"unknown key": {"- {number: 1, nmae: x}", "nmae"},
		"order":       {"- {number: 2}", "row 2 stands at place 1"},
		"same title":  {"- {number: 1, name: {ja: x}}\n- {number: 2, name: {ja: x}}", "rows 1 and 2 are both called x"},
		"dangling":    {"- {number: 1, summary: {ja: \"# 5「y」\"}}", "row 1: # 5「y」 names no row"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse([]byte(tc.yaml))
			assert.ErrorContains(t, err, tc.says)
		})
	}
}
