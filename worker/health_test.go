package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHealthSaysWhatDoesNotAnswer(t *testing.T) {
	var fails atomic.Bool
	var asked atomic.Int32
	h := &health{log: slog.New(slog.DiscardHandler), checks: []check{
		{"temporal", func(context.Context) error { asked.Add(1); return nil }},
		{"postgres", func(context.Context) error {
			if fails.Load() {
				return errors.New("connection refused")
			}
			return nil
		}},
	}}
	server := httptest.NewServer(h)
	defer server.Close()
	get := func() (int, string) {
		response, err := http.Get(server.URL)
		require.NoError(t, err)
		defer func() { assert.NoError(t, response.Body.Close()) }()
		var body bytes.Buffer
		_, err = body.ReadFrom(response.Body)
		require.NoError(t, err)
		return response.StatusCode, body.String()
	}

	status, body := get()
	assert.Equal(t, http.StatusOK, status)
	assert.JSONEq(t, `{"temporal":"ok","postgres":"ok"}`, body)

	fails.Store(true)
	status, _ = get()
	assert.Equal(t, http.StatusOK, status, "an answer is good for a moment")
	assert.EqualValues(t, 1, asked.Load(), "asking often costs nothing")

	h.asked = time.Time{}
	status, body = get()
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.JSONEq(t, `{"temporal":"ok","postgres":"connection refused"}`, body)
}

func TestHealthcheckEndsWithAnErrorUnlessTheWorkerIsWell(t *testing.T) {
	well := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/healthz", r.URL.Path)
		if !well {
			http.Error(w, `{"postgres":"gone"}`, http.StatusServiceUnavailable)
		}
	}))
	listen := strings.Replace(strings.TrimPrefix(server.URL, "http://"), "127.0.0.1", "0.0.0.0", 1)
	var out bytes.Buffer
	assert.NoError(t, askHealth(t.Context(), listen, &out), "every interface means this machine")
	well = false
	assert.ErrorContains(t, askHealth(t.Context(), listen, &out), "gone")
	server.Close()
	assert.ErrorContains(t, askHealth(t.Context(), listen, &out), "does not answer")
	assert.ErrorContains(t, askHealth(t.Context(), "9464", &out), envListen)
}
