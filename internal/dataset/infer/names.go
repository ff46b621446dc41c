package infer

import (
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"

	"tejun/internal/dataset"
)

// english are headers of Japanese public files, and what to call their columns.
var english = map[string]string{
	"郵便番号": "postal_code", "都道府県": "prefecture", "都道府県名": "prefecture", "都道府県コード": "prefecture_code", "市区町村": "city", "市区町村名": "city",
	"市区町村コード": "city_code", "団体コード": "municipality_code", "全国地方公共団体コード": "municipality_code", "町域": "town", "町域名": "town", "住所": "address", "所在地": "address",
	"氏名": "person_name", "名称": "name", "名前": "name", "施設名": "facility_name", "会社名": "company_name", "法人名": "corporate_name", "法人番号": "corporate_number",
	"電話番号": "phone", "メールアドレス": "mail", "生年月日": "born_on", "性別": "sex", "年齢": "age", "番号": "number", "コード": "code", "区分": "kind", "種別": "kind", "備考": "notes",
	"金額": "amount", "価格": "price", "数量": "quantity", "人口": "population", "面積": "area", "緯度": "latitude", "経度": "longitude", "日付": "day", "年度": "fiscal_year",
	"登録日": "registered_on", "更新日": "updated_on", "更新日時": "updated_at", "開始日": "starts_on", "終了日": "ends_on", "届出日": "filed_on", "交付日": "issued_on", "ID": "id",
}

// nameColumns gives every field a column with a name that SQL takes.
func (p *proposal) nameColumns(width int) {
	counts := map[string]int{}
	for _, name := range p.sample.names {
		counts[name]++
	}
	taken := map[string]bool{}
	renamed := 0
	for i := range width {
		c := dataset.Column{Name: fmt.Sprintf("column_%d", i+1)}
		if p.sample.header {
			header := p.sample.names[i]
			c.Title = strings.Join(strings.Fields(header), " ")
			if name := identifier(header); name != "" {
				c.Name = name
			} else {
				renamed++
			}
			if counts[header] == 1 && header != "" {
				c.Header = header
			}
		}
		if c.Header == "" {
			c.Field = i + 1
		}
		for base, n := c.Name, 2; taken[c.Name]; n++ {
			c.Name = fmt.Sprintf("%s_%d", base[:min(len(base), 58)], n)
		}
		taken[c.Name] = true
		p.dataset.Columns = append(p.dataset.Columns, c)
	}
	if !p.sample.header || renamed > 0 {
		p.sample.said.doubt("columns are named column_1, column_2 … where the file gives no name that SQL takes: give them names before the table is made")
	}
}

// identifier makes a name of a header, "" if it cannot.
func identifier(header string) string {
	header = strings.TrimSpace(norm.NFKC.String(header))
	if name, ok := english[header]; ok {
		return name
	}
	var b strings.Builder
	before := rune(0)
	for _, r := range header {
		switch {
		case r >= 'A' && r <= 'Z':
			if before >= 'a' && before <= 'z' {
				b.WriteByte('_')
			}
			b.WriteRune(r + 'a' - 'A')
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case r > 0x7F:
			return ""
		default:
			b.WriteByte('_')
		}
		before = r
	}
	name := strings.Trim(b.String(), "_")
	for strings.Contains(name, "__") {
		name = strings.ReplaceAll(name, "__", "_")
	}
	name = strings.TrimRight(name[:min(len(name), 55)], "_")
	if strings.HasPrefix(name, "tejun_") {
		name = "their_" + name
	}
	if dataset.Identifier(name) != "" {
		name += "_"
	}
	if dataset.Identifier(name) != "" {
		return ""
	}
	return name
}
