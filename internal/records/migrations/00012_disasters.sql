-- +goose Up
-- The registry of disaster drills and real disasters. The guard of a drill believes the mode that stands here, so what a run is
-- never changes once it is written. What was measured is written at its end; the evidence chain is its proof.
CREATE TABLE tejun.disasters (
    operation    text        PRIMARY KEY CHECK (operation <> ''), -- stable key of the run's effects
    workflow_id  text        NOT NULL CHECK (workflow_id <> ''),
    run_id       text        NOT NULL,
    system       text        NOT NULL CHECK (system <> ''),
    mode         text        NOT NULL CHECK (mode IN ('drill', 'real')),
    manner       text        NOT NULL CHECK (manner IN ('graceful', 'ungraceful')),
    title        text        NOT NULL CHECK (title <> ''),
    started_at   timestamptz NOT NULL,
    declared_at  timestamptz,
    restored_at  timestamptz,
    data_at      timestamptz,
    rto_target_s integer     NOT NULL DEFAULT 0 CHECK (rto_target_s >= 0),
    rpo_target_s integer     NOT NULL DEFAULT 0 CHECK (rpo_target_s >= 0),
    rto_s        integer     CHECK (rto_s >= 0),
    rto_human_s  integer     CHECK (rto_human_s BETWEEN 0 AND rto_s), -- of rto_s: waited for people
    rpo_s        integer     CHECK (rpo_s >= 0),
    steps        jsonb       NOT NULL DEFAULT '[]',
    outcome      text        NOT NULL DEFAULT '',
    report_key   text        NOT NULL DEFAULT '',
    report_hash  text        NOT NULL DEFAULT '',
    ended_at     timestamptz,
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((outcome = '') = (ended_at IS NULL))
);
CREATE INDEX disasters_by_system ON tejun.disasters (system, started_at DESC);
CREATE INDEX disasters_by_workflow ON tejun.disasters (workflow_id, started_at DESC);

-- +goose StatementBegin
CREATE FUNCTION tejun.refuse_other_disaster() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.operation, OLD.workflow_id, OLD.system, OLD.mode, OLD.manner, OLD.title, OLD.started_at)
        IS DISTINCT FROM (NEW.operation, NEW.workflow_id, NEW.system, NEW.mode, NEW.manner, NEW.title, NEW.started_at) THEN
        RAISE EXCEPTION 'the operation % is a % of %: what it is never changes', OLD.operation, OLD.mode, OLD.workflow_id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

CREATE TRIGGER disasters_stay_what_they_are BEFORE UPDATE ON tejun.disasters
    FOR EACH ROW EXECUTE FUNCTION tejun.refuse_other_disaster();
CREATE TRIGGER disasters_no_delete BEFORE DELETE ON tejun.disasters
    FOR EACH ROW EXECUTE FUNCTION tejun.refuse_change();
CREATE TRIGGER disasters_no_truncate BEFORE TRUNCATE ON tejun.disasters
    FOR EACH STATEMENT EXECUTE FUNCTION tejun.refuse_change();

-- Opens a row, or returns the one that is there; in_row is a row of the table as JSON.
-- +goose StatementBegin
CREATE FUNCTION tejun.open_disaster(in_row jsonb) RETURNS SETOF tejun.disasters
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given tejun.disasters;
BEGIN
    given := jsonb_populate_record(NULL::tejun.disasters, in_row);
    RETURN QUERY INSERT INTO tejun.disasters AS d (operation, workflow_id, run_id, system, mode, manner, title, started_at)
        VALUES (given.operation, given.workflow_id, given.run_id, given.system, given.mode, given.manner, given.title, given.started_at)
        ON CONFLICT (operation) DO UPDATE SET run_id = excluded.run_id
            WHERE (d.workflow_id, d.system, d.mode, d.manner) = (excluded.workflow_id, excluded.system, excluded.mode, excluded.manner)
        RETURNING *;
    IF NOT FOUND THEN
        RETURN QUERY SELECT * FROM tejun.disasters d WHERE d.operation = given.operation;
    END IF;
END $$;
-- +goose StatementEnd

-- Writes what was measured; a run that ends once more, as after a Reset, ends as it says last.
-- +goose StatementBegin
CREATE FUNCTION tejun.finish_disaster(in_row jsonb) RETURNS SETOF tejun.disasters
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given tejun.disasters;
BEGIN
    given := jsonb_populate_record(NULL::tejun.disasters, in_row);
    RETURN QUERY UPDATE tejun.disasters d SET run_id = given.run_id, declared_at = given.declared_at, restored_at = given.restored_at,
            data_at = given.data_at, rto_target_s = given.rto_target_s, rpo_target_s = given.rpo_target_s, rto_s = given.rto_s,
            rto_human_s = given.rto_human_s, rpo_s = given.rpo_s, steps = given.steps, outcome = given.outcome,
            report_key = given.report_key, report_hash = given.report_hash, ended_at = given.ended_at
        WHERE d.operation = given.operation RETURNING d.*;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION tejun.grant_worker_disasters(role_name name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT SELECT ON tejun.disasters TO %I', role_name);
    EXECUTE format('GRANT EXECUTE ON FUNCTION tejun.open_disaster(jsonb), tejun.finish_disaster(jsonb) TO %I', role_name);
END $$;
-- +goose StatementEnd

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA tejun FROM PUBLIC;

-- +goose StatementBegin
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tejun_worker') THEN
        PERFORM tejun.grant_worker_disasters('tejun_worker');
    ELSE
        RAISE NOTICE 'there is no role tejun_worker; create it, then SELECT tejun.grant_worker_disasters(''tejun_worker'')';
    END IF;
END $$;
-- +goose StatementEnd
