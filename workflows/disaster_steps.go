package workflows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/drillreport"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// roundTo is how exactly ages are shown to people.
const roundTo = time.Minute

// steps lists the steps in order, for the checklist.
func (d *disaster) steps() []runbook.StepSpec {
	steps := []runbook.StepSpec{takeStep(d.Run, d.resources())}
	if d.real() {
		steps = append(steps, d.planStep(nil), d.fenceStep())
		if d.finalCopy != nil {
			steps = append(steps, d.lastCopy())
		}
	}
	steps = append(steps, d.database(), d.pipeline(), d.scale(), d.smoke(), d.redirectStep(), d.ttl(), d.outside())
	return append(steps, runbook.StepSpec{Name: watchName, Title: watchTitle})
}

// step does a step within its budget, and notes its time for the report.
func (d *disaster) step(ctx workflow.Context, s runbook.StepSpec) error {
	return d.within(ctx, s.Name, s.Title, func(ctx workflow.Context) error { return d.stepOnly(ctx, s) })
}

// stepOnly does a step of the recovery, and notes its time for the report.
func (d *disaster) stepOnly(ctx workflow.Context, s runbook.StepSpec) error {
	return d.stepIn(ctx, drillreport.PartRecovery, s)
}

// stepIn does a step of a part of the report, and notes its time.
func (d *disaster) stepIn(ctx workflow.Context, part string, s runbook.StepSpec) error {
	return d.stage(ctx, s.Name, part, func(ctx workflow.Context) error { return d.Step(ctx, d.firm(s)) })
}

// firm makes a step of a real disaster one that is never given up by itself: not because nobody answers, and not because what came up
// is unfit. A drill is.
func (d *disaster) firm(s runbook.StepSpec) runbook.StepSpec {
	if !d.real() {
		return s
	}
	do := s.Do
	s.InsistUntil = d.on.HoldUntil
	s.Onward = d.onward
	s.Do = func(ctx workflow.Context) error {
		err := do(ctx)
		if runbook.IsEnd(err, activities.Unfit) {
			return runbook.End(activities.Refused, "%s", runbook.Words(err))
		}
		return err
	}
	return s
}

// database makes the data available in the DR region: a restored cluster, which AWS gives no instance; or the secondary of the global
// cluster, promoted.
func (d *disaster) database() runbook.StepSpec {
	step := runbook.StepSpec{Name: "database", Title: "データベースの起動 · Bring the database up in the DR region", UndoTitle: "データベースの後片付け · Take the database away again"}
	move := activities.GlobalMove{Operation: d.Operation(), To: d.on.DRRegion}
	switch {
	case d.on.Via == system.ViaGlobalCluster && d.graceful():
		step.Do = func(ctx workflow.Context) error {
			if _, err := runbook.Call(ctx, runbook.Change, disasterDatabase.SwitchoverGlobalCluster, move); err != nil {
				return err
			}
			return d.promoted(ctx, d.on.DRRegion)
		}
		step.Undo, step.Skipped = d.switchBack, d.writerBack
		step.UndoTitle = "書込み先を元のリージョンへ戻す · Make the primary region the writer again"
	case d.on.Via == system.ViaGlobalCluster:
		step.Do = d.failOver
		step.Lasts = d.maybeMoved()
	default:
		step.Do = d.restore
		step.Lasts = fmt.Sprintf("the restored cluster %s in %s, if it was made", d.on.Cluster, d.on.DRRegion)
		if !d.real() {
			step.Lasts = ""
			step.Undo = do(runbook.Settle, disasterDatabase.DeleteDisasterCluster, activities.DisasterCluster{Operation: d.Operation(), Cluster: d.on.Cluster})
			step.Undo = d.back("cleanup", step.Undo)
		}
	}
	return step
}

func (d *disaster) restore(ctx workflow.Context) error {
	in := activities.DisasterCluster{Operation: d.Operation(), Cluster: d.on.Cluster}
	_, err := runbook.Call(ctx, runbook.Change, disasterDatabase.RestoreDisasterCluster, activities.DisasterRestore{
		Operation: d.Operation(), Cluster: d.on.Cluster, SnapshotID: d.data.SnapshotID,
	})
	if err != nil {
		return err
	}
	if _, err := runbook.Call(ctx, runbook.Settle, disasterDatabase.AwaitDisasterCluster, in); err != nil {
		return err
	}
	if _, err := runbook.Call(ctx, runbook.Change, disasterDatabase.AddDisasterInstance, in); err != nil {
		return err
	}
	found, err := runbook.Call(ctx, runbook.Settle, disasterDatabase.AwaitDisasterInstance, in)
	if err != nil {
		return err
	}
	d.cameUp(found.Endpoint)
	return nil
}

// promoted waits until the writer of the global cluster is in a region.
func (d *disaster) promoted(ctx workflow.Context, region string) error {
	found, err := runbook.Call(ctx, runbook.Settle, disasterDatabase.AwaitGlobalCluster, activities.GlobalRef{To: region})
	if err != nil {
		return err
	}
	if region == d.on.DRRegion {
		d.cameUp(found.Endpoint)
	}
	return nil
}

// switchBack makes the primary region the writer again. It is harmless when it is.
func (d *disaster) switchBack(ctx workflow.Context) error {
	if _, err := runbook.Call(ctx, runbook.Change, disasterDatabase.SwitchoverGlobalCluster, activities.GlobalMove{Operation: d.Operation(), To: d.on.Region}); err != nil {
		return err
	}
	return d.promoted(ctx, d.on.Region)
}

// cameUp notes that the data are there, and how old they are.
func (d *disaster) cameUp(endpoint string) {
	d.endpoint = endpoint
	at := d.data.DataAt
	d.result.DataAt = &at
}

// pipeline lets the DR pipeline deploy the newest software, which is told where the database is.
func (d *disaster) pipeline() runbook.StepSpec {
	run := func() activities.DisasterPipelineRun {
		return activities.DisasterPipelineRun{Operation: d.Operation(), Database: d.endpoint}
	}
	return runbook.StepSpec{
		Name: "pipeline", Title: "災害対策系の構築 · Deploy the software in the DR region",
		Do: func(ctx workflow.Context) error {
			started, err := runbook.Call(ctx, runbook.Change, disasterPipeline.StartDisasterPipeline, run())
			if err != nil {
				return err
			}
			d.execution = started.ExecutionID
			d.deployed, err = runbook.Call(ctx, runbook.Settle, disasterPipeline.AwaitDisasterPipeline, activities.DisasterExecution{ExecutionID: d.execution})
			return err
		},
		// It may have been stopped half-way, so the services get back what they had, too.
		Undo: func(ctx workflow.Context) error {
			if _, err := runbook.Call(ctx, runbook.Change, disasterPipeline.StopDisasterPipeline, run()); err != nil {
				return err
			}
			return d.eachService(ctx, d.revertService)
		},
		UndoTitle: "災害対策系の構築の停止・復元 · Stop the deployment and put the services' versions back",
	}
}

func (d *disaster) serviceChange(i int) activities.DisasterServiceChange {
	return activities.DisasterServiceChange{
		Operation: d.Operation(), DisasterServiceRef: activities.DisasterServiceRef{Name: d.on.Services[i].Name}, Change: activities.Ref(d.changes.services[i]),
	}
}

func (d *disaster) revertService(ctx workflow.Context, i int) runbook.Future[struct{}] {
	return runbook.Start(ctx, runbook.Settle, disasterECS.RevertDisasterService, d.serviceChange(i))
}

// scale starts the services' tasks, and makes sure that they run what the pipeline has deployed.
func (d *disaster) scale() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "scale", Title: "サービスの起動 · Start the services in the DR region",
		Do: func(ctx workflow.Context) error {
			digests, err := d.digests()
			if err != nil {
				return err
			}
			err = d.eachService(ctx, func(ctx workflow.Context, i int) runbook.Future[struct{}] {
				return runbook.Start(ctx, runbook.Change, disasterECS.ScaleDisasterService, d.serviceChange(i))
			})
			if err != nil {
				return err
			}
			return d.awaitDR(ctx, digests)
		},
		Undo:      d.back("scale-down", func(ctx workflow.Context) error { return d.eachService(ctx, d.revertService) }),
		UndoTitle: "サービスの停止 · Stop the services in the DR region",
	}
}

// awaitDR waits until the services of the DR region run, each with its digest; "" for that of its own task definition.
func (d *disaster) awaitDR(ctx workflow.Context, digests []string) (failed error) {
	var waits []runbook.Future[activities.Running]
	for i, v := range d.on.Services {
		waits = append(waits, runbook.Start(ctx, runbook.Settle, disasterECS.AwaitDisasterService, activities.DisasterServiceCheck{
			DisasterServiceRef: activities.DisasterServiceRef{Name: v.Name}, Digest: digests[i],
		}))
	}
	for _, w := range waits {
		_, err := w.Get(ctx)
		failed = errors.Join(failed, err)
	}
	return failed
}

// digests are what the pipeline has deployed, in the order of the services. It deploys what system.yaml names at that time, which need not
// be what the run began with.
func (d *disaster) digests() ([]string, error) {
	digests := make([]string, len(d.on.Services))
	for i, v := range d.on.Services {
		at := slices.IndexFunc(d.deployed.Digests, func(image activities.DisasterImage) bool { return image.Name == v.Name })
		if at < 0 {
			return nil, runbook.End(activities.Refused, "the pipeline %s has deployed nothing for the service %s: disaster.ecs.services in system.yaml has changed since the run began. Put it back, then give the run up or begin anew", d.on.Pipeline, v.Name)
		}
		digests[i] = d.deployed.Digests[at].Digest
	}
	return digests, nil
}

// eachService does the same with all services of the DR region at once and waits for all of them.
func (d *disaster) eachService(ctx workflow.Context, begin func(workflow.Context, int) runbook.Future[struct{}]) error {
	return each(ctx, len(d.on.Services), begin)
}

// smoke tries the DR site out before anybody is sent there. It cannot be skipped.
func (d *disaster) smoke() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "smoke", Title: "動作確認 · Smoke test of the DR site",
		Do: do(runbook.Observe, disasterSite.SmokeDisasterSite, activities.DisasterSmoke{}),
	}
}
