package sandbox

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

// MailAttachment is a file that was sent with a message.
type MailAttachment struct {
	Name    string
	Type    string
	Content []byte
}

// mailMax is the size of a message as SES limits it, after its files are encoded.
const mailMax = 40 << 20

// refusedEndings are some of the file types that SES does not send.
var refusedEndings = []string{".bat", ".chm", ".cmd", ".com", ".exe", ".hta", ".js", ".jse", ".lnk", ".msi", ".pif", ".ps1", ".scr", ".vbs", ".wsf"}

// readAttachments checks what SES checks.
func readAttachments(list []types.Attachment) (read []MailAttachment, err error) {
	size := 0
	for _, a := range list {
		name := val(a.FileName)
		switch {
		case a.ContentDisposition == types.AttachmentContentDispositionInline || a.ContentId != nil:
			return nil, fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox does not model inline attachments of SendEmail"))
		case name == "" || len(name) > 255 || strings.ContainsAny(name, "\r\n\x00\"/\\"):
			return nil, badMail(fmt.Sprintf("Illegal attachment file name %q", name))
		case slices.Contains(refusedEndings, strings.ToLower(path.Ext(name))):
			return nil, badMail("Unsupported attachment file type: " + path.Ext(name))
		case strings.ContainsAny(val(a.ContentType), "\r\n\x00"):
			return nil, badMail(fmt.Sprintf("Illegal content type %q", val(a.ContentType)))
		}
		if size += base64.StdEncoding.EncodedLen(len(a.RawContent)); size > mailMax {
			return nil, badMail(fmt.Sprintf("Message length is more than %d bytes long", mailMax))
		}
		read = append(read, MailAttachment{Name: name, Type: orElse(val(a.ContentType), "application/octet-stream"), Content: a.RawContent})
	}
	return read, nil
}

// write writes the file as a part of a message.
func (a MailAttachment) write(b *bytes.Buffer) {
	fmt.Fprintf(b, "Content-Type: %s\r\nContent-Disposition: %s\r\nContent-Transfer-Encoding: base64\r\n\r\n",
		a.Type, mime.FormatMediaType("attachment", map[string]string{"filename": a.Name}))
	encode(b, a.Content)
}
