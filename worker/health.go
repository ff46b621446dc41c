package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

const (
	healthWithin = 3 * time.Second // all checks together
	healthFor    = 2 * time.Second // an answer is good for this long, so that asking often costs nothing
)

// check asks one thing that the worker cannot work without.
type check struct {
	name string
	ask  func(context.Context) error
}

// health answers /healthz: 200 when everything that the worker needs answers, else 503, with a JSON object that says
// what does not.
type health struct {
	checks []check
	log    *slog.Logger

	mu    sync.Mutex
	asked time.Time
	last  map[string]string
	well  bool
}

func (h *health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	found, well := h.look(r.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !well {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if err := json.NewEncoder(w).Encode(found); err != nil {
		h.log.Debug("whoever asked for the health left", "error", err)
	}
}

func (h *health) look(ctx context.Context) (found map[string]string, well bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.asked) < healthFor {
		return h.last, h.well
	}
	// One asker's hurry must not become the answer for the next ones.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthWithin)
	defer cancel()
	found, well = map[string]string{}, true
	var together sync.WaitGroup
	var guard sync.Mutex
	for _, c := range h.checks {
		together.Go(func() {
			says := "ok"
			if err := c.ask(ctx); err != nil {
				says = err.Error()
			}
			guard.Lock()
			defer guard.Unlock()
			found[c.name] = says
			well = well && says == "ok"
		})
	}
	together.Wait()
	if h.well && !well {
		h.log.Warn("not healthy", "checks", found)
	}
	h.asked, h.last, h.well = time.Now(), found, well
	return found, well
}

// serveHTTP serves /healthz (everything answers), /livez (this process does) and /metrics until stop is called.
func serveHTTP(listen string, h *health, m metrics, log *slog.Logger) (at string, stop func(context.Context) error, err error) {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return "", nil, fmt.Errorf("listen for /healthz and /metrics: %w (choose another address in %s)", err, envListen)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", h)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := io.WriteString(w, "ok\n"); err != nil {
			log.Debug("whoever asked for life left", "error", err)
		}
	})
	mux.Handle("GET /metrics", m.handler)
	server := newServer(mux, log)
	go serveOn(server, listener, log)
	return listener.Addr().String(), server.Shutdown, nil
}

// newServer is an HTTP server that no slow caller can tie up.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
	}
}

func serveOn(server *http.Server, listener net.Listener, log *slog.Logger) {
	if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
		log.Error("the HTTP server ended", "address", listener.Addr().String(), "error", err)
	}
}

func healthcheckCommand(s surroundings) *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the worker of this container how it is",
		Long: `Asks /healthz of the worker that listens at TEJUN_LISTEN on this machine, and ends with exit code 0 when it is
well, else 1. For a container's health check, where there is no curl.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			listen, _ := s.env.LookupEnv(envListen)
			return askHealth(cmd.Context(), listen, s.out)
		},
	}
}

func askHealth(ctx context.Context, listen string, out io.Writer) (err error) {
	if listen == "" {
		listen = defaultListen
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("%s %q is no address: write host:port", envListen, listen)
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, healthWithin+time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("the worker does not answer: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err != nil {
		return fmt.Errorf("the worker's answer broke off: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the worker is not well (%s): %s", response.Status, body)
	}
	_, err = out.Write(body)
	return err
}
