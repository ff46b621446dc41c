package records

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// How like a new incident an earlier one must be to be proposed, and how many are.
const (
	alike       = 0.3
	mostSimilar = 5
	mostPairs   = 400
)

// AlarmTitle and AlarmSymptom are the texts of an incident that an alarm opens by itself.
func AlarmTitle(alarm string) string { return "アラーム " + alarm }

// AlarmSymptom has the reason that monitoring gives, if it gives one.
func AlarmSymptom(alarm, state, reason string) string {
	if reason == "" {
		return alarmSymptom(alarm) + state + " になりました。"
	}
	return alarmSymptom(alarm) + state + " になりました：" + reason
}

func alarmSymptom(alarm string) string { return AlarmTitle(alarm) + " が " }

// looks is what an incident looks like: what people have written of it, and its alarms. Texts that an alarm makes by itself are the same
// for every alarm, and are left out. What comes first counts if it is too much: the title, the alarm that opened it, what was seen.
func looks(in Incident) []string {
	title, symptom := in.Title, in.Symptom
	var alarms []string
	for _, a := range in.Alarms {
		alarms = append(alarms, a.Alarm)
		if title == AlarmTitle(a.Alarm) {
			title = ""
		}
		if strings.HasPrefix(symptom, alarmSymptom(a.Alarm)) {
			symptom = ""
		}
	}
	words := append([]string{title}, alarms[:min(1, len(alarms))]...)
	words = append(words, symptom)
	return pairs(strings.Join(append(words, alarms[min(1, len(alarms)):]...), " "))
}

// pairs are the pairs of neighbouring letters and digits of a text, each once, in the order in which they come, without regard to case
// and width. Japanese has no spaces between words, and most of its words are of two characters or more.
func pairs(text string) []string {
	text = cases.Fold().String(norm.NFKC.String(text))
	seen, list := map[string]bool{}, []string{}
	add := func(pair string) {
		if !seen[pair] && len(list) < mostPairs {
			seen[pair], list = true, append(list, pair)
		}
	}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }) {
		letters := []rune(word)
		for i := range len(letters) - 1 {
			add(string(letters[i : i+2]))
		}
		if len(letters) == 1 {
			add(word)
		}
	}
	return list
}

// SimilarIncidents finds earlier incidents that look like one, the likest first, with what is known of their problems. The same
// fingerprint is the same thing.
func (s *Store) SimilarIncidents(ctx context.Context, in Incident) ([]Similar, error) {
	rows, err := s.pool.Query(ctx, `
		WITH alike AS (
			SELECT l.incident, 2.0 * (SELECT count(*) FROM unnest(l.pairs) p WHERE p = ANY($1)) / (cardinality(l.pairs) + cardinality($1::text[])) AS likeness
			FROM tejun.incident_looks l WHERE l.pairs && $1::text[] AND l.incident <> $2)
		SELECT i.incident, i.title, i.state, CASE WHEN i.fingerprint = $3 THEN 1 ELSE a.likeness END::float8 AS likeness,
			coalesce(p.problem, ''), coalesce(p.body->>'rootCause', ''), coalesce(p.body->>'workaround', '')
		FROM alike a
		CROSS JOIN LATERAL (SELECT * FROM tejun.incident_states s WHERE s.incident = a.incident ORDER BY s.seq DESC LIMIT 1) i
		LEFT JOIN LATERAL (SELECT * FROM tejun.problem_states s WHERE s.incident = a.incident ORDER BY s.seq DESC LIMIT 1) p ON true
		WHERE i.state <> 'withdrawn' AND (a.likeness >= $4 OR i.fingerprint = $3)
		ORDER BY (i.fingerprint = $3) DESC, likeness DESC, (p.problem IS NOT NULL) DESC, i.opened_at DESC, i.incident LIMIT $5`, looks(in), in.ID, in.Fingerprint, alike, mostSimilar)
	if err != nil {
		return nil, fmt.Errorf("look for incidents like %s: %w", in.ID, explain(err))
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Similar])
	if err != nil {
		return nil, fmt.Errorf("look for incidents like %s: %w", in.ID, explain(err))
	}
	return list, nil
}
