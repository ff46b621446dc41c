package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheWorkerRefusesCredentialsOfAnotherAccount(t *testing.T) {
	described, err := newDescription(exampleSystem).Load()
	require.NoError(t, err)
	cfg, closeAWS, err := awsChoice{sandbox: t.TempDir()}.open(t.Context(), described)
	require.NoError(t, err)
	defer func() { assert.NoError(t, closeAWS()) }()

	assert.NoError(t, checkAccount(t.Context(), cfg, described.AWS.Account))
	err = checkAccount(t.Context(), cfg, "999999999999")
	assert.ErrorContains(t, err, "account "+described.AWS.Account)
	assert.ErrorContains(t, err, "999999999999")
}
