package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"

	"tejun/internal/system"
	"tejun/workflows"
)

// The environment variables of the worker. docs/production.md has them as a table.
const (
	envSystem    = "TEJUN_SYSTEM"
	envDatabase  = "TEJUN_DATABASE_URL"
	envAWS       = "TEJUN_AWS"
	envTaskQueue = "TEJUN_TASK_QUEUE"
	envUI        = "TEJUN_UI_URL"
	envListen    = "TEJUN_LISTEN"
	envLogLevel  = "TEJUN_LOG_LEVEL"
	envSiteURL   = "TEJUN_SITE_URL"
)

const defaultListen = ":9464"

//nolint:gosec // the password in it is a placeholder
const settingsHelp = `  TEJUN_SYSTEM         path of system.yaml, the description of the operated system (required)
  TEJUN_DATABASE_URL   PostgreSQL of the records: postgres://user:password@host:5432/tejun?sslmode=verify-full (required)
  TEJUN_AWS            "real": the account of the AWS SDK's usual settings, AWS_ENDPOINT_URL included;
                       "sandbox:DIR": the embedded sandbox with its state in DIR (required)
  TEJUN_TASK_QUEUE     Temporal task queue (default tejun)
  TEJUN_UI_URL         address of the Temporal UI, for the links in mail to operators and officers (default: no links)
  TEJUN_LISTEN         address of /healthz, /livez and /metrics (default :9464)
  TEJUN_LOG_LEVEL      debug, info, warn or error (default info)
  TEJUN_SITE_URL       looks at the site under this address instead of system.yaml's; not in the environment "production"
`

// settings are the production worker's.
type settings struct {
	Temporal  client.Options
	System    *description
	Database  string
	AWS       awsChoice
	TaskQueue string
	UI        string
	Listen    string
	LogLevel  slog.Level
}

// complaints collects everything that is wrong with the settings, so that nobody has to find it out one by one.
type complaints struct{ lines []string }

func (c *complaints) add(name, format string, args ...any) {
	c.lines = append(c.lines, fmt.Sprintf("  %s: %s", name, strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\n    ")))
}

func (c *complaints) err() error {
	switch len(c.lines) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("one setting is missing or wrong:\n%s\n`worker --help` lists the settings; `worker dev` needs none", c.lines[0])
	}
	return fmt.Errorf("%d settings are missing or wrong:\n%s\n`worker --help` lists the settings; `worker dev` needs none",
		len(c.lines), strings.Join(c.lines, "\n"))
}

// readSettings reads and checks all settings. It connects to nothing.
func readSettings(env envconfig.EnvLookup) (settings, error) {
	var wrong complaints
	get := func(name string) string {
		v, _ := env.LookupEnv(name)
		return strings.TrimSpace(v)
	}
	s := settings{TaskQueue: get(envTaskQueue), UI: get(envUI), Listen: get(envListen), Database: get(envDatabase)}
	if s.TaskQueue == "" {
		s.TaskQueue = workflows.TaskQueue
	}
	s.readTemporal(env, &wrong)
	described := s.readSystem(get(envSystem), get(envSiteURL), &wrong)
	s.readDatabase(&wrong)
	s.readAWS(get(envAWS), described, &wrong)
	if u, err := url.Parse(s.UI); s.UI != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		wrong.add(envUI, "%q is no address of a web page: write it like https://temporal.example.jp", s.UI)
	}
	if s.Listen == "" {
		s.Listen = defaultListen
	}
	if _, _, err := net.SplitHostPort(s.Listen); err != nil {
		wrong.add(envListen, "%q is no address: write host:port, or :9464 for every interface", s.Listen)
	}
	if level := get(envLogLevel); level != "" {
		if err := s.LogLevel.UnmarshalText([]byte(level)); err != nil {
			wrong.add(envLogLevel, "%q is no level: write debug, info, warn or error", level)
		}
	}
	return s, wrong.err()
}

func (s *settings) readTemporal(env envconfig.EnvLookup, wrong *complaints) {
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{EnvLookup: env, ConfigFileStrict: true})
	if err != nil {
		wrong.add("Temporal", "%v (TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE and the TEMPORAL_… variables say how to connect)", err)
		return
	}
	if options.HostPort == "" {
		wrong.add("TEMPORAL_ADDRESS", "missing: set it to Temporal's host:port, or name a profile with an address in TEMPORAL_PROFILE")
	}
	s.Temporal = options
}

func (s *settings) readSystem(path, siteURL string, wrong *complaints) *system.System {
	if path == "" {
		wrong.add(envSystem, "missing: set it to the path of system.yaml; examples/system.yaml shows one")
		return nil
	}
	s.System = newDescription(path)
	described, err := s.System.Load()
	if err != nil {
		wrong.add(envSystem, "%v", err)
		return nil
	}
	if siteURL == "" {
		return described
	}
	at, err := url.Parse(siteURL)
	switch {
	case err != nil || at.Host == "" || (at.Scheme != "http" && at.Scheme != "https"):
		wrong.add(envSiteURL, "%q is no address: write http://host:port/ or https://host/", siteURL)
	case described.Environment == productionEnvironment:
		wrong.add(envSiteURL, "system.yaml says environment %q, where the site is what site.url says: unset it", described.Environment)
	default:
		s.System.siteURL = siteURL
	}
	return described
}

func (s *settings) readDatabase(wrong *complaints) {
	if s.Database == "" {
		wrong.add(envDatabase, "missing: set it to postgres://user:password@host:5432/tejun?sslmode=verify-full")
		return
	}
	if _, err := pgxpool.ParseConfig(s.Database); err != nil { // pgx leaves the password out of its errors
		wrong.add(envDatabase, "%v: write postgres://user:password@host:5432/tejun?sslmode=verify-full", err)
	}
}

func (s *settings) readAWS(value string, described *system.System, wrong *complaints) {
	choice, err := parseAWS(value)
	if err != nil {
		wrong.add(envAWS, "%v", err)
		return
	}
	if choice.sandbox != "" && described != nil && described.Environment == productionEnvironment {
		wrong.add(envAWS, "system.yaml says environment %q, which the sandbox is not: set it to real, or take another system.yaml", described.Environment)
	}
	s.AWS = choice
}
