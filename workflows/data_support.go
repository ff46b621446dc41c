package workflows

import (
	"encoding/json"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/load"
	"tejun/workflows/runbook"
)

// DataSupport (業務運用支援作業, row 25) creates data that the ministry asks for, and has them loaded. An officer requests it; the
// vendor's operator says what it will take, in hours and rows; another officer agrees to that. The operator creates the
// file and puts it where the dataset expects it. Then it is looked at twice: by the run, which reads it as a load would, and
// by a second person of the vendor, who is neither its creator nor the operator. DataLoad (row 9) loads exactly the file that was
// looked at, as a run of its own with gates of its own. The ministry accepts (受入) what was loaded.
//
// Whatever is wrong with the file, whoever finds it, leads back to its creation, three rounds in all and none after the deadline.
// What is not the file's fault, an outage or another run in the way, does not. Every wait ends: the
// estimate, its approval, the creation and the double check with the deadline of the request, the acceptance by itself.
//
// Nothing but the load changes anything, and what it has loaded stays, accepted or not: the way back is its snapshot, or the
// earlier edition of the file. Printing in bulk (大量複製印刷) and receiving paper are done by people outside of this runbook.
var dataSupport = runbook.Spec{Name: "DataSupport", Row: 25, Title: "業務運用支援 · Business support"}

// supportEdition is the change by which the dataset is held while a file of it is created, and by which runs that have come as
// far as that take the ways that were mended with it. Runs of before go on as they began.
const supportEdition = "hold-dataset"

// mostRounds is how often the file is created before the run gives up.
const mostRounds = 3

// DataSupportInput asks for data to be created and loaded.
type DataSupportInput struct {
	Title     string `json:"title"`                  // Japanese, one line
	Request   string `json:"request"`                // Japanese; what is to be created, from what, and for what
	Dataset   string `json:"dataset"`                // a dataset of the folder that system.yaml names, whose files come from S3
	Deadline  string `json:"deadline"`               // a day (the end of its business hours), RFC 3339, or "+10bd 17:00" from the start
	Expected  int64  `json:"expectedRows,omitempty"` // rows that the file must have; left out if nobody knows
	Requester string `json:"requester"`              // officer of the ministry who asks for it
	Operator  string `json:"operator"`               // person of the vendor who is answerable for the work
}

// Validate checks what can be checked without the operated system.
func (in *DataSupportInput) Validate() error {
	var p problems
	p.line("title", in.Title, 120)
	p.text("request", in.Request, 4000)
	p.line("dataset", in.Dataset, 60)
	p.line("requester", in.Requester, 64)
	p.line("operator", in.Operator, 64)
	if in.Expected < 0 {
		p.add("expectedRows is %d: want a number of rows, or leave it out", in.Expected)
	}
	if in.Deadline == "" {
		p.add("deadline is missing: give a day such as 2027-01-29, or business days from now such as +10bd")
	} else if _, err := time.Parse(time.DateOnly, in.Deadline); err != nil {
		var m runbook.Moment
		quoted, err := json.Marshal(in.Deadline)
		if err == nil {
			err = m.UnmarshalJSON(quoted)
		}
		if err != nil {
			p.add("deadline %v; a day such as 2027-01-29, and business days such as +10bd, will do as well", err)
		}
	}
	return p.err()
}

func (in *DataSupportInput) request(from time.Time) load.SupportRequest {
	return load.SupportRequest{Dataset: in.Dataset, Requester: in.Requester, Operator: in.Operator, Deadline: in.Deadline, From: from}
}

// DataSupportResult is what the report needs.
type DataSupportResult struct {
	Estimate    Estimate               `json:"estimate"`
	ActualHours float64                `json:"actualHours"`       // of all rounds, as the creators reported them
	Rounds      int                    `json:"rounds"`            // files that were created
	File        string                 `json:"file"`              // the last one: its key below the dataset's prefix
	SHA256      string                 `json:"sha256"`            // of that file
	CreatedBy   string                 `json:"createdBy"`         // person ID
	Checked     activities.FileChecked `json:"checked"`           // what the run found in it
	Load        string                 `json:"load"`              // run that has loaded it; "" if none has
	Counts      load.Counts            `json:"counts"`            // what became of its rows there
	Already     string                 `json:"already,omitempty"` // operation of another load that had loaded this very file, so that Load changed nothing
	Trouble     string                 `json:"trouble,omitempty"` // with what Load failed after it had loaded the file, which the table holds
	Accepted    bool                   `json:"accepted"`
	Plan        string                 `json:"plan"` // digest of what was accepted
	Evidence    runbook.Evidence       `json:"evidence"`
}

// Estimate is what the work is going to take.
type Estimate struct {
	Hours float64 `json:"hours"`
	Rows  int64   `json:"rows"`
	By    string  `json:"by"` // person ID
}

// supporting is one run of the runbook.
type supporting struct {
	*runbook.Run
	in     DataSupportInput
	on     load.SupportTarget
	second bool                 // see supportEdition
	loads  map[string]int       // loads of each file that have ended in this run, by SHA-256
	found  activities.LoadFound // what the ledger says of the last one
	gone   string               // what is wrong with the file that lies there now; "" if it is still the one that was reported
	told   bool                 // people know of the request, so they are told how it ends
	result DataSupportResult
}

// returned says why a file goes back to its creation, and as what the run ends if there is no further round.
type returned struct{ kind, why string }

// DataSupport is the workflow.
func DataSupport(ctx workflow.Context, raw converter.RawValue) (DataSupportResult, error) {
	s := &supporting{loads: map[string]int{}}
	ctx, run, err := runbook.Open(ctx, dataSupport, raw, &s.in)
	if err != nil {
		return DataSupportResult{}, err
	}
	s.Run = run
	err = s.run(ctx)
	s.tellEnd(ctx, err)
	s.result.Evidence, err = s.Finish(ctx, err)
	return s.result, err
}

func (s *supporting) run(ctx workflow.Context) error {
	// 1. What does the request mean, and can every gate be passed? Then the vendor is told.
	if err := s.resolve(ctx); err != nil {
		return err
	}
	s.Declare(s.tellRequest(), s.checkFile(), s.lookStep(nil), s.loadFile(1, nil))
	if err := s.Step(ctx, s.tellRequest()); err != nil {
		return err
	}
	s.told = true

	// 2. The estimate, and the ministry's agreement to it.
	if err := s.estimate(ctx); err != nil {
		return err
	}
	if err := s.Planned(ctx, s.estimatePlan); err != nil {
		return err
	}
	if err := s.pass(ctx, s.estimateGate()); err != nil {
		return err
	}

	s.second = workflow.GetVersion(ctx, supportEdition, workflow.DefaultVersion, 1) != workflow.DefaultVersion

	// 3. Create, check twice, load, accept: until it is accepted, or three files were not good enough.
	why := ""
	for n := 1; ; n++ {
		back, err := s.round(ctx, n, why)
		if err != nil || back == nil {
			return err
		}
		s.Record(ctx, "returned", "", map[string]any{"round": n, "kind": back.kind, "why": back.why})
		if n == mostRounds {
			return runbook.End(back.kind, "%s. That was round %d of %d, so the run ends", back.why, n, mostRounds)
		}
		if s.second && !workflow.Now(ctx).Before(s.on.Deadline) {
			return runbook.End(back.kind, "%s. The deadline, %s, has passed, so no further file is created and the run ends", back.why, runbook.JST(s.on.Deadline))
		}
		why = back.why
	}
}

// round is one file on its way. A file that is not good enough comes back with the reason.
func (s *supporting) round(ctx workflow.Context, n int, why string) (*returned, error) {
	// a. People create the file and report it. Nobody else loads a file of the dataset until this one is loaded.
	if err := s.hold(ctx); err != nil {
		return nil, err
	}
	if err := s.create(ctx, n, why); err != nil {
		return nil, err
	}

	// b. The run reads it as a load would.
	if err := s.Step(ctx, s.checkFile()); err != nil {
		return nil, err
	}
	if fits, err := s.fits(ctx, n); err != nil {
		return nil, err
	} else if !fits {
		return &returned{runbook.ErrRefused, "自動確認で不適合 · the file does not fit: " + s.result.Checked.Why}, nil
	}

	// c. A second person looks at the same file; it must still be that one right before the load.
	if back, err := s.decide(ctx, s.filePlan, s.checkGate(n), "別担当者の確認で差戻し · not passed by the second person: "); back != nil || err != nil {
		return back, err
	}

	// d. DataLoad loads it, with gates of its own.
	var loaded runbook.Ended[DataLoadResult]
	if err := s.Step(ctx, s.loadFile(n, &loaded)); err != nil {
		return nil, err
	}
	if back := s.settle(loaded); back != nil {
		return back, nil
	}
	if err := s.letGo(ctx); err != nil {
		return nil, err
	}

	// e. The ministry accepts what was loaded.
	if back, err := s.decide(ctx, s.deliveryPlan, s.acceptanceGate(n), "受入されず · not accepted: "); back != nil || err != nil {
		return back, err
	}
	s.result.Accepted, s.result.Plan = true, s.PlanDigest()
	return nil, nil
}

// resolve turns the request into the dataset, the place and the deadline.
func (s *supporting) resolve(ctx workflow.Context) error {
	on, err := runbook.Resolve(ctx, directory.ResolveDataSupport, s.in.request(workflow.Now(ctx).UTC()))
	if err != nil {
		return err
	}
	s.on = on
	err = s.About(ctx, runbook.Subject{
		System: on.SystemID, Environment: on.Environment, Requester: on.Requester, Operator: on.Operator,
		Targets: []string{"dataset:" + s.in.Dataset, "database:" + on.Cluster + "/" + on.Table},
		About: []runbook.Fact{
			{Name: "件名 · Title", Value: s.in.Title},
			{Name: "依頼内容 · Request", Value: s.in.Request},
			{Name: "データ · Dataset", Value: on.Title + " (" + s.in.Dataset + ") → " + on.Table},
			{Name: "ファイルの置き場所 · The file goes to", Value: on.Place + on.Match},
			{Name: "期限 · Deadline", Value: runbook.JST(on.Deadline)},
			{Name: "依頼者・作業者 · Requester and operator", Value: on.Requester + ", " + on.Operator},
		},
		Mail: map[string]string{"title": s.in.Title, "reason": s.in.Request, "until": runbook.JapaneseTime(on.Deadline), "detail": s.place()},
	})
	if err != nil {
		return err
	}
	for _, gate := range []runbook.Gate{s.estimateGate(), s.checkGate(1), s.acceptanceGate(1)} {
		if err := s.CanPass(ctx, gate); err != nil {
			return err
		}
	}
	return nil
}
