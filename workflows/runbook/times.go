package runbook

import "time"

// jst has no daylight saving time, so a fixed offset is exact.
var jst = time.FixedZone("JST", 9*60*60)

// JST writes a moment for operators: "2027-01-23 22:00 JST".
func JST(t time.Time) string { return t.In(jst).Format("2006-01-02 15:04 JST") }

// JapaneseTime writes a moment for officers and the public: "2027年1月23日(土) 22:00".
func JapaneseTime(t time.Time) string {
	t = t.In(jst)
	days := [...]string{"日", "月", "火", "水", "木", "金", "土"}
	return t.Format("2006年1月2日") + "(" + days[t.Weekday()] + ") " + t.Format("15:04")
}

// Day writes a moment's day in Japan for names: "20270123".
func Day(t time.Time) string { return t.In(jst).Format("20060102") }
