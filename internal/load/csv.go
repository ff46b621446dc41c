package load

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// WriteRejects writes the rejected rows of what is staged as CSV, in the order of the file: UTF-8 with a byte order mark and
// CRLF, so that Excel opens it, and with nothing in it that Excel would take for a formula. The last column is the row's
// bytes as they stand in the file, in hex; it is empty where a row was rejected after it had been read, and the values stand
// before it. It returns the number of rows.
func (s *Store) WriteRejects(ctx context.Context, w io.Writer, t Table, run Run) (count int64, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		c, _, err := open(ctx, tx, &t, run)
		if err != nil {
			return err
		}
		if count, err = writeRejects(ctx, tx, w, Run{run.Operation, c.staged.Attempt}); err != nil {
			return err
		}
		if want := c.staged.Counts.AllRejected(); count != want {
			return fmt.Errorf("%w: %d of %d rejected rows are there", ErrNotStaged, count, want)
		}
		return nil
	})
	return count, err
}

// WriteRejectsOfRefused writes the rejected rows of a file that this attempt could not stage because there were too many: all
// that were found until then.
func (s *Store) WriteRejectsOfRefused(ctx context.Context, w io.Writer, run Run) (count int64, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		count, err = writeRejects(ctx, tx, w, run)
		return err
	})
	return count, err
}

// writeRejects writes the rejected rows of an attempt.
func writeRejects(ctx context.Context, tx pgx.Tx, w io.Writer, run Run) (count int64, err error) {
	out := bufio.NewWriter(w)
	rows, err := tx.Query(ctx, fmt.Sprintf("SELECT line, name, reason, raw, content, size FROM %s ORDER BY line, name", quote(ledgerSchema, run.table("r"))))
	if undefined(err) {
		return 0, ErrNotStaged
	}
	if err != nil {
		return 0, wrap("read the rejected rows", err)
	}
	defer rows.Close()
	if _, err := out.WriteString("\ufeff"); err != nil {
		return 0, err
	}
	table := csv.NewWriter(out)
	table.UseCRLF = true
	if err := table.Write([]string{"行 · line", "項目 · column", "理由 · reason", "内容 · content", "バイト数 · bytes", "生データ（16進） · raw (hex)"}); err != nil {
		return 0, err
	}
	for rows.Next() {
		if err := writeReject(table, rows); err != nil {
			return 0, err
		}
		count++
	}
	table.Flush()
	if err := rows.Err(); err != nil {
		return 0, wrap("read the rejected rows", err)
	}
	if err := table.Error(); err != nil {
		return 0, wrap("write the rejected rows", err)
	}
	return count, wrap("write the rejected rows", out.Flush())
}

func writeReject(to *csv.Writer, row pgx.Rows) error {
	var line, size int64
	var name, reason string
	var raw []byte
	var content []*string
	if err := row.Scan(&line, &name, &reason, &raw, &content, &size); err != nil {
		return wrap("read a rejected row", err)
	}
	text := readable(raw)
	if raw == nil {
		var values []string
		for _, v := range content {
			if v == nil {
				values = append(values, "")
			} else {
				values = append(values, *v)
			}
		}
		text = strings.Join(values, " | ")
	}
	return to.Write([]string{strconv.FormatInt(line, 10), harmless(name), harmless(reason), harmless(text), strconv.FormatInt(size, 10), hexOf(raw)})
}

// readable is what people may read of raw bytes: nothing where they are not UTF-8, since then the hex counts.
func readable(raw []byte) string {
	if !utf8.Valid(raw) {
		return ""
	}
	return string(raw)
}

// harmless puts an apostrophe before what a spreadsheet would calculate, and takes out what would end a cell.
func harmless(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
	if trimmed := strings.TrimLeftFunc(text, unseen); trimmed != "" && strings.ContainsRune("=+-@＝＋－＠|", rune0(trimmed)) {
		return "'" + text
	}
	return text
}

// unseen tells whether a character shows nothing: a space of any kind, or a mark without width.
func unseen(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }

func rune0(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// hexOf begins with 0x, so that a spreadsheet does not take the digits for a number.
func hexOf(raw []byte) string {
	if raw == nil {
		return ""
	}
	return "0x" + hex.EncodeToString(raw)
}
