package system

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCronLines(t *testing.T) {
	for _, line := range []string{"0 2 * * *", "*/15 9-18 * * mon-fri", "0 0 1 Jan,Jul *", "5,35 * * * 0", "0 9 * * 7", "0 9 1-7/2 */3 *"} {
		assert.NoError(t, CheckCron(line), line)
	}
	for line, says := range map[string]string{
		"":                             "has 0 fields",
		"0 2 * *":                      "has 4 fields",
		"0 0 2 * * *":                  "has 6 fields",
		"@daily":                       "has 1 fields",
		"60 * * * *":                   `minute: "60" is not possible: want 0 to 59`,
		"0 24 * * *":                   "hour",
		"0 0 0 * *":                    "day of the month",
		"0 0 * 13 *":                   "month",
		"0 0 * * 8":                    "day of the week",
		"0 0 * * funday":               "day of the week",
		"0 18-9 * * *":                 "runs backwards",
		"*/0 * * * *":                  "step",
		"*/99 * * * *":                 "step",
		"1- * * * *":                   "cannot read",
		"1,,2 * * * *":                 "cannot read",
		"-1 * * * *":                   "cannot read",
		"mon * * * *":                  "minute",
		"0 2 ? * *":                    "cannot read",
		"99999999999999999999 * * * *": "minute",
	} {
		assert.ErrorContains(t, CheckCron(line), says, line)
	}
}
