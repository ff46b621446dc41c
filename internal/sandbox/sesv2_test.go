package sandbox_test

import (
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const longSubject = "【GZSインフラ】計画停止のお知らせ：2026年11月24日（火）22時00分から翌2時00分まで、サービスを停止します"

func message(subject, text, html string) *sesv2.SendEmailInput {
	body := &types.Body{}
	if text != "" {
		body.Text = &types.Content{Data: aws.String(text), Charset: aws.String("UTF-8")}
	}
	if html != "" {
		body.Html = &types.Content{Data: aws.String(html)}
	}
	return &sesv2.SendEmailInput{
		FromEmailAddress: aws.String("運用窓口 <unyo@example.jp>"), ConfigurationSetName: aws.String("gzs"),
		Destination: &types.Destination{ToAddresses: []string{"users@example.jp", "利用者 <users2@example.jp>"}, BccAddresses: []string{"hidden@example.jp"}},
		EmailTags:   []types.MessageTag{{Name: aws.String("run"), Value: aws.String("op-1")}},
		Content: &types.EmailContent{Simple: &types.Message{
			Subject: &types.Content{Data: aws.String(subject)}, Body: body, Headers: []types.MessageHeader{{Name: aws.String("X-Tejun-Run"), Value: aws.String("op-1")}},
		}},
	}
}

func TestSentMailIsAValidFileAndAResource(t *testing.T) {
	s, cfg := seeded(t)
	text := strings.Repeat("計画停止を実施します。\n", 20)
	out, err := sesv2.NewFromConfig(cfg).SendEmail(t.Context(), message(longSubject, text, ""))
	require.NoError(t, err)
	mails, err := s.Mails()
	require.NoError(t, err)
	require.Len(t, mails, 1)
	m := mails[0]
	assert.Equal(t, *out.MessageId, m.MessageID)
	assert.Equal(t, longSubject, m.Subject)
	assert.Equal(t, map[string]string{"run": "op-1"}, m.Tags)
	assert.True(t, strings.HasPrefix(filepath.Base(m.File), "0001-"), m.File)
	assert.Equal(t, "sesv2:mail/000001", lastEntry(t, s).Resource)

	raw, err := os.ReadFile(m.File)
	require.NoError(t, err)
	for _, line := range strings.Split(string(raw), "\r\n") {
		assert.LessOrEqual(t, len(line), 78)
		assert.NotContains(t, line, "\n")
		for _, r := range line {
			require.Less(t, r, rune(128), "a header or body line is not ASCII: %q", line)
		}
	}
	parsed, err := mail.ReadMessage(strings.NewReader(string(raw)))
	require.NoError(t, err)
	subject, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
	require.NoError(t, err)
	assert.Equal(t, longSubject, subject)
	to, err := parsed.Header.AddressList("To")
	require.NoError(t, err)
	require.Len(t, to, 2)
	assert.Equal(t, "利用者", to[1].Name)
	from, err := parsed.Header.AddressList("From")
	require.NoError(t, err)
	assert.Equal(t, "運用窓口", from[0].Name)
	_, err = parsed.Header.Date()
	require.NoError(t, err)
	assert.Equal(t, "op-1", parsed.Header.Get("X-Tejun-Run"))
	assert.NotContains(t, string(raw), "hidden@")
	body, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, parsed.Body))
	require.NoError(t, err)
	assert.Equal(t, text, string(body))
}

func TestTextAndHTMLBecomeAlternatives(t *testing.T) {
	s, cfg := seeded(t)
	_, err := sesv2.NewFromConfig(cfg).SendEmail(t.Context(), message("両方", "本文", "<p>本文"))
	require.NoError(t, err)
	mails, err := s.Mails()
	require.NoError(t, err)
	parsed, err := mail.ReadMessage(strings.NewReader(string(mails[0].EML())))
	require.NoError(t, err)
	kind, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	require.NoError(t, err)
	assert.Equal(t, "multipart/alternative", kind)
	parts := multipart.NewReader(parsed.Body, params["boundary"])
	for _, want := range []string{"text/plain; charset=utf-8", "text/html; charset=utf-8"} {
		p, err := parts.NextPart()
		require.NoError(t, err)
		assert.Equal(t, want, p.Header.Get("Content-Type"))
	}
	_, err = parts.NextPart()
	require.ErrorIs(t, err, io.EOF)
}

func TestSESSendsTwiceWhenAskedTwice(t *testing.T) {
	s, cfg := seeded(t)
	c := sesv2.NewFromConfig(cfg)
	for range 2 {
		_, err := c.SendEmail(t.Context(), message("同じ", "本文", ""))
		require.NoError(t, err)
	}
	mails, err := s.Mails()
	require.NoError(t, err)
	require.Len(t, mails, 2)
	assert.NotEqual(t, mails[0].MessageID, mails[1].MessageID)
}

func TestSendEmailRefusesWhatSESRefuses(t *testing.T) {
	s, cfg := seeded(t)
	c := sesv2.NewFromConfig(cfg)
	for name, tc := range map[string]struct {
		change func(*sesv2.SendEmailInput)
		want   any
	}{
		"sender is not verified": {func(m *sesv2.SendEmailInput) { m.FromEmailAddress = aws.String("x@other.example") }, new(*types.MessageRejected)},
		"line break in subject": {func(m *sesv2.SendEmailInput) {
			m.Content.Simple.Subject.Data = aws.String("a\r\nBcc: x@y.example")
		}, new(*types.BadRequestException)},
		"line break in a header":           {func(m *sesv2.SendEmailInput) { m.Content.Simple.Headers[0].Value = aws.String("a\nb") }, new(*types.BadRequestException)},
		"line break in an address":         {func(m *sesv2.SendEmailInput) { m.Destination.ToAddresses[0] = "a@b.example\r\nBcc: c@d.example" }, new(*types.BadRequestException)},
		"nobody to send to":                {func(m *sesv2.SendEmailInput) { m.Destination = nil }, new(*types.BadRequestException)},
		"too many":                         {func(m *sesv2.SendEmailInput) { m.Destination.ToAddresses = make51() }, new(*types.BadRequestException)},
		"configuration set does not exist": {func(m *sesv2.SendEmailInput) { m.ConfigurationSetName = aws.String("none") }, new(*types.NotFoundException)},
	} {
		t.Run(name, func(t *testing.T) {
			m := message("件名", "本文", "")
			tc.change(m)
			_, err := c.SendEmail(t.Context(), m)
			require.ErrorAs(t, err, tc.want)
		})
	}
	mails, err := s.Mails()
	require.NoError(t, err)
	assert.Empty(t, mails)
}

func make51() (list []string) {
	for range 51 {
		list = append(list, "a@b.example")
	}
	return list
}

func TestAccountAndIdentity(t *testing.T) {
	_, cfg := seeded(t)
	c := sesv2.NewFromConfig(cfg)
	account, err := c.GetAccount(t.Context(), &sesv2.GetAccountInput{})
	require.NoError(t, err)
	assert.True(t, account.ProductionAccessEnabled)
	id, err := c.GetEmailIdentity(t.Context(), &sesv2.GetEmailIdentityInput{EmailIdentity: aws.String("example.jp")})
	require.NoError(t, err)
	assert.True(t, id.VerifiedForSendingStatus)
	_, err = c.GetEmailIdentity(t.Context(), &sesv2.GetEmailIdentityInput{EmailIdentity: aws.String("other.example")})
	var none *types.NotFoundException
	require.ErrorAs(t, err, &none)
	_, err = c.GetConfigurationSet(t.Context(), &sesv2.GetConfigurationSetInput{ConfigurationSetName: aws.String("gzs")})
	require.NoError(t, err)
}

func TestMailCarriesFiles(t *testing.T) {
	s, cfg := seeded(t)
	content := []byte(strings.Repeat("<p>報告書</p>\x00", 50))
	in := message("報告書", "添付をご確認ください。", "")
	in.Content.Simple.Attachments = []types.Attachment{
		{FileName: aws.String("報告書.html"), ContentType: aws.String("text/html; charset=utf-8"), RawContent: content}, {FileName: aws.String("b.xlsx"), RawContent: []byte("PK")},
	}
	_, err := sesv2.NewFromConfig(cfg).SendEmail(t.Context(), in)
	require.NoError(t, err)
	mails, err := s.Mails()
	require.NoError(t, err)
	require.Equal(t, content, mails[0].Attachments[0].Content)

	raw, err := os.Open(mails[0].File)
	require.NoError(t, err)
	defer func() { require.NoError(t, raw.Close()) }()
	parsed, err := mail.ReadMessage(raw)
	require.NoError(t, err)
	kind, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/mixed", kind)
	parts := multipart.NewReader(parsed.Body, params["boundary"])
	var names, bodies []string
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		body, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, part))
		require.NoError(t, err)
		names, bodies = append(names, part.FileName()), append(bodies, string(body))
	}
	require.Equal(t, []string{"", "報告書.html", "b.xlsx"}, names)
	require.Equal(t, []string{"添付をご確認ください。", string(content), "PK"}, bodies)
}

func TestMailWithFilesThatSESRefusesIsRefused(t *testing.T) {
	s, cfg := seeded(t)
	for says, bad := range map[string]types.Attachment{
		"Illegal attachment file name": {FileName: aws.String("a\r\nBcc: x"), RawContent: []byte("x")}, "file type: .HTA": {FileName: aws.String("a.HTA"), RawContent: []byte("x")},
		"Illegal content type": {FileName: aws.String("a.txt"), ContentType: aws.String("text/plain\r\nX: y"), RawContent: []byte("x")},
		"inline attachments":   {FileName: aws.String("a.txt"), ContentId: aws.String("1"), RawContent: []byte("x")},
		"Message length":       {FileName: aws.String("a.txt"), RawContent: make([]byte, 31<<20)},
	} {
		in := message("s", "t", "")
		in.Content.Simple.Attachments = []types.Attachment{bad}
		_, err := sesv2.NewFromConfig(cfg).SendEmail(t.Context(), in)
		require.ErrorContains(t, err, says)
	}
	mails, err := s.Mails()
	require.NoError(t, err)
	require.Empty(t, mails)
}

func TestAnAddressIsSuppressedUntilItIsTakenOffTheList(t *testing.T) {
	_, cfg := seeded(t)
	client, address := sesv2.NewFromConfig(cfg), aws.String("Sato@example.go.jp")
	var none *types.NotFoundException
	_, err := client.GetSuppressedDestination(t.Context(), &sesv2.GetSuppressedDestinationInput{EmailAddress: address})
	require.ErrorAs(t, err, &none)
	_, err = client.DeleteSuppressedDestination(t.Context(), &sesv2.DeleteSuppressedDestinationInput{EmailAddress: address})
	require.ErrorAs(t, err, &none)

	_, err = client.PutSuppressedDestination(t.Context(), &sesv2.PutSuppressedDestinationInput{EmailAddress: address, Reason: types.SuppressionListReasonBounce})
	require.NoError(t, err)
	out, err := client.GetSuppressedDestination(t.Context(), &sesv2.GetSuppressedDestinationInput{EmailAddress: aws.String("sato@example.go.jp")})
	require.NoError(t, err)
	assert.Equal(t, types.SuppressionListReasonBounce, out.SuppressedDestination.Reason)
	assert.NotNil(t, out.SuppressedDestination.LastUpdateTime)
	_, err = client.DeleteSuppressedDestination(t.Context(), &sesv2.DeleteSuppressedDestinationInput{EmailAddress: address})
	require.NoError(t, err)
	_, err = client.GetSuppressedDestination(t.Context(), &sesv2.GetSuppressedDestinationInput{EmailAddress: address})
	require.ErrorAs(t, err, &none)
}
