package workflows

import "go.temporal.io/sdk/workflow"

// tell sends mail that the run goes on beside; its end waits for it.
func (d *disaster) tell(ctx workflow.Context, template string, data map[string]string) {
	d.meanwhile(ctx, template, func(ctx workflow.Context) {
		ctx, stop := workflow.NewDisconnectedContext(ctx)
		defer stop()
		d.Tell(ctx, template, template, d.on.MailList, data)
	})
}

// meanwhile does something beside the run, which ends only when it is done.
func (d *disaster) meanwhile(ctx workflow.Context, name string, do func(workflow.Context)) {
	d.beside++
	workflow.GoNamed(ctx, name, func(ctx workflow.Context) {
		defer func() { d.beside-- }()
		do(ctx)
	})
}

// awaitMail waits, on a context that no cancellation reaches, until all mail was sent that the run went on beside, or was given up.
func (d *disaster) awaitMail(ctx workflow.Context) {
	if d.beside == 0 || workflow.GetVersion(ctx, "mail-awaited", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return
	}
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	if err := workflow.Await(ctx, func() bool { return d.beside == 0 }); err != nil {
		workflow.GetLogger(ctx).Warn("mail was not waited for", "error", err)
	}
}
