package drillreport

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A budget that several steps share is told as the run has watched it: the doubt about the fence counts into that of the fence.
func TestABudgetOfSeveralStepsIsToldAsTheRunHasWatchedIt(t *testing.T) {
	spent := night().spend()
	require.Len(t, spent, 1)
	require.Equal(t, 44*time.Minute+6*time.Second, spent[0].Total)
	require.Equal(t, 32*time.Minute+11*time.Second, spent[0].Waited)
	page, err := HTML(night(), names())
	require.NoError(t, err)
	require.Contains(t, string(page), "<b>本番系の書込み停止（判断待ちを含む）</b>：予算 10分 に対し 44分6秒 を要しました（うち人の判断・応答 32分11秒）。")

	page, err = HTML(sample(), names())
	require.NoError(t, err)
	require.Contains(t, string(page), "<b>切り戻し（判断の後の全体）</b>：予算 15分 に対し 15分34秒 を要しました（うち人の判断・応答 0秒）。")
	require.NotContains(t, string(page), "<b>外部からの確認（旧情報の期限待ちを含む）</b>", "it was kept")

	kept := sample()
	kept.Budgets[1].Of = 16 * time.Minute
	require.Equal(t, []string{"予算内", "予算警告"}, []string{kept.spend()[0].Kept(), kept.spend()[1].Kept()})
	kept.Budgets[1].End = nil
	require.Equal(t, 15*time.Minute+57*time.Second, kept.spend()[1].Total, "one that goes on is counted until the report")

	for _, wrong := range []Budget{{Of: 1}, {Name: "fence"}, {Name: "fence", Of: 1, Begin: at(11, 0, 0), End: ptr(at(10, 0, 0))}} {
		r := sample()
		r.Budgets = []Budget{wrong}
		require.ErrorContains(t, r.Check(), "it needs a name and a span")
	}
}
