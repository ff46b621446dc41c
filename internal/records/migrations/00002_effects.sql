-- +goose Up
-- What an effect outside needs to happen once: intents, saved states, fences, reservations.

-- A row before an effect that its receiver cannot deduplicate. A generation is one decision to have the effect.
CREATE TABLE tejun.intents (
    key         text        NOT NULL CHECK (key <> ''),
    generation  integer     NOT NULL CHECK (generation > 0),
    workflow_id text        NOT NULL,
    detail      text        NOT NULL,
    decision    text        NOT NULL, -- what asked for this generation; '' for the first
    state       text        NOT NULL CHECK (state IN ('pending', 'sent', 'failed')),
    ref         text        NOT NULL DEFAULT '',
    attempts    integer     NOT NULL DEFAULT 1,
    begun_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at    timestamptz,
    PRIMARY KEY (key, generation),
    UNIQUE (key, decision)
);
CREATE INDEX intents_by_workflow ON tejun.intents (workflow_id);

-- Says whether the caller may go ahead. outcome: 'new' (go ahead), 'failed' (refused before, go ahead again),
-- 'pending' (begun before, never finished: unknown), 'sent' (done).
-- +goose StatementBegin
CREATE FUNCTION tejun.begin_intent(in_key text, in_workflow_id text, in_detail text, in_decision text)
RETURNS TABLE (outcome text, intent tejun.intents) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    latest tejun.intents;
    fresh  boolean;
BEGIN
    -- Two attempts at once: the second sees what the first wrote.
    PERFORM pg_advisory_xact_lock(hashtextextended('tejun.intent ' || in_key, 0));

    SELECT * INTO intent FROM tejun.intents i WHERE i.key = in_key AND i.state = 'sent' ORDER BY i.generation DESC LIMIT 1;
    IF FOUND THEN
        outcome := 'sent';
        RETURN NEXT;
        RETURN;
    END IF;

    SELECT * INTO latest FROM tejun.intents i WHERE i.key = in_key ORDER BY i.generation DESC LIMIT 1;
    fresh := NOT FOUND;
    IF NOT fresh AND in_decision <> '' THEN
        fresh := NOT EXISTS (SELECT 1 FROM tejun.intents i WHERE i.key = in_key AND i.decision = in_decision);
    END IF;

    IF fresh THEN
        INSERT INTO tejun.intents AS i (key, generation, workflow_id, detail, decision, state)
            VALUES (in_key, coalesce(latest.generation, 0) + 1, in_workflow_id, in_detail, in_decision, 'pending')
            RETURNING i.* INTO intent;
        outcome := 'new';
    ELSIF latest.state = 'failed' THEN
        UPDATE tejun.intents i SET state = 'pending', attempts = i.attempts + 1, ended_at = NULL
            WHERE i.key = in_key AND i.generation = latest.generation RETURNING i.* INTO intent;
        outcome := 'failed';
    ELSE
        intent := latest;
        outcome := 'pending';
    END IF;
    RETURN NEXT;
END $$;
-- +goose StatementEnd

-- What a resource was before a run changed it. The first write wins: a second attempt would save the changed state.
CREATE TABLE tejun.saved_states (
    operation text        NOT NULL CHECK (operation <> ''),
    resource  text        NOT NULL CHECK (resource <> ''),
    content   bytea       NOT NULL,
    sha256    text        NOT NULL,
    saved_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (operation, resource)
);
CREATE TRIGGER saved_states_first_wins BEFORE UPDATE ON tejun.saved_states
    FOR EACH ROW EXECUTE FUNCTION tejun.refuse_change();

-- The highest attempt seen of an activity.
CREATE TABLE tejun.fences (
    key     text        PRIMARY KEY CHECK (key <> ''),
    attempt integer     NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Who holds which resource from when until when: half-open, [from, until).
CREATE TABLE tejun.reservations (
    resource    text        NOT NULL CHECK (resource <> ''),
    workflow_id text        NOT NULL CHECK (workflow_id <> ''),
    runbook     text        NOT NULL,
    requester   text        NOT NULL,
    from_at     timestamptz NOT NULL,
    until_at    timestamptz NOT NULL,
    PRIMARY KEY (resource, workflow_id),
    CHECK (from_at < until_at)
);
CREATE INDEX reservations_by_workflow ON tejun.reservations (workflow_id);

-- Takes all of the resources for one run, or none: then it returns the earliest reservation that is in the way.
-- An advisory lock per resource instead of an exclusion constraint, which would need the extension btree_gist.
-- +goose StatementBegin
CREATE FUNCTION tejun.reserve(
    in_workflow_id text, in_runbook text, in_requester text, in_resources text[], in_from timestamptz[],
    in_until timestamptz[]
) RETURNS SETOF tejun.reservations LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lock_key bigint;
BEGIN
    -- In the order of the lock keys themselves, so that two runs with the same resources cannot wait for each other.
    FOR lock_key IN SELECT DISTINCT hashtextextended('tejun.reservation ' || r, 0) AS k FROM unnest(in_resources) r ORDER BY k
    LOOP
        PERFORM pg_advisory_xact_lock(lock_key);
    END LOOP;

    RETURN QUERY SELECT held.* FROM tejun.reservations held
        JOIN unnest(in_resources, in_from, in_until) AS want(resource, from_at, until_at) ON want.resource = held.resource
        WHERE held.workflow_id <> in_workflow_id AND held.from_at < want.until_at AND want.from_at < held.until_at
        ORDER BY held.from_at, held.resource, held.workflow_id LIMIT 1;
    IF FOUND THEN
        RETURN;
    END IF;

    INSERT INTO tejun.reservations (resource, workflow_id, runbook, requester, from_at, until_at)
        SELECT want.resource, in_workflow_id, in_runbook, in_requester, want.from_at, want.until_at
        FROM unnest(in_resources, in_from, in_until) AS want(resource, from_at, until_at)
        ON CONFLICT (resource, workflow_id) DO UPDATE SET runbook = excluded.runbook, requester = excluded.requester,
            from_at = excluded.from_at, until_at = excluded.until_at;
END $$;
-- +goose StatementEnd
