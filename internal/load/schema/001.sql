CREATE SCHEMA IF NOT EXISTS tejun_load;

-- One row for each import, written in the import's own transaction.
CREATE TABLE IF NOT EXISTS tejun_load.ledger (
    operation   text PRIMARY KEY,
    attempt     bigint NOT NULL,
    dataset     text NOT NULL,
    declaration text NOT NULL, -- SHA-256 of the dataset's declaration
    target      text NOT NULL, -- schema.table
    mode        text NOT NULL,
    method      text NOT NULL, -- "swap" or "in place"
    sha256      text NOT NULL, -- of the file
    source      text NOT NULL,
    bytes       bigint NOT NULL,
    counts      jsonb NOT NULL,
    checksum    numeric NOT NULL, -- of the table after the import
    rows        bigint NOT NULL,  -- of the table after the import
    loaded_at   timestamptz NOT NULL DEFAULT now(),
    number      bigint GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX IF NOT EXISTS ledger_target ON tejun_load.ledger (target, number DESC);
CREATE INDEX IF NOT EXISTS ledger_file ON tejun_load.ledger (dataset, sha256);

-- What is staged at the moment. A row is written when a staging is complete.
CREATE TABLE IF NOT EXISTS tejun_load.stage (
    operation  text PRIMARY KEY,
    attempt    bigint NOT NULL,
    target     text NOT NULL,
    staged     jsonb NOT NULL,
    difference jsonb, -- to the target, once it has been made
    staged_at  timestamptz NOT NULL DEFAULT now()
);

-- The latest attempt of each operation that has begun.
CREATE TABLE IF NOT EXISTS tejun_load.fence (
    operation text PRIMARY KEY,
    attempt   bigint NOT NULL,
    begun_at  timestamptz NOT NULL DEFAULT now()
);
