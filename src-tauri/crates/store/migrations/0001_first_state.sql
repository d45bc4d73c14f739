-- 'ICBR': tells our file from any other SQLite database.
PRAGMA application_id = 1229144658;

CREATE TABLE catalogs (
    name     TEXT PRIMARY KEY NOT NULL,
    role     TEXT NOT NULL CHECK (role IN ('source', 'target')),
    spec     TEXT NOT NULL,
    saved_at TEXT NOT NULL
) STRICT;

-- The inventory: one row a table of a source.
CREATE TABLE tables (
    source      TEXT NOT NULL REFERENCES catalogs (name) ON DELETE CASCADE ON UPDATE CASCADE,
    ident       TEXT NOT NULL,
    captured_at TEXT NOT NULL,
    inventory   TEXT NOT NULL,
    PRIMARY KEY (source, ident)
) STRICT, WITHOUT ROWID;

CREATE TABLE mappings (
    source   TEXT NOT NULL,
    target   TEXT NOT NULL,
    mapping  TEXT NOT NULL,
    saved_at TEXT NOT NULL,
    PRIMARY KEY (source, target)
) STRICT, WITHOUT ROWID;

-- Losses a person accepted, by the finding's code.
CREATE TABLE acceptances (
    source      TEXT NOT NULL,
    target      TEXT NOT NULL,
    ident       TEXT NOT NULL,
    code        TEXT NOT NULL,
    accepted_at TEXT NOT NULL,
    PRIMARY KEY (source, target, ident, code)
) STRICT, WITHOUT ROWID;

-- A job outlives its catalogs: it is evidence.
CREATE TABLE jobs (
    job        TEXT PRIMARY KEY NOT NULL,
    plan_hash  TEXT NOT NULL,
    plan_text  TEXT NOT NULL,
    source     TEXT NOT NULL,
    target     TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('running', 'succeeded', 'incomplete', 'cancelled', 'interrupted')),
    started_at TEXT NOT NULL,
    ended_at   TEXT
) STRICT;
CREATE INDEX jobs_by_plan ON jobs (plan_hash);

-- Every validation ever made; the last one of a table counts.
CREATE TABLE validations (
    id           INTEGER PRIMARY KEY,
    job          TEXT NOT NULL REFERENCES jobs (job),
    ident        TEXT NOT NULL,
    passed       INTEGER NOT NULL CHECK (passed IN (0, 1)),
    validation   TEXT NOT NULL,
    validated_at TEXT NOT NULL
) STRICT;
CREATE INDEX validations_by_job ON validations (job, ident);

CREATE TABLE journal (
    sequence      INTEGER PRIMARY KEY,
    at            TEXT NOT NULL,
    job           TEXT NOT NULL,
    ident         TEXT NOT NULL,
    kind          TEXT NOT NULL,
    body          TEXT NOT NULL,
    previous_hash TEXT NOT NULL UNIQUE,
    hash          TEXT NOT NULL UNIQUE
) STRICT;
CREATE INDEX journal_by_job ON journal (job, ident, kind);

CREATE TRIGGER journal_is_not_changed BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_is_not_cut BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

-- Finished units of work. They belong to the plan, as the staged files do: another run of the same plan finds them.
CREATE TABLE units (
    plan_hash TEXT NOT NULL,
    ident     TEXT NOT NULL,
    unit      TEXT NOT NULL,
    output    TEXT NOT NULL,
    PRIMARY KEY (plan_hash, ident, unit)
) STRICT, WITHOUT ROWID;

-- What a finished copy made, file by file; too long for the journal, which holds its hash.
CREATE TABLE outcomes (
    id        INTEGER PRIMARY KEY,
    job       TEXT NOT NULL REFERENCES jobs (job),
    plan_hash TEXT NOT NULL,
    ident     TEXT NOT NULL,
    outcome   TEXT NOT NULL,
    UNIQUE (job, ident)
) STRICT;
CREATE INDEX outcomes_by_plan ON outcomes (plan_hash, ident);
