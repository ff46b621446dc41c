// Command starter is the CLI of tejun: it starts runbooks, shows what they are doing, gives people's answers to them,
// and checks what they left behind. `starter help` teaches it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, newApp(), os.Args[1:])
	stop()
	os.Exit(code)
}
