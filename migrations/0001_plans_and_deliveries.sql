-- Plans by rows, so that a save touches only what changed, and webhook deliveries. GitHub's names ignore case.

CREATE TABLE plan (
    repository TEXT NOT NULL COLLATE NOCASE PRIMARY KEY,
    -- Counts saves, from 1.
    version INTEGER NOT NULL,
    -- The form of the rows' bodies.
    schema INTEGER NOT NULL
) STRICT;

CREATE TABLE plan_row (
    repository TEXT NOT NULL COLLATE NOCASE,
    -- header, layout, numbers, task, entry
    kind TEXT NOT NULL,
    -- The task's id or the entry's key; empty for the others, of which there is one.
    id TEXT NOT NULL,
    -- JSON
    body TEXT NOT NULL,
    PRIMARY KEY (repository, kind, id)
) STRICT;

CREATE TABLE delivery (
    guid TEXT NOT NULL PRIMARY KEY,
    event TEXT NOT NULL,
    action TEXT,
    repository TEXT COLLATE NOCASE,
    -- GitHub's ids are below 2^63.
    installation INTEGER,
    number INTEGER,
    run INTEGER,
    title TEXT,
    comment INTEGER,
    sha TEXT,
    branch TEXT,
    -- The beginning of a body that could not be read.
    unreadable TEXT,
    -- Milliseconds since 1970.
    received_at INTEGER NOT NULL,
    worked INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX delivery_unworked ON delivery (repository, received_at) WHERE worked = 0;
CREATE INDEX delivery_worked ON delivery (received_at) WHERE worked = 1;
