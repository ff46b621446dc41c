package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"tejun/internal/sandbox"
	"tejun/internal/site"
)

func siteCommand(s surroundings) *cobra.Command {
	var listen, dir, path string
	c := &cobra.Command{
		Use:   "site",
		Short: "Serve the simulated public site of a sandbox, by itself",
		Long: `Serves by plain HTTP what the public would see of the system in the sandbox at this moment. ` + "`worker dev`" + ` does it
by itself; this command is for installations whose parts run apart, such as docker-compose.yml.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if path == "" {
				path, _ = s.env.LookupEnv(envSystem)
			}
			if path == "" || dir == "" {
				return fmt.Errorf("give the sandbox's folder with --sandbox, and system.yaml with --system or %s", envSystem)
			}
			return runSite(cmd.Context(), s, listen, dir, path)
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:7280", "address to serve at")
	c.Flags().StringVar(&dir, "sandbox", "", "folder of the sandbox")
	c.Flags().StringVar(&path, "system", "", "system.yaml (env TEJUN_SYSTEM)")
	return c
}

func runSite(ctx context.Context, s surroundings, listen, dir, path string) (err error) {
	log := slog.New(slog.NewJSONHandler(s.err, nil))
	slog.SetDefault(log)
	described, err := newDescription(path).Load()
	if err != nil {
		return err
	}
	box, err := sandbox.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, box.Close()) }()
	if err := box.Seed(ctx, described); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("serve the simulated site: %w (choose another address with --listen)", err)
	}
	server := newServer(site.New(box, described), log)
	go serveOn(server, listener, log)
	log.Info("the simulated site is there", "url", "http://"+listener.Addr().String()+"/")
	<-ctx.Done()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	return server.Shutdown(ending)
}
