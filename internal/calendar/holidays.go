package calendar

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"fmt"
	"time"

	"golang.org/x/text/encoding/japanese"
)

// holidayFile is the Cabinet Office's list as published (国民の祝日・休日), in CP932 with CRLF line ends, kept byte for byte so
// that the next edition simply replaces it. The list holds substitute and bridge holidays as rows of their own (休日).
//
//go:embed syukujitsu.csv
var holidayFile []byte

// Japan is the calendar of Japanese government offices, from the list that is shipped with the program.
func Japan() (*Calendar, error) {
	c, err := parse(holidayFile)
	if err != nil {
		return nil, fmt.Errorf("embedded syukujitsu.csv: %w", err)
	}
	return c, nil
}

// parse reads the list: a heading, then one row for each holiday with its date (2006/1/2) and its name.
func parse(cp932 []byte) (*Calendar, error) {
	loc, err := time.LoadLocation(Zone)
	if err != nil {
		return nil, fmt.Errorf("load zone %s: %w", Zone, err)
	}
	utf8, err := japanese.ShiftJIS.NewDecoder().Bytes(cp932)
	if err != nil {
		return nil, fmt.Errorf("decode CP932: %w", err)
	}
	reader := csv.NewReader(bytes.NewReader(utf8))
	reader.FieldsPerRecord = 2
	rows, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read CSV: %w", err)
	}
	if len(rows) < 2 {
		return nil, fmt.Errorf("want a heading and at least one holiday, got %d rows", len(rows))
	}

	c := &Calendar{loc: loc, holidays: make(map[day]string, len(rows)-1)}
	perYear := map[int]int{}
	for i, row := range rows[1:] {
		line := i + 2
		t, err := time.ParseInLocation("2006/1/2", row[0], loc)
		if err != nil {
			return nil, fmt.Errorf("line %d: date %q: want year/month/day", line, row[0])
		}
		if row[1] == "" {
			return nil, fmt.Errorf("line %d: %s has no name", line, row[0])
		}
		if _, ok := c.holidays[dayOf(t)]; ok {
			return nil, fmt.Errorf("line %d: %s appears twice", line, row[0])
		}
		c.holidays[dayOf(t)] = row[1]
		perYear[t.Year()]++
		if c.firstYear == 0 || t.Year() < c.firstYear {
			c.firstYear = t.Year()
		}
		c.lastYear = max(c.lastYear, t.Year())
	}
	// A year without holidays means a damaged file: all its weekdays would pass for business days.
	for year := c.firstYear; year <= c.lastYear; year++ {
		if perYear[year] == 0 {
			return nil, fmt.Errorf("no holidays for %d, between %d and %d", year, c.firstYear, c.lastYear)
		}
	}
	return c, nil
}
