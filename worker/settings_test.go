package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/system"
)

// environment is a process environment for tests.
type environment map[string]string

func (e environment) Environ() []string {
	var all []string
	for name, value := range e {
		all = append(all, name+"="+value)
	}
	return all
}

func (e environment) LookupEnv(name string) (string, bool) {
	value, ok := e[name]
	return value, ok
}

const exampleSystem = "../examples/system.yaml"

// complete is an environment with which a worker would start.
func complete(t *testing.T) environment {
	t.Helper()
	return environment{
		"TEMPORAL_CONFIG_FILE": filepath.Join(t.TempDir(), "none.toml"), // nobody's own file
		"TEMPORAL_ADDRESS":     "127.0.0.1:7233",
		envSystem:              exampleSystem,
		envDatabase:            "postgres://tejun_app:secret@127.0.0.1:5432/tejun",
		envAWS:                 "sandbox:/var/lib/tejun/sandbox",
	}
}

func TestSettingsNameEverythingThatIsMissingAtOnce(t *testing.T) {
	_, err := readSettings(environment{"TEMPORAL_CONFIG_FILE": filepath.Join(t.TempDir(), "none.toml")})
	require.Error(t, err)
	for _, name := range []string{"4 settings", "TEMPORAL_ADDRESS", envSystem, envDatabase, envAWS, "worker --help"} {
		assert.ErrorContains(t, err, name)
	}
}

func TestSettingsHaveDefaults(t *testing.T) {
	s, err := readSettings(complete(t))
	require.NoError(t, err)
	assert.Equal(t, "tejun", s.TaskQueue)
	assert.Equal(t, ":9464", s.Listen)
	assert.Equal(t, "127.0.0.1:7233", s.Temporal.HostPort)
	assert.Equal(t, awsChoice{sandbox: "/var/lib/tejun/sandbox"}, s.AWS)
}

func TestSettingsRefuseWhatIsWrongAndSayWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		variable, value string
		says            []string
	}{
		"no such description":     {envSystem, "/nowhere/system.yaml", []string{envSystem, "no such file"}},
		"operated database wrong": {envOperated, "postgres://gzs:hunter2@host:port/gzs", []string{envOperated, "write postgres://"}},
		"no database address":     {envDatabase, "postgres://tejun:hunter2@host:port/tejun", []string{envDatabase, "write postgres://"}},
		"an unknown AWS":          {envAWS, "moon", []string{envAWS, `"moon"`, "real", "sandbox:DIR"}},
		"a sandbox without place": {envAWS, "sandbox:", []string{envAWS, "sandbox:DIR"}},
		"no address":              {envListen, "9464", []string{envListen, "host:port"}},
		"no level":                {envLogLevel, "loud", []string{envLogLevel, "warn"}},
		"no site":                 {envSiteURL, "example.jp", []string{envSiteURL, "http://"}},
		"an unknown profile":      {"TEMPORAL_PROFILE", "mars", []string{"Temporal", "mars"}},
	} {
		t.Run(name, func(t *testing.T) {
			env := complete(t)
			env[c.variable] = c.value
			_, err := readSettings(env)
			require.Error(t, err)
			for _, words := range append(c.says, "one setting") {
				assert.ErrorContains(t, err, words)
			}
			assert.NotContains(t, err.Error(), "hunter2", "passwords stay out of messages")
		})
	}
}

func TestSettingsTakeATemporalProfileWithTLSAndAnAPIKey(t *testing.T) {
	env := complete(t)
	delete(env, "TEMPORAL_ADDRESS")
	env["TEMPORAL_PROFILE"] = "cloud"
	require.NoError(t, os.WriteFile(env["TEMPORAL_CONFIG_FILE"], []byte("[profile.cloud]\naddress = \"cloud.example:7233\"\nnamespace = \"operations\"\napi_key = \"k\"\n"), 0o600))
	s, err := readSettings(env)
	require.NoError(t, err)
	assert.Equal(t, "cloud.example:7233", s.Temporal.HostPort)
	assert.Equal(t, "operations", s.Temporal.Namespace)
	assert.NotNil(t, s.Temporal.ConnectionOptions.TLS)
	assert.NotNil(t, s.Temporal.Credentials)
}

func TestSettingsRefuseUnknownKeysInTheProfile(t *testing.T) {
	env := complete(t)
	require.NoError(t, os.WriteFile(env["TEMPORAL_CONFIG_FILE"], []byte("[profile.default]\nhostport = \"cloud.example:7233\"\n"), 0o600))
	_, err := readSettings(env)
	assert.ErrorContains(t, err, "hostport")
}

func TestSettingsRefuseASimulationInProduction(t *testing.T) {
	env := complete(t)
	env[envSystem] = productionSystem(t)
	env[envSiteURL] = "http://127.0.0.1:7280/"
	_, err := readSettings(env)
	assert.ErrorContains(t, err, "2 settings")
	assert.ErrorContains(t, err, "the sandbox is not")
	assert.ErrorContains(t, err, envSiteURL)
}

// productionSystem is the example, said to be production.
func productionSystem(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(exampleSystem)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "system.yaml")
	require.NoError(t, os.WriteFile(path, replaceOnce(t, content, "environment: development", "environment: production"), 0o600))
	_, err = system.Load(path)
	require.NoError(t, err)
	return path
}
