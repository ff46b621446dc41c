-- +goose Up
-- Incident and problem records. One row per state that a record has been in, each with everything that was known then; the newest
-- is the record as it is. Nothing is updated or deleted.
CREATE TABLE tejun.incident_states (
    incident        text        NOT NULL CHECK (incident <> ''), -- number, such as INC-20270118-0a1b2c3d4e5f
    seq             integer     NOT NULL CHECK (seq > 0),
    key             text        NOT NULL CHECK (key <> ''),      -- telling the same again changes nothing
    workflow_id     text        NOT NULL CHECK (workflow_id <> ''),
    run_id          text        NOT NULL,
    at              timestamptz NOT NULL,
    event           text        NOT NULL CHECK (event <> ''),    -- what made this state, such as opened or acknowledged
    fingerprint     text        NOT NULL CHECK (fingerprint <> ''),
    title           text        NOT NULL CHECK (title <> ''),
    severity        text        NOT NULL,
    state           text        NOT NULL CHECK (state IN ('open', 'working', 'watching', 'recovered', 'closed', 'withdrawn')),
    opened_at       timestamptz NOT NULL,
    acknowledged_at timestamptz,
    recovered_at    timestamptz,
    closed_at       timestamptz,
    body            jsonb       NOT NULL,                        -- all of it
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (incident, seq),
    UNIQUE (incident, key)
);
CREATE INDEX incident_states_by_workflow ON tejun.incident_states (workflow_id);

CREATE TABLE tejun.problem_states (
    problem     text        NOT NULL CHECK (problem <> ''),  -- number, such as PRB-20270118-0a1b2c3d4e5f
    seq         integer     NOT NULL CHECK (seq > 0),
    key         text        NOT NULL CHECK (key <> ''),
    incident    text        NOT NULL CHECK (incident <> ''), -- number of the incident that it comes from
    workflow_id text        NOT NULL CHECK (workflow_id <> ''),
    run_id      text        NOT NULL,
    at          timestamptz NOT NULL,
    title       text        NOT NULL CHECK (title <> ''),
    state       text        NOT NULL CHECK (state IN ('known-error', 'closed')), -- closed: no action is left to do
    body        jsonb       NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (problem, seq),
    UNIQUE (problem, key)
);
CREATE INDEX problem_states_by_incident ON tejun.problem_states (incident);

CREATE TRIGGER incident_states_append_only BEFORE UPDATE OR DELETE ON tejun.incident_states
    FOR EACH ROW EXECUTE FUNCTION tejun.refuse_change();
CREATE TRIGGER incident_states_no_truncate BEFORE TRUNCATE ON tejun.incident_states
    FOR EACH STATEMENT EXECUTE FUNCTION tejun.refuse_change();
CREATE TRIGGER problem_states_append_only BEFORE UPDATE OR DELETE ON tejun.problem_states
    FOR EACH ROW EXECUTE FUNCTION tejun.refuse_change();
CREATE TRIGGER problem_states_no_truncate BEFORE TRUNCATE ON tejun.problem_states
    FOR EACH STATEMENT EXECUTE FUNCTION tejun.refuse_change();

CREATE VIEW tejun.incidents AS
    SELECT DISTINCT ON (incident) * FROM tejun.incident_states ORDER BY incident, seq DESC;
CREATE VIEW tejun.problems AS
    SELECT DISTINCT ON (problem) * FROM tejun.problem_states ORDER BY problem, seq DESC;

-- What an incident looks like: the pairs of neighbouring characters of its words, made by the program. An array under an index of
-- PostgreSQL's own, as nothing ready-made works everywhere: pg_trgm takes no Japanese letters at all where the database's
-- character type is C, and the full-text search takes a whole Japanese sentence for one word.
CREATE TABLE tejun.incident_looks (
    incident text   PRIMARY KEY CHECK (incident <> ''),
    pairs    text[] NOT NULL
);
CREATE INDEX incident_looks_by_pair ON tejun.incident_looks USING gin (pairs);

-- Adds a state, or returns the row that has its key already. in_state is a row of the table as JSON, without seq.
-- +goose StatementBegin
CREATE FUNCTION tejun.record_incident(in_state jsonb, in_pairs text[]) RETURNS SETOF tejun.incident_states
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given     tejun.incident_states;
    found_row tejun.incident_states;
BEGIN
    given := jsonb_populate_record(NULL::tejun.incident_states, in_state);
    PERFORM pg_advisory_xact_lock(hashtextextended('tejun.incident ' || given.incident, 0));

    SELECT * INTO found_row FROM tejun.incident_states i WHERE i.incident = given.incident ORDER BY i.seq DESC LIMIT 1;
    IF FOUND AND found_row.workflow_id <> given.workflow_id THEN
        RAISE EXCEPTION 'incident % belongs to the run %, not to %', given.incident, found_row.workflow_id, given.workflow_id
            USING ERRCODE = 'unique_violation';
    END IF;
    given.seq := coalesce(found_row.seq, 0) + 1;
    SELECT * INTO found_row FROM tejun.incident_states i WHERE i.incident = given.incident AND i.key = given.key;
    IF FOUND THEN
        RETURN NEXT found_row;
        RETURN;
    END IF;

    given.recorded_at := clock_timestamp();
    INSERT INTO tejun.incident_looks VALUES (given.incident, in_pairs)
        ON CONFLICT (incident) DO UPDATE SET pairs = excluded.pairs;
    RETURN QUERY INSERT INTO tejun.incident_states SELECT given.* RETURNING *;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION tejun.record_problem(in_state jsonb) RETURNS SETOF tejun.problem_states
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given     tejun.problem_states;
    found_row tejun.problem_states;
BEGIN
    given := jsonb_populate_record(NULL::tejun.problem_states, in_state);
    PERFORM pg_advisory_xact_lock(hashtextextended('tejun.problem ' || given.problem, 0));

    SELECT * INTO found_row FROM tejun.problem_states p WHERE p.problem = given.problem AND p.key = given.key;
    IF FOUND THEN
        RETURN NEXT found_row;
        RETURN;
    END IF;

    SELECT coalesce(max(p.seq), 0) + 1 INTO given.seq FROM tejun.problem_states p WHERE p.problem = given.problem;
    given.recorded_at := clock_timestamp();
    RETURN QUERY INSERT INTO tejun.problem_states SELECT given.* RETURNING *;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION tejun.grant_worker_incidents(role_name name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT SELECT ON tejun.incident_states, tejun.incidents, tejun.incident_looks, tejun.problem_states, tejun.problems TO %I', role_name);
    EXECUTE format('GRANT EXECUTE ON FUNCTION tejun.record_incident(jsonb, text[]), tejun.record_problem(jsonb) TO %I', role_name);
END $$;
-- +goose StatementEnd

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA tejun FROM PUBLIC;

-- +goose StatementBegin
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tejun_worker') THEN
        PERFORM tejun.grant_worker_incidents('tejun_worker');
    ELSE
        RAISE NOTICE 'there is no role tejun_worker; create it, then SELECT tejun.grant_worker(''tejun_worker'')';
    END IF;
END $$;
-- +goose StatementEnd
