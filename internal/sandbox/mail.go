package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

const (
	mailFolder = "mail"
	lineLength = 76 // of header lines with encoded words (RFC 2047) and of base64 (RFC 2045)
)

// Mails lists the messages that were sent, oldest first.
func (s *Sandbox) Mails() (mails []Mail, err error) {
	err = s.view(func(c *call) error {
		mails, err = list[Mail](c, mailKind)
		for i := range mails {
			mails[i].File = s.mailFile(mails[i])
		}
		return err
	})
	return mails, err
}

// writeMailFiles writes the .eml files that are missing. The log holds the mail, the file is a copy of it for people: a
// process that was killed between the two leaves it to the next call.
func (s *Sandbox) writeMailFiles() error {
	for s.wrote < len(s.state.now[mailKind]) {
		var m Mail
		if err := json.Unmarshal(s.state.now[mailKind][fmt.Sprintf("%06d", s.wrote+1)], &m); err != nil {
			return fmt.Errorf("sandbox: mail %d: %w", s.wrote+1, err)
		}
		if err := writeOnce(s.mailFile(m), m.EML); err != nil {
			return fmt.Errorf("sandbox: mail %d: %w", m.Number, err)
		}
		s.wrote++
	}
	return nil
}

func (s *Sandbox) mailFile(m Mail) string {
	return filepath.Join(s.dir, mailFolder, fmt.Sprintf("%04d-%s.eml", m.Number, slug(m.Subject)))
}

// slug keeps letters and digits of any script, so that the file name says what the mail is about.
func slug(subject string) string {
	var b strings.Builder
	n := 0
	for _, r := range subject {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			if b.Len() > 0 && !strings.HasSuffix(b.String(), "-") {
				b.WriteByte('-')
			}
			continue
		}
		b.WriteRune(r)
		if n++; n == 40 {
			break
		}
	}
	return orElse(strings.Trim(b.String(), "-"), "mail")
}

func writeOnce(path string, content func() []byte) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	partial := path + ".part"
	if err := os.WriteFile(partial, content(), 0o600); err != nil {
		return err
	}
	return os.Rename(partial, path)
}

// EML is the message as SES would hand it to a mail server: RFC 5322 with MIME, UTF-8 throughout. Bcc is left out.
func (m Mail) EML() []byte {
	var b bytes.Buffer
	field := func(name, value string) {
		first, _, _ := strings.Cut(value, "\r\n")
		if len(name)+2+len(first) > lineLength { // fold before the value, as it cannot be folded within
			name += ":\r\n " + value
		} else {
			name += ": " + value
		}
		b.WriteString(name + "\r\n")
	}
	field("Date", m.At.Format(time.RFC1123Z))
	field("Message-ID", "<"+m.MessageID+"@"+m.Region+".amazonses.com>")
	field("From", addresses(m.From))
	for _, l := range []struct {
		name string
		list []string
	}{{"To", m.To}, {"Cc", m.Cc}, {"Reply-To", m.ReplyTo}} {
		if len(l.list) > 0 {
			field(l.name, addresses(l.list...))
		}
	}
	field("Subject", encodeWords(m.Subject))
	for _, h := range m.Headers {
		field(h.Name, encodeWords(h.Value))
	}
	field("MIME-Version", "1.0")
	if len(m.Attachments) == 0 {
		m.writeBody(&b)
		return b.Bytes()
	}
	boundary := "=_files_" + m.MessageID
	fmt.Fprintf(&b, "Content-Type: multipart/mixed;\r\n boundary=\"%s\"\r\n\r\n--%s\r\n", boundary, boundary)
	m.writeBody(&b)
	for _, a := range m.Attachments {
		fmt.Fprintf(&b, "--%s\r\n", boundary)
		a.write(&b)
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return b.Bytes()
}

// writeBody writes what people read.
func (m Mail) writeBody(b *bytes.Buffer) {
	switch {
	case m.HTML == "":
		part(b, "text/plain", m.Text)
	case m.Text == "":
		part(b, "text/html", m.HTML)
	default:
		boundary := "=_" + m.MessageID
		fmt.Fprintf(b, "Content-Type: multipart/alternative;\r\n boundary=\"%s\"\r\n\r\n", boundary)
		fmt.Fprintf(b, "--%s\r\n", boundary)
		part(b, "text/plain", m.Text)
		fmt.Fprintf(b, "--%s\r\n", boundary)
		part(b, "text/html", m.HTML)
		fmt.Fprintf(b, "--%s--\r\n", boundary)
	}
}

// addresses writes an address list, folded so that lines stay short; names in other scripts are encoded.
func addresses(list ...string) string {
	shown := make([]string, len(list))
	for i, a := range list {
		shown[i] = a
		if parsed, err := mail.ParseAddress(a); err == nil {
			shown[i] = parsed.String()
		}
	}
	return strings.Join(shown, ",\r\n ")
}

// encodeWords encodes what is not ASCII and folds between the encoded words.
func encodeWords(s string) string {
	return strings.ReplaceAll(mime.BEncoding.Encode("utf-8", s), "?= =?", "?=\r\n =?")
}

func part(b *bytes.Buffer, mediaType, text string) {
	fmt.Fprintf(b, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n", mediaType)
	encode(b, []byte(text))
}

// encode writes content as lines of base64.
func encode(b *bytes.Buffer, content []byte) {
	encoded := base64.StdEncoding.EncodeToString(content)
	for len(encoded) > lineLength {
		b.WriteString(encoded[:lineLength] + "\r\n")
		encoded = encoded[lineLength:]
	}
	b.WriteString(encoded + "\r\n")
}
