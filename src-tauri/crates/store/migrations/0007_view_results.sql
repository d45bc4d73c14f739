-- Pages list how a validation ended and what was accepted. Views are made from other tables, so they are dropped and built
-- anew when the state is opened.
DELETE FROM views;
DROP TABLE view_plan;
DROP TABLE view_run;

-- The index by name holds what is searched in and what is added up, so that neither reads the rows themselves.
DROP INDEX view_inventory_by_name;
CREATE INDEX view_inventory_by_name ON view_inventory (view, sort_key, search, rows, bytes, files, deletes);
DROP INDEX view_preflight_by_name;
CREATE INDEX view_preflight_by_name ON view_preflight (view, sort_key, search, open, rows, bytes, files);

CREATE TABLE view_plan (
    id            INTEGER PRIMARY KEY,
    view          INTEGER NOT NULL REFERENCES views (view) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    sort_key      TEXT NOT NULL,
    search        TEXT NOT NULL,
    namespace     TEXT NOT NULL,
    target        TEXT,
    state         TEXT NOT NULL,
    state_rank    INTEGER NOT NULL,
    mode          TEXT,
    engine        TEXT,
    method        TEXT,
    format        INTEGER,
    rows          INTEGER,
    bytes         INTEGER,
    bytes_to_copy INTEGER,
    files_to_copy INTEGER,
    seconds       INTEGER,
    codes         TEXT,
    accepted      INTEGER,
    reason        TEXT,
    UNIQUE (view, name)
) STRICT;
CREATE INDEX view_plan_by_name ON view_plan (
    view, sort_key, search, rows, bytes, bytes_to_copy, files_to_copy, seconds, accepted
);
CREATE INDEX view_plan_by_state ON view_plan (view, state_rank, sort_key);
CREATE INDEX view_plan_by_namespace ON view_plan (view, namespace, sort_key);
CREATE INDEX view_plan_by_rows ON view_plan (view, rows, sort_key);
CREATE INDEX view_plan_by_bytes ON view_plan (view, bytes, sort_key);
CREATE INDEX view_plan_by_bytes_to_copy ON view_plan (view, bytes_to_copy, sort_key);

CREATE TABLE view_run (
    id            INTEGER PRIMARY KEY,
    view          INTEGER NOT NULL REFERENCES views (view) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    sort_key      TEXT NOT NULL,
    search        TEXT NOT NULL,
    namespace     TEXT NOT NULL,
    target        TEXT,
    state         TEXT NOT NULL,
    state_rank    INTEGER NOT NULL,
    mode          TEXT,
    engine        TEXT,
    method        TEXT,
    rows          INTEGER,
    bytes         INTEGER,
    bytes_to_copy INTEGER,
    bytes_copied  INTEGER,
    rows_copied   INTEGER,
    proof         TEXT,
    result        TEXT NOT NULL,
    checks        INTEGER,
    checks_passed INTEGER,
    digest        TEXT,
    validation_ms INTEGER,
    error         TEXT,
    message       TEXT,
    owed          INTEGER,
    UNIQUE (view, name)
) STRICT;
-- Without what changes while a table is copied.
CREATE INDEX view_run_by_name ON view_run (view, sort_key, search);
CREATE INDEX view_run_by_state ON view_run (view, state_rank, sort_key);
CREATE INDEX view_run_by_namespace ON view_run (view, namespace, sort_key);
CREATE INDEX view_run_by_rows ON view_run (view, rows, sort_key);
CREATE INDEX view_run_by_bytes ON view_run (view, bytes, sort_key);
CREATE INDEX view_run_by_bytes_to_copy ON view_run (view, bytes_to_copy, sort_key);
