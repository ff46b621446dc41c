package dates

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func compile(t testing.TB, layout string) *Layout {
	l, err := Compile(layout)
	require.NoError(t, err)
	return l
}

func TestEveryDayIsTheCalendars(t *testing.T) {
	l := compile(t, "YYYY-MM-DD")
	for d := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() < 10000; d = d.AddDate(0, 0, 1) {
		days, err := l.Days([]byte(d.Format("2006-01-02")))
		if err != nil || epoch.AddDate(0, 0, int(days)) != d {
			t.Fatalf("%s: %d, %v", d, days, err)
		}
	}
}

func TestDates(t *testing.T) {
	for _, c := range []struct {
		layout, text, want string
		err                error
	}{
		{"YYYY-MM-DD", "2024-02-29", "2024-02-29", nil},
		{"YYYY-MM-DD", "2023-02-29", "", ErrDay},
		{"YYYY-MM-DD", "1900-02-29", "", ErrDay},
		{"YYYY-MM-DD", "2024-2-9", "", ErrShape},
		{"YYYY-MM-DD", "2024-02-09 ", "", ErrShape},
		{"YYYY-MM-DD", "2024-13-01", "", ErrDay},
		{"YYYY-MM-DD", "0000-01-01", "", ErrBounds},
		{"YYYY/M/D", "2024/2/9", "2024-02-09", nil},
		{"YYYY/M/D", "2024/12/31", "2024-12-31", nil},
		{"YYYYMMDD", "20241224", "2024-12-24", nil},
		{"YYYYMMDD", "2024122", "", ErrShape},
		{"YYYY年M月D日", "2024年2月9日", "2024-02-09", nil},
		{"YYYY/MM/DD HH:mm", "2024/02/09 24:00", "", ErrTime},
		{Wareki, "令和6年12月24日", "2024-12-24", nil},
		{Wareki, "令和元年5月1日", "2019-05-01", nil},
		{Wareki, "令和元年4月30日", "", ErrEra},
		{Wareki, "平成31年4月30日", "2019-04-30", nil},
		{Wareki, "平成31年5月1日", "", ErrEra},
		{Wareki, "平成元年1月8日", "1989-01-08", nil},
		{Wareki, "平成1年1月7日", "", ErrEra},
		{Wareki, "昭和64年1月7日", "1989-01-07", nil},
		{Wareki, "昭和64年1月8日", "", ErrEra},
		{Wareki, "昭和元年12月25日", "1926-12-25", nil},
		{Wareki, "大正15年12月25日", "1926-12-25", nil},
		{Wareki, "大正15年12月26日", "", ErrEra},
		{Wareki, "大正元年7月30日", "1912-07-30", nil},
		{Wareki, "明治45年7月30日", "1912-07-30", nil},
		{Wareki, "明治45年7月31日", "", ErrEra},
		{Wareki, "明治6年1月1日", "1873-01-01", nil},
		{Wareki, "明治5年12月2日", "", ErrLunar},
		{Wareki, "R6.12.24", "2024-12-24", nil},
		{Wareki, "h31/04/30", "2019-04-30", nil},
		{Wareki, "Ｓ６３．４．１", "1988-04-01", nil},
		{Wareki, "R061224", "2024-12-24", nil},
		{Wareki, "R 6. 2. 9", "2024-02-09", nil},
		{Wareki, "㍻元年一月八日", "1989-01-08", nil},
		{Wareki, "令和六年十二月二十四日", "2024-12-24", nil},
		{Wareki, "令和　６年　２月　９日", "2024-02-09", nil},
		{Wareki, "令和6年2月30日", "", ErrDay},
		{Wareki, "令和0年2月3日", "", ErrDay},
		{Wareki, "令和6年2月", "", ErrShape},
		{Wareki, "慶応4年1月1日", "", ErrShape},
		{Wareki, "", "", ErrShape},
		{Wareki, "R", "", ErrShape},
		{Wareki, "令和二十十年1月1日", "", ErrShape},
	} {
		days, err := compile(t, c.layout).Days([]byte(c.text))
		require.Equal(t, c.err, err, c.text)
		if err == nil {
			require.Equal(t, c.want, epoch.AddDate(0, 0, int(days)).Format("2006-01-02"), c.text)
		}
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct{ layout, text, want string }{
		{RFC3339, "2024-12-24T09:30:00+09:00", "2024-12-24T00:30:00Z"},
		{RFC3339, "2024-12-24 09:30:00.25Z", "2024-12-24T09:30:00.25Z"},
		{RFC3339, "1999-12-31T23:59:59.999999-0330", "2000-01-01T03:29:59.999999Z"},
		{RFC3339, "2024-12-24T09:30:00", ""},
		{RFC3339, "2024-12-24T09:30:00.Z", ""},
		{RFC3339, "2024-12-24T09:30:60Z", ""},
		{"YYYY/MM/DD HH:mm", "2024/12/24 09:30", "2024-12-24T00:30:00Z"},
		{"YYYY/M/D H:mm:ss", "2024/1/2 3:04:05", "2024-01-01T18:04:05Z"},
		{"YYYYMMDDHHmmss", "20240102030405", "2024-01-01T18:04:05Z"},
		{"YYYY-MM-DD", "2024-12-24", "2024-12-23T15:00:00Z"},
		{Wareki, "令和6年12月24日", "2024-12-23T15:00:00Z"},
	} {
		micros, err := compile(t, c.layout).Micros([]byte(c.text))
		if c.want == "" {
			require.Error(t, err, c.text)
			continue
		}
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, epoch.Add(time.Duration(micros)*time.Microsecond).Format(time.RFC3339Nano), c.text)
	}
}

func TestLayoutsThatCannotBe(t *testing.T) {
	for layout, words := range map[string]string{
		"":               "no YYYY",
		"2006-01-02":     "no YYYY",
		"YYYY-MM":        "no DD",
		"YYYYMD":         "one or two digits",
		"YYYY-MM-DD-MM":  "twice",
		"YYYY-MM-DD mm":  "leaves out",
		"YYYY-MM-DD HHZ": "",
	} {
		_, err := Compile(layout)
		if words == "" {
			require.NoError(t, err, layout)
			continue
		}
		require.ErrorContains(t, err, words, layout)
	}
}

// TestTemplatesReadTheSame compares the quick way with the plain one, for every single byte that is wrong.
func TestTemplatesReadTheSame(t *testing.T) {
	for layout, text := range map[string]string{
		"YYYY-MM-DD": "2024-02-29", "YYYYMMDD": "20240229", "YYYY/MM/DD HH:mm:ss": "2024/02/29 23:59:59", "YYYY年MM月DD日": "2024年02月29日",
		"DD.MM.YYYY HH:mm": "29.02.2024 00:01", "YYYYMMDDHHmmss": "20240229235959",
	} {
		quick, plain := compile(t, layout), compile(t, layout)
		require.NotNil(t, quick.fixed, layout)
		plain.fixed = nil
		for at := range text {
			for b := range 256 {
				changed := []byte(text)
				changed[at] = byte(b)
				want, wantErr := plain.Micros(changed)
				got, err := quick.Micros(changed)
				require.Equal(t, wantErr, err, "%q", changed)
				if err == nil {
					require.Equal(t, want, got, "%q", changed)
				}
			}
		}
	}
	require.Nil(t, compile(t, RFC3339).fixed)
	require.Nil(t, compile(t, "YYYY/M/D").fixed)
}

func FuzzLayouts(f *testing.F) {
	f.Add("YYYY-MM-DD", "2024-12-24")
	f.Add(Wareki, "令和元年5月1日")
	f.Add(Wareki, "㍻元年一月八日")
	f.Add(Wareki, "H310430")
	f.Add(RFC3339, "2024-12-24T09:30:00+09:00")
	f.Add("YYYY/M/D H:mm:ss.f", "2024/1/2 3:04:05.123456")
	f.Fuzz(func(t *testing.T, layout, text string) {
		l, err := Compile(layout)
		if err != nil {
			return
		}
		days, err := l.Days([]byte(text))
		if err == nil {
			require.Less(t, days, int32(3_000_000))
			require.Greater(t, days, int32(-800_000))
			_, err = l.Micros([]byte(text))
			require.NoError(t, err)
			require.NotEmpty(t, l.Append(nil, epoch.AddDate(0, 0, int(days))))
		}
	})
}
