package devserver

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// rights say as whom PostgreSQL runs: it refuses root.
type rights struct {
	attr func() *syscall.SysProcAttr // new for each child; nil fields mean: as this process
	uid  int                         // whom the files must belong to, as seen by this process
	gid  int
	says string // for messages
}

// sameRights are those of this process.
func sameRights() rights {
	return rights{
		attr: func() *syscall.SysProcAttr { return &syscall.SysProcAttr{} },
		uid:  os.Geteuid(), gid: os.Getegid(), says: "this user",
	}
}

// checkPath reports the first folder on the way to path that the rights do not let through. Root itself may pass
// everywhere, but what runs with these rights may not.
func (r rights) checkPath(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	for dir := path; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("look at %s: %w", dir, err)
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return fmt.Errorf("look at %s: the system does not say who owns it", dir)
		}
		mode := info.Mode().Perm()
		var pass bool
		switch {
		case int(stat.Uid) == r.uid:
			pass = mode&0o100 != 0
		case int(stat.Gid) == r.gid:
			pass = mode&0o010 != 0
		default:
			pass = mode&0o001 != 0
		}
		if !pass {
			return fmt.Errorf("PostgreSQL must not run as root, and %s may not pass through %s (mode %04o): choose a state folder that it may reach, such as one under /var/tmp, or run this program as an ordinary user",
				r.says, dir, mode)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// own gives the files under path to the rights, if they are somebody else's: an earlier start may have had others.
func (r rights) own(path string) error {
	if os.Geteuid() != 0 {
		return nil // only root can, and only root needs to
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) == r.uid {
		return nil
	}
	err = filepath.WalkDir(path, func(name string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, r.uid, r.gid)
	})
	if err != nil {
		return fmt.Errorf("give %s to %s: %w", path, r.says, err)
	}
	return nil
}
