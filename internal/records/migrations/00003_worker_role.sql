-- +goose Up
-- The least that a worker needs, given to a role of any name. A database administrator who makes the role by hand
-- calls: SELECT tejun.grant_worker('tejun_worker'); then GRANT tejun_worker TO the login that the worker uses.
-- +goose StatementBegin
CREATE FUNCTION tejun.grant_worker(role_name name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY[
        'GRANT USAGE ON SCHEMA tejun TO %I',
        'GRANT SELECT ON tejun.evidence, tejun.evidence_heads TO %I',
        'GRANT EXECUTE ON FUNCTION tejun.append_evidence(text, text, text, text, text, timestamptz, text) TO %I',
        'GRANT SELECT, INSERT ON tejun.saved_states TO %I',
        'GRANT SELECT, INSERT, UPDATE ON tejun.intents, tejun.fences TO %I',
        'GRANT SELECT, INSERT, UPDATE, DELETE ON tejun.reservations TO %I',
        'GRANT EXECUTE ON FUNCTION tejun.begin_intent(text, text, text, text) TO %I',
        'GRANT EXECUTE ON FUNCTION tejun.reserve(text, text, text, text[], timestamptz[], timestamptz[]) TO %I',
        'GRANT SELECT ON public.tejun_migrations TO %I'
    ] LOOP
        EXECUTE format(statement, role_name);
    END LOOP;
END $$;
-- +goose StatementEnd

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA tejun FROM PUBLIC;

-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tejun_worker') THEN
        BEGIN
            CREATE ROLE tejun_worker NOLOGIN;
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'no right to create the role tejun_worker; create it, then SELECT tejun.grant_worker(''tejun_worker'')';
                RETURN;
            WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database of the same cluster is being migrated at this moment
        END;
    END IF;
    PERFORM tejun.grant_worker('tejun_worker');
END $$;
-- +goose StatementEnd
