package activities

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"go.temporal.io/sdk/activity"
)

const (
	mostLogPages = 20
	logPage      = 500
	logSamples   = 8
)

// logsAPI is the calls used.
type logsAPI interface {
	FilterLogEvents(context.Context, *cloudwatchlogs.FilterLogEventsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error)
}

// readErrors counts the errors in a log group, and takes down the first of each kind. Messages that differ in their numbers only
// are of one kind.
func (a *Diagnosis) readErrors(ctx context.Context, c *factCollector, in IncidentSources, group string) error {
	source := "logs:" + group
	ask := &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &group, FilterPattern: &in.Pattern, Limit: aws.Int32(logPage),
		StartTime: aws.Int64(in.From.UnixMilli()), EndTime: aws.Int64(in.Until.UnixMilli()),
	}
	kinds := map[string]bool{}
	count, page := 0, 0
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(a.logs, ask)
	for ; pages.HasMorePages() && page < mostLogPages; page++ {
		activity.RecordHeartbeat(ctx)
		out, err := pages.NextPage(ctx)
		if err != nil {
			return Classify(err, "search the log group "+group)
		}
		for _, e := range out.Events {
			count++
			kind := digits.ReplaceAllString(aws.ToString(e.Message), "0")
			if len(kinds) < logSamples && !kinds[kind] {
				kinds[kind] = true
				c.add(source, time.UnixMilli(aws.ToInt64(e.Timestamp)), true, "%s", strings.TrimSpace(aws.ToString(e.Message)))
			}
		}
	}
	words := "%[2]q を含むログ %[1]d 件（%[3]s から %[4]s まで） · messages with it"
	if pages.HasMorePages() {
		words = "%[2]q を含むログ %[1]d 件以上（%[3]s から %[4]s まで） · so many messages with it, or more"
	}
	c.add(source, in.Until, count > 0, words, count, in.Pattern, inJapan(in.From), inJapan(in.Until))
	return nil
}

var (
	digits    = regexp.MustCompile(`[0-9]+`)
	addresses = regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}`)
	numbers   = regexp.MustCompile(`[0-9][0-9-]{8,}[0-9]`)
	tokens    = regexp.MustCompile(`[A-Za-z0-9+/_=-]{32,}`)
)

// mask takes out of a line what must not go into histories and records: mail addresses, long numbers such as telephone numbers,
// and what may be a key. ARNs and names of tasks are no secrets, but long ones go too: a fact is for people to read.
func mask(line string) string {
	line = addresses.ReplaceAllString(line, "‹mail›")
	line = tokens.ReplaceAllString(line, "‹…›")
	return numbers.ReplaceAllStringFunc(line, func(s string) string {
		if date.MatchString(s) {
			return s
		}
		return "‹number›"
	})
}

var date = regexp.MustCompile(`^20[0-9]{2}-[01][0-9]-[0-3][0-9]$`)

// clipText shortens a text to at most so many characters.
func clipText(text string, most int) string {
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return text
}
