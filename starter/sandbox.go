package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tejun/internal/sandbox"
)

func (a *app) sandboxCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "sandbox",
		Short: "Look into the AWS sandbox: writes, mail, faults",
		Long: `The sandbox is AWS in process, for development and tests. Its journal lists every write that reached it; mail is kept as
files; faults make calls go wrong on purpose. None of this exists on a real account.`,
		Example: `  starter sandbox journal
  starter sandbox fault add cloudfront UpdateDistribution executed-then-timeout
  starter sandbox mail list`,
	}, a.journalCommand(), a.faultCommand(), a.mailCommand(), a.putCommand(), a.ringCommand(), a.regionCommand())
}

// openSandbox opens the sandbox that is in use. The caller closes it.
func (a *app) openSandbox() (*sandbox.Sandbox, error) {
	where, err := a.locate()
	if err != nil {
		return nil, err
	}
	dir, ok := strings.CutPrefix(where.AWS, "sandbox:")
	switch {
	case where.AWS == "":
		return nil, usage("no sandbox is known: give --aws sandbox:DIR or TEJUN_AWS, or start `go run ./worker dev`")
	case !ok || dir == "":
		return nil, usage("%q is no sandbox: --aws and TEJUN_AWS are sandbox:DIR for one", where.AWS)
	}
	box, err := sandbox.Open(dir)
	if err != nil {
		return nil, err
	}
	return box, nil
}

// withSandbox opens the sandbox, works with it and closes it.
func (a *app) withSandbox(do func(*sandbox.Sandbox) error) error {
	box, err := a.openSandbox()
	if err != nil {
		return err
	}
	err = do(box)
	if closed := box.Close(); err == nil {
		err = closed
	}
	return err
}

func (a *app) journalCommand() *cobra.Command {
	var service, resource string
	var last int
	c := &cobra.Command{
		Use:   "journal",
		Short: "List every write that reached the sandbox, oldest first",
		Long: `Lists the writes, reads are not kept. EFFECT says whether the state really changed: a repeated request with the same token
does not change it again. A lost request and one that was executed without an answer are listed with that outcome.`,
		Example: "  starter sandbox journal\n  starter sandbox journal --service cloudfront --json | jq '.[] | select(.effect)'",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.withSandbox(func(box *sandbox.Sandbox) error {
				all, err := box.Journal()
				if err != nil {
					return err
				}
				entries := []sandbox.Entry{}
				for _, e := range all {
					if (service == "" || e.Service == service) && strings.Contains(e.Resource, resource) {
						entries = append(entries, e)
					}
				}
				if last > 0 && len(entries) > last {
					entries = entries[len(entries)-last:]
				}
				return a.printJournal(entries)
			})
		},
	}
	c.Flags().StringVar(&service, "service", "", "only this service, such as cloudfront")
	c.Flags().StringVar(&resource, "resource", "", "only resources whose name contains this")
	c.Flags().IntVar(&last, "last", 0, "only the newest so many")
	_ = c.RegisterFlagCompletionFunc("service", cobra.FixedCompletions(sandbox.Services(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (a *app) printJournal(entries []sandbox.Entry) error {
	if a.json {
		return a.printJSON(entries)
	}
	if len(entries) == 0 {
		a.printf("Nothing has been written.\n")
		return nil
	}
	now, zone := a.now(), a.zone()
	g := newGrid("AT", "SERVICE", "OPERATION", "RESOURCE", "OUTCOME", "EFFECT")
	for _, e := range entries {
		outcome, effect := a.paint(green, e.Outcome), ""
		if e.Outcome != sandbox.OutcomeOK {
			outcome = a.paint(yellow, e.Outcome)
		}
		if e.Effect {
			effect = "yes"
		}
		g.add(clock(e.At, now, zone), e.Service, e.Operation, e.Resource, outcome, effect)
	}
	g.print(a, "")
	return nil
}

func (a *app) ringCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "alarm NAME on|off",
		Short:             "Let a CloudWatch alarm ring, or be quiet again",
		Long:              "Sets the state of an alarm as CloudWatch does when a threshold is crossed. Nobody is told: `incident report-alarm` is what monitoring calls.",
		Example:           "  starter sandbox alarm gzs-api-5xx on\n  starter sandbox alarm gzs-api-5xx off",
		Args:              exactArgs(2, "an alarm's name, and on or off"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(_ *cobra.Command, args []string) error {
			if args[1] != "on" && args[1] != "off" {
				return usage("%q: want on or off", args[1])
			}
			return a.withSandbox(func(box *sandbox.Sandbox) error {
				if err := box.RingAlarm(args[0], args[1] == "on"); err != nil {
					return usage("%w", err)
				}
				a.printf("%s is %s.\n", args[0], args[1])
				return nil
			})
		},
	}
}

func (a *app) faultCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "fault",
		Short: "Make calls to the sandbox go wrong on purpose",
		Long: `Kinds of faults:
  throttle               refused as too fast, not executed
  500                    the service's internal error, not executed
  lost-request           connection reset, not executed
  executed-then-timeout  executed, but the answer never comes
  stale-read             a read sees what was there before the last change
  denied                 no permission, not executed`,
		Example: `  starter sandbox fault add cloudfront UpdateDistribution executed-then-timeout
  starter sandbox fault add sesv2 SendEmail throttle --times 3
  starter sandbox fault list
  starter sandbox fault clear`,
	}, a.faultAddCommand(), a.faultListCommand(), a.faultClearCommand())
}

func (a *app) faultAddCommand() *cobra.Command {
	f := sandbox.Fault{}
	var forever bool
	c := &cobra.Command{
		Use:     "add SERVICE OPERATION KIND",
		Short:   "Add a fault",
		Long:    "Adds a fault. It strikes at the next call that fits, and as often as --times says; \"any\" fits every service or operation.",
		Example: "  starter sandbox fault add cloudfront UpdateDistribution executed-then-timeout\n  starter sandbox fault add any any denied --forever",
		Args:    exactArgs(3, "a service, an operation and a kind, such as cloudfront UpdateDistribution throttle"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
			var all []string
			switch len(args) {
			case 0:
				all = sandbox.Services()
			case 1:
				all = sandbox.Operations(args[0])
			case 2:
				all = sandbox.FaultKinds
			}
			return withPrefix(all, start), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			f.Service, f.Operation, f.Kind = anyAsEmpty(args[0]), anyAsEmpty(args[1]), args[2]
			if forever {
				f.Times = sandbox.Forever
			}
			return a.withSandbox(func(box *sandbox.Sandbox) error {
				if err := box.AddFault(f); err != nil {
					return usage("%w", err)
				}
				return a.printFaults(box)
			})
		},
	}
	c.Flags().IntVar(&f.Times, "times", 1, "how often it strikes")
	c.Flags().BoolVar(&forever, "forever", false, "it strikes until it is cleared")
	c.Flags().StringVar(&f.Resource, "resource", "", "only calls to this resource")
	c.Flags().StringVar(&f.After, "after", "", "only once this operation, which writes, has had an effect")
	return c
}

func (a *app) faultListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the faults that can still strike", Long: "Lists the faults that can still strike, oldest first.",
		Example: "  starter sandbox fault list", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.withSandbox(a.printFaults) },
	}
}

func (a *app) faultClearCommand() *cobra.Command {
	return &cobra.Command{
		Use: "clear", Short: "Take all faults away", Long: "Takes all faults away. What they have done stays done.",
		Example: "  starter sandbox fault clear", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.withSandbox(func(box *sandbox.Sandbox) error {
				if err := box.ClearFaults(); err != nil {
					return err
				}
				return a.printFaults(box)
			})
		},
	}
}

func (a *app) printFaults(box *sandbox.Sandbox) error {
	faults, err := box.Faults()
	if err != nil {
		return err
	}
	if a.json {
		if faults == nil {
			faults = []sandbox.Fault{}
		}
		return a.printJSON(faults)
	}
	if len(faults) == 0 {
		a.printf("No faults.\n")
		return nil
	}
	g := newGrid("ID", "SERVICE", "OPERATION", "KIND", "TIMES LEFT", "RESOURCE")
	for _, f := range faults {
		times := fmt.Sprint(max(1, f.Times))
		if f.Times == sandbox.Forever {
			times = "until cleared"
		}
		g.add(f.ID, orAny(f.Service), orAny(f.Operation), f.Kind, times, orAny(f.Resource))
	}
	g.print(a, "")
	return nil
}

func anyAsEmpty(s string) string {
	if s == "any" {
		return ""
	}
	return s
}

func orAny(s string) string {
	if s == "" {
		return "any"
	}
	return s
}

func (a *app) mailCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "mail",
		Short:   "Read the mail that was sent through the sandbox",
		Long:    "The sandbox sends nothing: every message is kept as an .eml file in its folder.",
		Example: "  starter sandbox mail list\n  starter sandbox mail show 1",
	}, a.mailListCommand(), a.mailShowCommand())
}

// mailed is one message in `mail --json`.
type mailed struct {
	Number  int      `json:"number"`
	ID      string   `json:"id"`
	At      string   `json:"at"` // RFC 3339, UTC
	From    string   `json:"from"`
	To      []string `json:"to"`
	Subject string   `json:"subject"`
	Text    string   `json:"text"`
	File    string   `json:"file"`
}

func asMailed(m sandbox.Mail) mailed {
	return mailed{
		Number: m.Number, ID: m.MessageID, At: m.At.UTC().Format("2006-01-02T15:04:05.000Z07:00"), From: m.From, To: m.To,
		Subject: m.Subject, Text: m.Text, File: m.File,
	}
}

func (a *app) mailListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the messages, oldest first", Long: "Lists the messages, oldest first, with the files they are kept in.",
		Example: "  starter sandbox mail list", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.withSandbox(func(box *sandbox.Sandbox) error {
				mails, err := box.Mails()
				if err != nil {
					return err
				}
				if a.json {
					all := []mailed{}
					for _, m := range mails {
						all = append(all, asMailed(m))
					}
					return a.printJSON(all)
				}
				if len(mails) == 0 {
					a.printf("No mail.\n")
					return nil
				}
				now, zone := a.now(), a.zone()
				g := newGrid("NO", "AT", "TO", "SUBJECT")
				for _, m := range mails {
					g.add(m.Number, clock(m.At, now, zone), strings.Join(m.To, ", "), oneLine(m.Subject))
				}
				g.print(a, "")
				return nil
			})
		},
	}
}

func (a *app) mailShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show NO", Short: "Show one message", Long: "Shows one message: head and text. The .eml file that it names opens in any mail program.",
		Example: "  starter sandbox mail show 1", Args: exactArgs(1, "a message's number: `starter sandbox mail list` shows them"),
		RunE: func(_ *cobra.Command, args []string) error {
			number, err := strconv.Atoi(args[0])
			if err != nil {
				return usage("%q is no number: `starter sandbox mail list` shows them", args[0])
			}
			return a.withSandbox(func(box *sandbox.Sandbox) error {
				mails, err := box.Mails()
				if err != nil {
					return err
				}
				for _, m := range mails {
					if m.Number != number {
						continue
					}
					if a.json {
						return a.printJSON(asMailed(m))
					}
					a.printf("%s %s\n%s %s\n%s %s\n%s %s\n%s %s\n\n%s\n",
						a.paint(dim, "From:   "), m.From, a.paint(dim, "To:     "), strings.Join(m.To, ", "),
						a.paint(dim, "Date:   "), fullTime(m.At, a.zone()), a.paint(dim, "Subject:"), a.paint(bold, oneLine(m.Subject)),
						a.paint(dim, "File:   "), m.File, strings.TrimSpace(m.Text))
					return nil
				}
				return usage("there is no message %d; there are %d", number, len(mails))
			})
		},
	}
}
