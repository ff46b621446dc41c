-- +goose Up
-- What people were told of the readiness for a disaster: one row each time they were, with everything that stood in the way then. The
-- newest is what they know. Nothing is updated or deleted.
CREATE TABLE tejun.readiness_told (
    system      text        NOT NULL CHECK (system <> ''),
    seq         integer     NOT NULL CHECK (seq > 0),
    workflow_id text        NOT NULL CHECK (workflow_id <> ''),
    run_id      text        NOT NULL CHECK (run_id <> ''), -- a run tells once; telling the same again changes nothing
    told_at     timestamptz NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('changed', 'repeated', 'well')),
    findings    jsonb       NOT NULL CHECK ((kind = 'well') = (findings = '[]')),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (system, seq),
    UNIQUE (system, run_id)
);

CREATE TRIGGER readiness_told_append_only BEFORE UPDATE OR DELETE ON tejun.readiness_told
    FOR EACH ROW EXECUTE FUNCTION tejun.refuse_change();
CREATE TRIGGER readiness_told_no_truncate BEFORE TRUNCATE ON tejun.readiness_told
    FOR EACH STATEMENT EXECUTE FUNCTION tejun.refuse_change();

-- Adds a row, or returns the one that the run has added already. in_row is a row of the table as JSON, without seq.
-- +goose StatementBegin
CREATE FUNCTION tejun.record_readiness(in_row jsonb) RETURNS SETOF tejun.readiness_told
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given     tejun.readiness_told;
    found_row tejun.readiness_told;
BEGIN
    given := jsonb_populate_record(NULL::tejun.readiness_told, in_row);
    PERFORM pg_advisory_xact_lock(hashtextextended('tejun.readiness ' || given.system, 0));

    SELECT * INTO found_row FROM tejun.readiness_told t WHERE t.system = given.system AND t.run_id = given.run_id;
    IF FOUND THEN
        RETURN NEXT found_row;
        RETURN;
    END IF;

    SELECT coalesce(max(t.seq), 0) + 1 INTO given.seq FROM tejun.readiness_told t WHERE t.system = given.system;
    given.recorded_at := clock_timestamp();
    RETURN QUERY INSERT INTO tejun.readiness_told SELECT given.* RETURNING *;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION tejun.grant_worker_readiness(role_name name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT SELECT ON tejun.readiness_told TO %I', role_name);
    EXECUTE format('GRANT EXECUTE ON FUNCTION tejun.record_readiness(jsonb) TO %I', role_name);
END $$;
-- +goose StatementEnd

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA tejun FROM PUBLIC;

-- +goose StatementBegin
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tejun_worker') THEN
        PERFORM tejun.grant_worker_readiness('tejun_worker');
    ELSE
        RAISE NOTICE 'there is no role tejun_worker; create it, then SELECT tejun.grant_worker(''tejun_worker'')';
    END IF;
END $$;
-- +goose StatementEnd
