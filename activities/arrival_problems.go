package activities

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"tejun/internal/operated"
	"tejun/internal/system"
)

// ArrivalProblem is something that the intake cannot take in. It is looked at anew every time.
type ArrivalProblem struct {
	Declaration string `json:"declaration,omitempty"` // file with a mistake; "" if it is not about one
	Dataset     string `json:"dataset,omitempty"`
	File        string `json:"file,omitempty"` // below the dataset's prefix; "" if it is about all of them
	Kind        string `json:"kind,omitempty"` // type of an error from outside
	Why         string `json:"why"`

	Untold string `json:"untold,omitempty"` // key under which it is kept that people were told today; "" if they were
}

// String names it in one line.
func (p ArrivalProblem) String() string {
	what := cmp.Or(p.Declaration, p.Dataset, "すべてのファイル")
	if p.File != "" {
		what += "（" + p.File + "）"
	}
	return what + "：" + strings.ReplaceAll(p.Why, "\n", " ")
}

// mostProblems is how many problems are named and told at a time.
const mostProblems = 20

func (f *ArrivalsFound) problem(p ArrivalProblem) {
	const longest = 500
	if len(f.Problems) == mostProblems {
		return
	}
	if len(p.Why) > longest {
		p.Why = strings.ToValidUTF8(p.Why[:longest], "") + " …"
	}
	f.Problems = append(f.Problems, p)
}

// key is the same for the same problem on the same day. Words of AWS hold the request's ID, so the error's type stands for them.
func (p ArrivalProblem) key(day time.Time) string {
	why := cmp.Or(p.Kind, p.Why)
	sum := sha256.Sum256([]byte(strings.Join([]string{inJapan(day)[:len(time.DateOnly)], p.Declaration, p.Dataset, p.File, why}, "\x00")))
	return "arrival-problem-" + hex.EncodeToString(sum[:8])
}

// problemTold is the resource under which it is kept that people were told of a problem.
const problemTold = "told"

// untold marks the problems that nobody was told of today.
func (a *Arrivals) untold(ctx context.Context, sys *system.System, found *ArrivalsFound) error {
	keys := make([]string, len(found.Problems))
	for i, p := range found.Problems {
		keys[i] = p.key(a.now())
	}
	told, err := a.records.Saved(ctx, keys, problemTold)
	if err != nil {
		return recordsError(err, "look which problems people know of")
	}
	for i := range found.Problems {
		if !told[keys[i]] {
			found.Problems[i].Untold = keys[i]
		}
	}
	if len(found.Problems) > 0 {
		operate, _ := sys.Answer("operate") // the description is checked to have it
		found.TellTo = operate.NotifyList
	}
	return nil
}

// ProblemsTold are problems that people were told of, by key.
type ProblemsTold struct {
	Keys []string `json:"keys"`
}

// KeepArrivalProblems remembers that people were told of problems.
func (a *Arrivals) KeepArrivalProblems(ctx context.Context, in ProblemsTold) (struct{}, error) {
	for _, key := range in.Keys {
		if _, err := a.records.SaveState(ctx, key, problemTold, nil); err != nil {
			return struct{}{}, recordsError(err, "remember that people were told")
		}
	}
	return struct{}{}, nil
}

// kindOf is the type of an error, Unavailable if it has none.
func kindOf(err error) string {
	_, kind := wordsOf(err)
	return cmp.Or(kind, Unavailable)
}

// noLoad says why every load would be refused at its start, whatever its file, or "". No file may be used up by that.
func (a *Arrivals) noLoad(sys *system.System, in ArrivalQuestion) string {
	if a.operated == nil {
		return operated.ErrNotGiven.Error()
	}
	if sys.Environment == "production" {
		return "in production an approval must be signed with the approver's own key, and this edition takes no signed ones yet, so nobody could pass the gate \"content\""
	}
	g, ok := sys.Gate("DataLoad", "content")
	if !ok {
		return "system.yaml has no gate \"content\" of runbook DataLoad: add it under gates"
	}
	free := eligible(sys, g.Role, g.Organisation, in.Requester, in.Operator)
	if len(free) < g.Quorum {
		slices.Sort(free)
		return fmt.Sprintf("the gate \"content\" of DataLoad needs %d approval(s) by people with the role %s, and only %v can give one: let somebody else request or operate the loads, or add an approver to system.yaml", g.Quorum, g.Role, free)
	}
	return ""
}
