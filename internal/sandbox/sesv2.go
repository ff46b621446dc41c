package sandbox

import (
	"fmt"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

const (
	identityKind         = "sesv2:identity"
	configurationSetKind = "sesv2:configuration-set"
	mailKind             = "sesv2:mail"

	recipientsMax = 50 // of one message, as SES limits it
)

type identity struct {
	Name   string
	Region string
}

type configurationSet struct {
	Name   string
	Region string
}

func sesv2Operations() map[string]operation {
	return byName(append(suppressionOperations(),
		handle(reads, "", func(*sesv2.GetAccountInput) about { return about{} }, getAccount),
		handle(reads, "EmailIdentity", func(in *sesv2.GetEmailIdentityInput) about {
			return about{identityKind + "/" + val(in.EmailIdentity), ""}
		}, getEmailIdentity),
		handle(reads, "ConfigurationSetName", func(in *sesv2.GetConfigurationSetInput) about {
			return about{configurationSetKind + "/" + val(in.ConfigurationSetName), ""}
		}, getConfigurationSet),
		handle(writes, "Content Destination ConfigurationSetName EmailTags FromEmailAddress ReplyToAddresses", func(in *sesv2.SendEmailInput) about {
			return about{identityKind + "/" + addressOf(val(in.FromEmailAddress)), ""}
		}, sendEmail),
	)...)
}

// addressOf is the bare address of "Name <address>".
func addressOf(s string) string {
	if a, err := mail.ParseAddress(s); err == nil {
		return a.Address
	}
	return s
}

func getAccount(*call, *sesv2.GetAccountInput) (*sesv2.GetAccountOutput, error) {
	return &sesv2.GetAccountOutput{
		ProductionAccessEnabled: true, SendingEnabled: true, EnforcementStatus: ptr("HEALTHY"),
		SendQuota: &types.SendQuota{Max24HourSend: 50000, MaxSendRate: 14, SentLast24Hours: 0},
	}, nil
}

func (c *call) identity(name string) (bool, error) {
	id, ok, err := get[identity](c, identityKind+"/"+strings.ToLower(name))
	return ok && id.Region == c.region, err
}

func getEmailIdentity(c *call, in *sesv2.GetEmailIdentityInput) (*sesv2.GetEmailIdentityOutput, error) {
	name := val(in.EmailIdentity)
	ok, err := c.identity(name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fail(http.StatusNotFound, &types.NotFoundException{Message: ptr("Email identity " + name + " does not exist.")})
	}
	kind := types.IdentityTypeDomain
	if strings.Contains(name, "@") {
		kind = types.IdentityTypeEmailAddress
	}
	return &sesv2.GetEmailIdentityOutput{
		IdentityType: kind, VerifiedForSendingStatus: true, VerificationStatus: types.VerificationStatusSuccess,
		DkimAttributes: &types.DkimAttributes{SigningEnabled: true, Status: types.DkimStatusSuccess}, FeedbackForwardingStatus: true,
	}, nil
}

func (c *call) configurationSet(name string) error {
	set, ok, err := get[configurationSet](c, configurationSetKind+"/"+name)
	if err == nil && (!ok || set.Region != c.region) {
		err = fail(http.StatusNotFound, &types.NotFoundException{Message: ptr("Configuration set <" + name + "> does not exist.")})
	}
	return err
}

func getConfigurationSet(c *call, in *sesv2.GetConfigurationSetInput) (*sesv2.GetConfigurationSetOutput, error) {
	if err := c.configurationSet(val(in.ConfigurationSetName)); err != nil {
		return nil, err
	}
	return &sesv2.GetConfigurationSetOutput{ConfigurationSetName: in.ConfigurationSetName, SendingOptions: &types.SendingOptions{SendingEnabled: true}}, nil
}

func badMail(words string) error {
	return fail(http.StatusBadRequest, &types.BadRequestException{Message: ptr(words)})
}

// sendEmail has no guard against sending twice, as SES has none.
func sendEmail(c *call, in *sesv2.SendEmailInput) (*sesv2.SendEmailOutput, error) {
	if name := val(in.ConfigurationSetName); name != "" {
		if err := c.configurationSet(name); err != nil {
			return nil, err
		}
	}
	m, err := readMail(in)
	if err != nil {
		return nil, err
	}
	from := strings.ToLower(addressOf(m.From))
	_, domain, _ := strings.Cut(from, "@")
	verified, err := c.identity(from)
	if err == nil && !verified {
		verified, err = c.identity(domain)
	}
	if err != nil {
		return nil, err
	}
	if !verified {
		return nil, fail(http.StatusBadRequest, &types.MessageRejected{
			Message: ptr("Email address is not verified. The following identities failed the check in region " + strings.ToUpper(c.region) + ": " + from),
		})
	}
	m.Number = len(c.state.now[mailKind]) + 1
	m.At, m.Region = c.at, c.region
	m.MessageID = c.newLockToken("mail") + "-000000"
	key := fmt.Sprintf("%s/%06d", mailKind, m.Number)
	c.resource = key
	if err := c.put(key, m); err != nil {
		return nil, err
	}
	return &sesv2.SendEmailOutput{MessageId: ptr(m.MessageID)}, nil
}

// readMail checks what SES checks.
func readMail(in *sesv2.SendEmailInput) (m Mail, err error) {
	if in.Content.Simple == nil || in.Content.Raw != nil || in.Content.Template != nil {
		return Mail{}, fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox models simple content of SendEmail only"))
	}
	simple := in.Content.Simple
	m = Mail{From: val(in.FromEmailAddress), ReplyTo: in.ReplyToAddresses, ConfigurationSet: val(in.ConfigurationSetName), Tags: map[string]string{}}
	if in.Destination != nil {
		m.To, m.Cc, m.Bcc = in.Destination.ToAddresses, in.Destination.CcAddresses, in.Destination.BccAddresses
	}
	count := len(m.To) + len(m.Cc) + len(m.Bcc)
	if count == 0 || count > recipientsMax {
		return Mail{}, badMail(fmt.Sprintf("A message needs 1 to %d recipients, not %d.", recipientsMax, count))
	}
	for _, list := range [][]string{{m.From}, m.To, m.Cc, m.Bcc, m.ReplyTo} {
		for _, a := range list {
			if _, err := mail.ParseAddress(a); err != nil {
				return Mail{}, badMail(fmt.Sprintf("Illegal address %q", a))
			}
		}
	}
	m.Subject = val(simple.Subject.Data)
	for _, h := range simple.Headers {
		m.Headers = append(m.Headers, Header{val(h.Name), val(h.Value)})
	}
	for _, t := range in.EmailTags {
		m.Tags[val(t.Name)] = val(t.Value)
	}
	if simple.Body.Text != nil {
		m.Text = val(simple.Body.Text.Data)
	}
	if simple.Body.Html != nil {
		m.HTML = val(simple.Body.Html.Data)
	}
	if m.Text == "" && m.HTML == "" {
		return Mail{}, badMail("The message has no body.")
	}
	if m.Attachments, err = readAttachments(simple.Attachments); err != nil {
		return Mail{}, err
	}
	return m, checkHeaders(m)
}

func checkHeaders(m Mail) error {
	fields := []Header{{"Subject", m.Subject}}
	fields = append(fields, m.Headers...)
	for _, f := range fields {
		if f.Name == "" || strings.ContainsAny(f.Name, "\r\n: ") || strings.ContainsAny(f.Value, "\r\n\x00") {
			return badMail(fmt.Sprintf("Header %q contains a line break or another character that is not allowed.", f.Name))
		}
	}
	return nil
}

// Mail is a message that was sent.
type Mail struct {
	Number           int // 1 is the first
	MessageID        string
	At               time.Time
	Region           string
	From             string
	To, Cc, Bcc      []string
	ReplyTo          []string
	Subject          string
	Text             string
	HTML             string
	Headers          []Header
	Tags             map[string]string
	ConfigurationSet string
	Attachments      []MailAttachment `json:",omitempty"`
	File             string           `json:"-"` // path of the .eml
}

// Header is an extra header field of a message.
type Header struct{ Name, Value string }
