-- +goose Up
-- Who may do what. Whoever migrates owns the schema. The worker needs far less: it adds evidence only through
-- tejun.append_evidence, which runs with the owner's rights, so a stolen worker password can neither change nor
-- invent a row of the chain. See 00003_worker_role.sql.
CREATE SCHEMA IF NOT EXISTS tejun;

-- One row per fact. Every column but "appended_at" goes into the hash (tejun.evidence_hash).
CREATE TABLE tejun.evidence (
    workflow_id text        NOT NULL,
    seq         bigint      NOT NULL CHECK (seq > 0),
    run_id      text        NOT NULL,
    key         text        NOT NULL CHECK (key <> ''),
    kind        text        NOT NULL CHECK (kind <> ''),
    step        text        NOT NULL,
    at          timestamptz NOT NULL,
    body        text        NOT NULL, -- canonical JSON; text, not jsonb, as jsonb does not keep bytes
    prev_hash   text        NOT NULL, -- '' in the first row
    hash        text        NOT NULL,
    appended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workflow_id, seq),
    UNIQUE (workflow_id, key)
);

-- How many rows a chain has and the hash of the last one: without it a cut tail would not show. Its row is also the
-- lock that puts concurrent appends to one chain in order.
CREATE TABLE tejun.evidence_heads (
    workflow_id text   PRIMARY KEY CHECK (workflow_id <> ''),
    count       bigint NOT NULL,
    hash        text   NOT NULL
);

-- +goose StatementBegin
CREATE FUNCTION tejun.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only: % is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Write a new row that corrects the old one.';
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION tejun.refuse_other_heads() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.workflow_id <> OLD.workflow_id OR NEW.count <> OLD.count + 1 THEN
        RAISE EXCEPTION 'an evidence head moves one row at a time, not from % to %', OLD.count, NEW.count
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

CREATE TRIGGER evidence_append_only BEFORE UPDATE OR DELETE ON tejun.evidence
    FOR EACH ROW EXECUTE FUNCTION tejun.refuse_change();
CREATE TRIGGER evidence_no_truncate BEFORE TRUNCATE ON tejun.evidence
    FOR EACH STATEMENT EXECUTE FUNCTION tejun.refuse_change();
CREATE TRIGGER evidence_heads_forward BEFORE UPDATE ON tejun.evidence_heads
    FOR EACH ROW EXECUTE FUNCTION tejun.refuse_other_heads();
CREATE TRIGGER evidence_heads_no_delete BEFORE DELETE ON tejun.evidence_heads
    FOR EACH ROW EXECUTE FUNCTION tejun.refuse_change();
CREATE TRIGGER evidence_heads_no_truncate BEFORE TRUNCATE ON tejun.evidence_heads
    FOR EACH STATEMENT EXECUTE FUNCTION tejun.refuse_change();

-- The same bytes as rowHash in chain.go: every field as UTF-8 behind its length in 8 bytes, big-endian, so that no two
-- different rows give the same bytes.
-- +goose StatementBegin
CREATE FUNCTION tejun.evidence_hash(
    prev_hash text, workflow_id text, seq bigint, run_id text, key text, kind text, step text, at timestamptz, body text
) RETURNS text LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
    field text;
    bytes bytea := ''::bytea;
BEGIN
    FOREACH field IN ARRAY ARRAY[
        'tejun-evidence-1', prev_hash, workflow_id, seq::text, run_id, key, kind, step,
        (extract(epoch FROM at) * 1000000)::bigint::text, body
    ] LOOP
        bytes := bytes || int8send(octet_length(convert_to(field, 'UTF8'))::bigint) || convert_to(field, 'UTF8');
    END LOOP;
    RETURN encode(sha256(bytes), 'hex');
END $$;
-- +goose StatementEnd

-- Adds a row to a workflow's chain, or returns the row that has this key already. One call is one round trip.
-- +goose StatementBegin
CREATE FUNCTION tejun.append_evidence(
    in_workflow_id text, in_run_id text, in_key text, in_kind text, in_step text, in_at timestamptz, in_body text
) RETURNS SETOF tejun.evidence LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head tejun.evidence_heads;
    found_row tejun.evidence;
    next_hash text;
BEGIN
    SELECT * INTO head FROM tejun.evidence_heads h WHERE h.workflow_id = in_workflow_id FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO tejun.evidence_heads VALUES (in_workflow_id, 0, '') ON CONFLICT DO NOTHING;
        SELECT * INTO STRICT head FROM tejun.evidence_heads h WHERE h.workflow_id = in_workflow_id FOR UPDATE;
    END IF;

    SELECT * INTO found_row FROM tejun.evidence e WHERE e.workflow_id = in_workflow_id AND e.key = in_key;
    IF FOUND THEN
        RETURN NEXT found_row;
        RETURN;
    END IF;

    next_hash := tejun.evidence_hash(head.hash, in_workflow_id, head.count + 1, in_run_id, in_key, in_kind, in_step,
        in_at, in_body);
    RETURN QUERY INSERT INTO tejun.evidence (workflow_id, seq, run_id, key, kind, step, at, body, prev_hash, hash)
        VALUES (in_workflow_id, head.count + 1, in_run_id, in_key, in_kind, in_step, in_at, in_body, head.hash, next_hash)
        RETURNING *;
    UPDATE tejun.evidence_heads h SET count = head.count + 1, hash = next_hash WHERE h.workflow_id = in_workflow_id;
END $$;
-- +goose StatementEnd
