//go:build unix && !linux

package devserver

import (
	"errors"
	"os"
)

// postgresRights are this user's. Root would have to drop its rights, which is done on Linux only.
func postgresRights(string, func(string)) (rights, error) {
	if os.Geteuid() == 0 {
		return rights{}, errors.New("PostgreSQL must not run as root: run this program as an ordinary user, or give it the address of a PostgreSQL")
	}
	return sameRights(), nil
}
