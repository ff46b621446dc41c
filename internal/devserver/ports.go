package devserver

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// checkPort returns port if it is free on 127.0.0.1, and a free one for 0. what names its use in the error.
func checkPort(what string, port int) (int, error) {
	listener, err := net.Listen("tcp", address(port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return 0, fmt.Errorf("port %d for %s is in use by another program: stop that program, or choose another port", port, what)
	}
	if err != nil {
		return 0, fmt.Errorf("port %d for %s cannot be used: %w (choose another port)", port, what, err)
	}
	port = listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return 0, fmt.Errorf("port %d for %s: %w", port, what, err)
	}
	return port, nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
