package activities

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/mail"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/smithy-go"
	"go.temporal.io/sdk/activity"

	"tejun/internal/dial"
	"tejun/internal/records"
	"tejun/internal/system"
)

// Mail is a message to a notification list. It names the list; only the activity sees the addresses.
type Mail struct {
	Operation string            `json:"operation"`
	Step      string            `json:"step"`     // tells apart the messages of one run
	Template  string            `json:"template"` // a file under templates, without ".txt.tmpl"
	List      string            `json:"list"`     // of system.yaml, or person:ID
	Data      map[string]string `json:"data"`
	// Resend is set when a person has answered "retry" although an earlier sending may have arrived: it is sent once
	// more, and no more than once for that answer.
	Resend bool `json:"resend"`
	// Attach are reports that this worker has stored; they are sent as they were when they were stored, or not at all.
	Attach []records.Document `json:"attach,omitempty"`
}

// MailResult names what was sent.
type MailResult struct {
	MessageIDs []string `json:"messageIds"` // as SES gave them
}

// mostRecipients is how many SES takes per message.
const mostRecipients = 50

// sesAPI is the calls used.
type sesAPI interface {
	SendEmail(context.Context, *sesv2.SendEmailInput, ...func(*sesv2.Options)) (*sesv2.SendEmailOutput, error)
}

// intentStore is what a mail needs of the database.
type intentStore interface {
	BeginIntent(ctx context.Context, in records.Intent) (records.IntentState, error)
	FinishIntent(ctx context.Context, key string, outcome records.IntentOutcome, ref string) error
	fenceStore
}

// SES sends mail. SES cannot tell a repeated message from a new one, so an intent is written down first.
type SES struct {
	client  sesAPI
	records intentStore
	system  func() (*system.System, error)
	ui      string // address of the Temporal UI, "" if there is none
	reports *Reports
}

var stepName = regexp.MustCompile(`^[^#\x00-\x1f]{1,200}$`)

// SendSESMail sends one message to the list. A message that was sent is never sent again. When it is not known whether
// it was, the error is OutcomeUnknown and a person decides.
func (a *SES) SendSESMail(ctx context.Context, in Mail) (MailResult, error) {
	if err := checkOperation(in.Operation); err != nil {
		return MailResult{}, err
	}
	if !stepName.MatchString(in.Step) {
		return MailResult{}, fail(InvalidInput, "step %q: want 1 to 200 characters without # and control characters", in.Step)
	}
	message, err := a.compose(in, activity.GetInfo(ctx))
	if err != nil {
		return MailResult{}, err
	}
	if message.Content.Simple.Attachments, err = a.attachments(ctx, in.Attach); err != nil {
		return MailResult{}, err
	}
	key := in.Operation + "/mail/" + in.Step
	if err := fence(ctx, a.records, key); err != nil {
		return MailResult{}, err
	}
	intent := records.Intent{
		Key: key, WorkflowID: activity.GetInfo(ctx).WorkflowExecution.ID, Detail: fmt.Sprintf("mail %s to list %s", in.Template, in.List),
	}
	if in.Resend {
		// The same over the attempts that follow one answer, another one for the next answer.
		intent.Decision = activity.GetInfo(ctx).WorkflowExecution.RunID + "/" + activity.GetInfo(ctx).ActivityID
	}
	state, err := a.records.BeginIntent(ctx, intent)
	switch {
	case err != nil:
		return MailResult{}, recordsError(err, "write down the intent to send "+in.Template)
	case state.State == records.IntentSent:
		return MailResult{MessageIDs: []string{state.Ref}}, nil
	case !state.GoAhead():
		return MailResult{}, unknownMail(in, fmt.Sprintf("an attempt that began at %s never said how it ended", inJapan(state.BegunAt)))
	}
	out, err := a.client.SendEmail(ctx, message)
	if err != nil {
		return MailResult{}, a.notSent(ctx, in, state.Key, err)
	}
	id := aws.ToString(out.MessageId)
	if err := a.records.FinishIntent(ctx, state.Key, records.IntentSent, id); err != nil {
		// The activity knows that it was sent, and its result will be in the history. Only if the process ends right now
		// is that lost; then the open intent makes a person look.
		activity.GetLogger(ctx).Warn("a message was sent and its intent stays open", "messageId", id, "error", err)
	}
	return MailResult{MessageIDs: []string{id}}, nil
}

// notSent tells a clear refusal, after which it may be tried again, from a doubt.
func (a *SES) notSent(ctx context.Context, in Mail, intent string, cause error) error {
	failure := Classify(cause, fmt.Sprintf("send the mail %s to list %s", in.Template, in.List))
	if !refused(cause) {
		return unknownMail(in, reason(cause))
	}
	// Should this fail the intent stays open, and a person decides: never the other way round.
	if err := a.records.FinishIntent(context.WithoutCancel(ctx), intent, records.IntentFailed, reason(cause)); err != nil {
		return unknownMail(in, fmt.Sprintf("SES refused it (%s), and this could not be written down: %v", reason(cause), err))
	}
	return failure
}

// refused tells whether the message certainly did not go out: SES said so, or the request never left.
func refused(err error) bool {
	var invalid *smithy.InvalidParamsError
	var serialization *smithy.SerializationError
	var network *net.OpError
	switch {
	case errors.As(err, &invalid), errors.As(err, &serialization):
		return true
	case errors.As(err, &network) && network.Op == "dial":
		return true
	case errorCode(err) == "":
		return false
	}
	return typeOf(err) != Unavailable
}

func unknownMail(in Mail, why string) error {
	return fail(OutcomeUnknown, "the mail %s to list %s may or may not have been sent (%s). Look into a recipient's mailbox, or at SES. "+
		"Then answer skip if it arrived, or retry to send it again.", in.Template, in.List, why)
}

// compose makes the message. Nothing is sent, and nothing is written down, if it cannot be made.
func (a *SES) compose(in Mail, info activity.Info) (*sesv2.SendEmailInput, error) {
	s, err := describe(a.system)
	if err != nil {
		return nil, err
	}
	to, ok := s.Recipients(in.List)
	switch {
	case !ok:
		return nil, fail(InvalidInput, "system.yaml has no notification list %q: add it under mail.lists", in.List)
	case len(to) == 0 || len(to) > mostRecipients:
		return nil, fail(InvalidInput, "the list %s has %d addresses, and SES takes 1 to %d a message: use a distribution address", in.List, len(to), mostRecipients)
	}
	for _, address := range append([]string{s.Mail.From}, to...) {
		if _, err := mail.ParseAddress(address); err != nil || hasControl(address) {
			return nil, fail(InvalidInput, "an address of list %s, or the sender, is no mail address: mend it in system.yaml", in.List)
		}
	}
	data := map[string]string{}
	maps.Copy(data, in.Data)
	data["uiUrl"] = dial.RunPage(a.ui, info.Namespace, info.WorkflowExecution.ID, info.WorkflowExecution.RunID)
	in.Data = data
	subject, body, err := renderMail(s, in)
	if err != nil {
		return nil, err
	}
	content := func(text string) *types.Content {
		return &types.Content{Data: aws.String(text), Charset: aws.String("UTF-8")}
	}
	message := &sesv2.SendEmailInput{
		FromEmailAddress: &s.Mail.From,
		Destination:      &types.Destination{ToAddresses: to},
		Content:          &types.EmailContent{Simple: &types.Message{Subject: content(subject), Body: &types.Body{Text: content(body)}}},
		EmailTags:        []types.MessageTag{{Name: aws.String(ownerKey), Value: &in.Operation}},
	}
	if s.Mail.ConfigurationSet != "" {
		message.ConfigurationSetName = &s.Mail.ConfigurationSet
	}
	return message, nil
}
