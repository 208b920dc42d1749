-- The same rows as in SQLite, and what several replicas need. GitHub's names ignore case: `key` is the name in lower
-- case, `repository` as it was written first.

CREATE TABLE plan (
    key TEXT NOT NULL PRIMARY KEY,
    repository TEXT NOT NULL,
    -- Counts saves, from 1.
    version BIGINT NOT NULL,
    -- The form of the rows' bodies.
    schema BIGINT NOT NULL
);

CREATE TABLE plan_row (
    key TEXT NOT NULL,
    -- header, layout, numbers, task, entry
    kind TEXT NOT NULL,
    -- The task's id or the entry's key; empty for the others, of which there is one.
    id TEXT NOT NULL,
    -- JSON
    body TEXT NOT NULL,
    PRIMARY KEY (key, kind, id)
);

CREATE TABLE delivery (
    guid TEXT NOT NULL PRIMARY KEY,
    -- The order in which they came.
    sequence BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
    -- Where it names a repository.
    key TEXT,
    repository TEXT,
    -- JSON
    body TEXT NOT NULL,
    -- Milliseconds since 1970.
    received_at BIGINT NOT NULL,
    -- Under which lease it was claimed last; 0: under none.
    epoch BIGINT NOT NULL DEFAULT 0,
    worked BOOLEAN NOT NULL DEFAULT FALSE
);

CREATE INDEX delivery_unworked ON delivery (key, received_at, sequence) WHERE NOT worked;
CREATE INDEX delivery_worked ON delivery (received_at) WHERE worked;

-- Who works a repository: each taking of its lease has the next epoch, and what comes under an older one is refused.
CREATE TABLE lease (
    key TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    -- Counts takings, from 1.
    epoch BIGINT NOT NULL,
    -- By this server's clock.
    until TIMESTAMPTZ NOT NULL
);
