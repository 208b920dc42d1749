-- Who works a repository: each taking of its lease has the next epoch, and what comes under an older one is refused.

CREATE TABLE lease (
    repository TEXT NOT NULL COLLATE NOCASE PRIMARY KEY,
    owner TEXT NOT NULL,
    -- Counts takings, from 1.
    epoch INTEGER NOT NULL,
    -- Milliseconds since 1970; 0: given back.
    until INTEGER NOT NULL
) STRICT;
