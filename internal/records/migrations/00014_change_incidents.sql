-- +goose Up
-- The number of the incident that a change mends. The ID of the incident's run does not name it alone: it comes from what the incident
-- is about, and a later incident of the same thing has it again. NULL in rows of earlier editions, which are never rewritten.
ALTER TABLE tejun.change_states ADD COLUMN incident_number text;
CREATE INDEX change_states_by_incident_number ON tejun.change_states (incident_number) WHERE incident_number <> '';

CREATE OR REPLACE VIEW tejun.changes AS
    SELECT DISTINCT ON (workflow_id) * FROM tejun.change_states ORDER BY workflow_id, seq DESC;
