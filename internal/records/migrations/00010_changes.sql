-- +goose Up
-- Change records: what is, or was, to be changed, by which run, and who agreed to it. One row per state that a change has been
-- in, each with everything that was known then; the newest is the state of the change. Nothing is updated or deleted.
CREATE TABLE tejun.change_states (
    workflow_id  text        NOT NULL CHECK (workflow_id <> ''),
    seq          integer     NOT NULL CHECK (seq > 0),
    run_id       text        NOT NULL,
    key          text        NOT NULL CHECK (key <> ''), -- telling the same again changes nothing
    at           timestamptz NOT NULL,
    kind         text        NOT NULL CHECK (kind IN ('setting', 'release')),
    class        text        NOT NULL CHECK (class IN ('standard', 'normal', 'emergency')),
    title        text        NOT NULL CHECK (title <> ''),
    targets      text[]      NOT NULL,
    window_from  timestamptz,          -- when the change may be made; NULL for at once
    window_until timestamptz,
    requester    text        NOT NULL, -- person IDs
    operator     text        NOT NULL,
    approvers    text[]      NOT NULL,
    state        text        NOT NULL CHECK (state IN ('planned', 'approved', 'running', 'applied', 'overdue', 'done', 'rejected', 'undone', 'failed')),
    note         text        NOT NULL, -- the state in words
    incident     text        NOT NULL, -- workflow ID of the incident that it mends; '' for none
    review_by    timestamptz,          -- by when an emergency change is to be approved afterwards
    reviewed_at  timestamptz,          -- when somebody decided about it afterwards
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workflow_id, seq),
    UNIQUE (workflow_id, key),
    CHECK ((window_from IS NULL) = (window_until IS NULL) AND window_from < window_until)
);
CREATE INDEX change_states_by_incident ON tejun.change_states (incident) WHERE incident <> '';

CREATE TRIGGER change_states_append_only BEFORE UPDATE OR DELETE ON tejun.change_states
    FOR EACH ROW EXECUTE FUNCTION tejun.refuse_change();
CREATE TRIGGER change_states_no_truncate BEFORE TRUNCATE ON tejun.change_states
    FOR EACH STATEMENT EXECUTE FUNCTION tejun.refuse_change();

-- Each change as it is now.
CREATE VIEW tejun.changes AS
    SELECT DISTINCT ON (workflow_id) * FROM tejun.change_states ORDER BY workflow_id, seq DESC;

-- Adds a state, or returns the row that has its key already. in_state is a row of the table as JSON, without seq.
-- +goose StatementBegin
CREATE FUNCTION tejun.record_change(in_state jsonb) RETURNS SETOF tejun.change_states
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given     tejun.change_states;
    found_row tejun.change_states;
BEGIN
    given := jsonb_populate_record(NULL::tejun.change_states, in_state);
    PERFORM pg_advisory_xact_lock(hashtextextended('tejun.change ' || given.workflow_id, 0));

    SELECT * INTO found_row FROM tejun.change_states c WHERE c.workflow_id = given.workflow_id AND c.key = given.key;
    IF FOUND THEN
        RETURN NEXT found_row;
        RETURN;
    END IF;

    SELECT coalesce(max(c.seq), 0) + 1 INTO given.seq FROM tejun.change_states c WHERE c.workflow_id = given.workflow_id;
    given.recorded_at := clock_timestamp();
    RETURN QUERY INSERT INTO tejun.change_states SELECT given.* RETURNING *;
END $$;
-- +goose StatementEnd

-- From here on a migration that adds tables adds a function grant_worker_…(name) with the rights on them; grant_worker calls
-- them all, so that a database administrator still needs to know one name only.
ALTER FUNCTION tejun.grant_worker(name) RENAME TO grant_worker_base;

-- +goose StatementBegin
CREATE FUNCTION tejun.grant_worker(role_name name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part regproc;
BEGIN
    FOR part IN SELECT p.oid::regproc FROM pg_proc p
        WHERE p.pronamespace = 'tejun'::regnamespace AND p.proname LIKE 'grant\_worker\_%' ORDER BY p.proname
    LOOP
        EXECUTE format('SELECT %s(%L)', part, role_name);
    END LOOP;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION tejun.grant_worker_changes(role_name name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT SELECT ON tejun.change_states, tejun.changes TO %I', role_name);
    EXECUTE format('GRANT EXECUTE ON FUNCTION tejun.record_change(jsonb) TO %I', role_name);
END $$;
-- +goose StatementEnd

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA tejun FROM PUBLIC;

-- +goose StatementBegin
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tejun_worker') THEN
        PERFORM tejun.grant_worker_changes('tejun_worker');
    ELSE
        RAISE NOTICE 'there is no role tejun_worker; create it, then SELECT tejun.grant_worker(''tejun_worker'')';
    END IF;
END $$;
-- +goose StatementEnd
