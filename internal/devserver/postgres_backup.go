package devserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// BackupInfo is what is known of a backup. It lies in the backup's folder and is written last: without it there is none.
type BackupInfo struct {
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended"` // a restore can reach any moment from here on
}

const backupInfo = "backup.json"

// ReadBackup says what is known of the backup in dir; fs.ErrNotExist when there is no whole one.
func ReadBackup(dir string) (BackupInfo, error) {
	var b BackupInfo
	content, err := os.ReadFile(filepath.Join(dir, backupInfo))
	if err == nil {
		err = json.Unmarshal(content, &b)
	}
	return b, err
}

// Backup copies the running cluster, with its password, into the folder into, which must not exist. It uses PostgreSQL's
// own functions for an online backup and no further program, as the fetched binaries have none. The copy alone is not
// consistent: Restore adds the archived log.
func (p *Postgres) Backup(ctx context.Context, into string) (err error) {
	if !p.cluster.archives {
		return errors.New("back up PostgreSQL: it keeps no archive: start it with Archive")
	}
	if err := os.Mkdir(into, 0o700); err != nil { // first, so that what is there already is never removed below
		return fmt.Errorf("back up PostgreSQL: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("back up PostgreSQL into %s: %w", into, err), os.RemoveAll(into))
		}
	}()
	conn, err := pgx.Connect(ctx, p.dsn) // the backup belongs to this connection and ends with it
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	begin, end := `SELECT pg_backup_start('tejun', true)`, `SELECT labelfile, spcmapfile FROM pg_backup_stop(true)`
	if p.cluster.binaries.major < 15 {
		begin, end = `SELECT pg_start_backup('tejun', true, false)`, `SELECT labelfile, spcmapfile FROM pg_stop_backup(false, true)`
	}
	b := BackupInfo{Began: time.Now().UTC()}
	if _, err := conn.Exec(ctx, begin); err != nil {
		return err
	}
	data := filepath.Join(into, "data")
	if err := copyTree(ctx, p.cluster.data, data, notInBackup); err != nil {
		return err
	}
	var label, spaces string
	if err := conn.QueryRow(ctx, end).Scan(&label, &spaces); err != nil {
		return err
	}
	if strings.TrimSpace(spaces) != "" {
		return errors.New("it has tablespaces outside its folder, which are not backed up: drop them")
	}
	b.Ended = time.Now().UTC()
	info, err := json.Marshal(b)
	if err != nil {
		return err
	}
	password, err := os.ReadFile(p.cluster.passwordFile())
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(data, "backup_label"), []byte(label), 0o600),
		os.WriteFile(filepath.Join(into, "password"), password, 0o600),
		os.WriteFile(filepath.Join(into, backupInfo), info, 0o600),
	)
}

// Archived makes sure that everything that was committed so far is in the archive, and returns the moment up to which that is.
func (p *Postgres) Archived(ctx context.Context) (until time.Time, err error) {
	conn, err := pgx.Connect(ctx, p.dsn)
	if err != nil {
		return until, fmt.Errorf("archive PostgreSQL's log: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	until = time.Now().UTC()
	// A commit after the moment, so that a restore to it finds its end.
	if _, err := conn.Exec(ctx, `SELECT pg_current_xact_id()`); err != nil {
		return until, fmt.Errorf("archive PostgreSQL's log: %w", err)
	}
	// What the switch says is the piece that it ended, or that another one ended just before. Asked for any earlier, it can be
	// the next piece, which nobody ends.
	var piece string
	if err := conn.QueryRow(ctx, `SELECT pg_walfile_name(pg_switch_wal() - 1)`).Scan(&piece); err != nil {
		return until, fmt.Errorf("archive PostgreSQL's log: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(p.cluster.archive(), piece)); err == nil {
			return until, nil
		}
		select {
		case <-ctx.Done():
			return until, fmt.Errorf("archive PostgreSQL's log: %s is not archived: %w", piece, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Archive is the folder of the archived log.
func (p *Postgres) Archive() string { return p.cluster.archive() }

// Restore lays a cluster in the folder into, which must not exist, from a backup and the archived log of the same server.
// At its first start, StartPostgres(into) brings it to the moment at; a zero one means the backup's own end.
func Restore(ctx context.Context, backup, archive, into string, at time.Time) (err error) {
	b, err := ReadBackup(backup)
	if err != nil {
		return fmt.Errorf("restore PostgreSQL from %s: %w", backup, err)
	}
	target := "recovery_target = 'immediate'\n"
	if !at.IsZero() {
		if at.Before(b.Ended) {
			return fmt.Errorf("it ended at %s, after the moment that is asked for, %s: take an earlier one", b.Ended.Format(time.RFC3339Nano), at.Format(time.RFC3339Nano))
		}
		target = "recovery_target_time = '" + at.UTC().Format("2006-01-02 15:04:05.999999") + "+00'\n"
	}
	if archive, err = filepath.Abs(archive); err != nil {
		return err
	}
	if err := os.Mkdir(into, 0o711); err != nil { // as StartPostgres leaves it: other users may pass, and see nothing
		return fmt.Errorf("restore PostgreSQL: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("restore PostgreSQL from %s: %w", backup, err), os.RemoveAll(into))
		}
	}()
	aside := filepath.Join(into, "data.restoring")
	if err := copyTree(ctx, filepath.Join(backup, "data"), aside, nil); err != nil {
		return err
	}
	settings, err := os.OpenFile(filepath.Join(aside, "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	// Until it has arrived nobody can connect, so nobody takes a state on the way for the one that was asked for.
	_, err = settings.WriteString("\nrestore_command = 'cp \"../wal/%f\" \"%p\"'\nrecovery_target_action = 'promote'\nhot_standby = off\n" + target)
	if err = errors.Join(err, settings.Close()); err != nil {
		return err
	}
	password, err := os.ReadFile(filepath.Join(backup, "password"))
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(aside, "recovery.signal"), nil, 0o600),
		os.WriteFile(filepath.Join(into, "password"), password, 0o600),
		os.Symlink(archive, filepath.Join(into, "wal")),
		os.Rename(aside, filepath.Join(into, "data")),
	)
}

// CopyBackup copies a backup to the folder into, which must not exist.
func CopyBackup(ctx context.Context, backup, into string) error {
	if _, err := ReadBackup(backup); err != nil {
		return fmt.Errorf("copy the backup %s: %w", backup, err)
	}
	aside := into + ".copying"
	err := os.RemoveAll(aside)
	if err == nil {
		err = copyTree(ctx, backup, aside, nil)
	}
	if err == nil {
		err = os.Rename(aside, into)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("copy the backup %s: %w", backup, err), os.RemoveAll(aside))
	}
	return nil
}

// notInBackup are the parts of a running cluster that a copy must not have. PostgreSQL's manual lists them.
func notInBackup(name string) bool {
	dir, base := filepath.Split(name)
	switch filepath.Clean(dir) {
	case "pg_wal", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans":
		return true // the folders themselves are needed
	}
	return base == "postmaster.pid" || base == "postmaster.opts" || strings.HasPrefix(base, "pgsql_tmp") || strings.HasPrefix(base, ".s.PGSQL.")
}

// copyTree copies files and folders; files that vanish meanwhile are left out, as the log makes up for them.
func copyTree(ctx context.Context, from, to string, leaveOut func(name string) bool) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != from {
			return nil
		}
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		skip := leaveOut != nil && leaveOut(name)
		switch {
		case entry.IsDir() && skip:
			// pg_wal/archive_status and the like are made again by the server.
			return fs.SkipDir
		case skip:
			return nil
		case entry.IsDir():
			return os.Mkdir(filepath.Join(to, name), 0o700)
		case !entry.Type().IsRegular():
			return fmt.Errorf("%s is neither a file nor a folder", path)
		}
		err = copyFile(path, filepath.Join(to, name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
