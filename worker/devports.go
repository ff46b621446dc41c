package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// devPorts are the ports of `worker dev` on 127.0.0.1; 0 takes a free one.
type devPorts struct {
	Temporal, UI, Postgres, Database, Site, Metrics int
}

// check reports every port that cannot be had, before anything is started.
func (p devPorts) check() error {
	var problems error
	taken := map[int]string{}
	for _, use := range []struct {
		flag string
		port int
	}{
		{"--temporal-port", p.Temporal}, {"--ui-port", p.UI}, {"--postgres-port", p.Postgres},
		{"--database-port", p.Database}, {"--site-port", p.Site}, {"--metrics-port", p.Metrics},
	} {
		switch other := taken[use.port]; {
		case use.port < 0 || use.port > 65535:
			problems = errors.Join(problems, fmt.Errorf("%s %d is no port: choose one from 1 to 65535, or 0 for any free one", use.flag, use.port))
			continue
		case use.port == 0:
			continue
		case other != "":
			problems = errors.Join(problems, fmt.Errorf("%s and %s are both %d: choose different ports, or 0 for any free one", other, use.flag, use.port))
			continue
		}
		taken[use.port] = use.flag
		listener, err := net.Listen("tcp", loopback(use.port))
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			problems = errors.Join(problems, fmt.Errorf("%s %d is in use by another program: stop that program, or choose another port (0: any free one)", use.flag, use.port))
		case err != nil:
			problems = errors.Join(problems, fmt.Errorf("%s %d cannot be used: %w (choose another port, 0: any free one)", use.flag, use.port, err))
		default:
			problems = errors.Join(problems, listener.Close())
		}
	}
	return problems
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
