package devserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// postgresRights are this user's, or, for root, those of an ordinary user. First choice: a user namespace in which root
// appears as user 1000. Files stay root's, so the folder may lie below others that only root may enter. Where namespaces
// are refused (some containers): the user postgres, or nobody. probe is a program that does no harm.
func postgresRights(probe string, log func(string)) (rights, error) {
	if os.Geteuid() != 0 {
		return sameRights(), nil
	}
	inside := rights{attr: namespaceAttr, uid: os.Geteuid(), gid: os.Getegid(), says: "root in a user namespace"}
	refused := try(probe, inside)
	if refused == nil {
		return inside, nil
	}
	log(fmt.Sprintf("user namespaces are refused here (%v), so PostgreSQL runs as another user", refused))
	return ordinaryUser(probe)
}

// namespaceAttr starts a child in a user namespace of its own. It sees itself as user and group 1000 without any
// capability; outside it is root's process and has root's files, as far as their owner's permissions go.
func namespaceAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 1000, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 1000, HostID: os.Getegid(), Size: 1}},
	}
}

func ordinaryUser(probe string) (rights, error) {
	var problems []error
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		uid, err1 := strconv.ParseUint(account.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(account.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			problems = append(problems, fmt.Errorf("user %s: %w", name, err))
			continue
		}
		r := rights{
			attr: func() *syscall.SysProcAttr {
				return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
			},
			uid: int(uid), gid: int(gid), says: "user " + name,
		}
		if err := try(probe, r); err != nil {
			problems = append(problems, fmt.Errorf("user %s: %w", name, err))
			continue
		}
		return r, nil
	}
	return rights{}, fmt.Errorf("PostgreSQL must not run as root, and it can run neither in a user namespace nor as another user: run this program as an ordinary user, or give it the address of a PostgreSQL: %w", errors.Join(problems...))
}

func try(probe string, r rights) error {
	cmd := exec.Command(probe, "--version")
	cmd.SysProcAttr = r.attr()
	cmd.Dir = "/"
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run %s as %s: %w %s", probe, r.says, err, out)
	}
	return nil
}
