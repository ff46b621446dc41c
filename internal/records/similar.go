package records

import (
	"context"
	"fmt"
	"slices"
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

// looks is what an incident looks like.
func looks(in Incident) []string {
	words := []string{in.Title, in.Symptom}
	for _, a := range in.Alarms {
		words = append(words, a.Alarm)
	}
	return pairs(strings.Join(words, " "))
}

// pairs are the pairs of neighbouring letters and digits of a text, each once, without regard to case and width. Japanese has no
// spaces between words, and most of its words are of two characters or more.
func pairs(text string) []string {
	text = cases.Fold().String(norm.NFKC.String(text))
	found := map[string]bool{}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }) {
		letters := []rune(word)
		for i := range len(letters) - 1 {
			found[string(letters[i:i+2])] = true
		}
		if len(letters) == 1 {
			found[word] = true
		}
	}
	list := make([]string, 0, len(found))
	for pair := range found {
		list = append(list, pair)
	}
	slices.Sort(list)
	return list[:min(len(list), mostPairs)]
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
