package ingest

import (
	"bytes"
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/internal/ingest/charset"
	"tejun/internal/ingest/dates"
	"tejun/internal/ingest/delimited"
	"tejun/internal/ingest/gen"
)

var generated = sync.OnceValues(func() ([]byte, gen.Facts) {
	var b bytes.Buffer
	facts, err := gen.Write(&b, gen.Options{Rows: 200_000, Seed: 1, Broken: 0.001, Duplicate: 0.005, Conflict: 0.0005})
	if err != nil {
		panic(err)
	}
	return b.Bytes(), facts
})

func genPlan() *plan {
	p := &plan{charset: charset.CP932, rules: delimited.Rules{Delimiter: ',', MaxLine: 1 << 20}, fields: 15, limits: limits{rejects: -1}}
	l := func(s string) *dates.Layout { l, _ := dates.Compile(s); return l }
	pat := func(s string) *pattern { p, _ := compilePattern(s); return p }
	trimmed := normalise{trim: true, nfkc: true}
	for i, name := range gen.Columns {
		c := column{name: name, source: i}
		switch name {
		case "id", "members":
			c.kind, c.required = kindInteger, true
		case "code":
			c.pattern, c.checked, c.required = pat("[0-9]{7}"), true, true
		case "name":
			c.required, c.checked, c.clean, c.normalise, c.maxLength = true, true, true, trimmed, 100
		case "amount":
			c.kind = kindNumeric
		case "registered_on":
			c.kind, c.layouts = kindDate, []*dates.Layout{l("YYYY-MM-DD"), l(dates.Wareki)}
		case "updated_at":
			c.kind, c.layouts = kindTimestamp, []*dates.Layout{l("YYYY/MM/DD HH:mm:ss")}
		case "active":
			c.kind = kindBoolean
		case "kind":
			c.checked, c.codes = true, newCodes([]string{"01", "11", "12", "21", "22", "71"})
		}
		p.columns = append(p.columns, c)
		p.wanted = append(p.wanted, wanted{number: i + 1})
	}
	return p
}

func BenchmarkConvert(b *testing.B) {
	file, facts := generated()
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		p := newPipeline(genPlan(), Options{Workers: 1}, func(c Chunk) error { c.Release(); return nil })
		totals, err := p.run(context.Background(), func(ctx context.Context) error { return p.produceBlocks(ctx, bytes.NewReader(file)) })
		require.NoError(b, err)
		require.EqualValues(b, facts.Broken, totals.Rejects)
		require.EqualValues(b, facts.Records, totals.Records)
	}
	b.ReportMetric(float64(facts.Records)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
