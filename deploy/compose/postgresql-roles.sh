#!/usr/bin/env bash
# Runs once, on PostgreSQL's first start: the databases, their owners, and the login with which the worker works.
#   tejun_owner   owns the database; `worker migrate` uses it
#   tejun_app     the worker's login; it gets the rights of tejun_worker, which cannot change or delete evidence
set -euo pipefail
for name in TEMPORAL_DB_PASSWORD TEJUN_OWNER_PASSWORD TEJUN_WORKER_PASSWORD; do
  [ -n "${!name:-}" ] || { echo "$name is empty: set it in deploy/compose/postgresql.env" >&2; exit 1; }
done
psql --no-psqlrc --set ON_ERROR_STOP=1 --username postgres --dbname postgres \
  --set temporal="$TEMPORAL_DB_PASSWORD" --set owner="$TEJUN_OWNER_PASSWORD" --set app="$TEJUN_WORKER_PASSWORD" <<'SQL'
CREATE ROLE temporal LOGIN PASSWORD :'temporal';
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
CREATE ROLE tejun_owner LOGIN PASSWORD :'owner';
CREATE ROLE tejun_worker NOLOGIN;
CREATE ROLE tejun_app LOGIN PASSWORD :'app' IN ROLE tejun_worker;
CREATE DATABASE tejun OWNER tejun_owner;
SQL
