-- Views: what pages and scripts list, one narrow row a table, so that a page of 100,000 tables is answered from an index.
-- All of it is made from other tables of this file and from plan files; `view_version` says by which rules.
CREATE TABLE view_version (version INTEGER NOT NULL) STRICT;

-- `owner` is a source, a route, a plan's hash or a run's id.
CREATE TABLE views (
    view  INTEGER PRIMARY KEY,
    scope TEXT NOT NULL CHECK (scope IN ('inventory', 'preflight', 'plan', 'run')),
    owner TEXT NOT NULL,
    UNIQUE (scope, owner)
) STRICT;

-- What a row stands for in full, where that is kept nowhere else by table.
CREATE TABLE view_contents (
    view    INTEGER NOT NULL REFERENCES views (view) ON DELETE CASCADE,
    name    TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (view, name)
) STRICT, WITHOUT ROWID;

-- In each of these: `sort_key` orders names, `search` is what is searched in, `state_rank` orders states.
CREATE TABLE view_inventory (
    -- Never used again, so that a change of the inventory shows.
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    view         INTEGER NOT NULL REFERENCES views (view) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    sort_key     TEXT NOT NULL,
    search       TEXT NOT NULL,
    namespace    TEXT NOT NULL,
    state        TEXT NOT NULL,
    state_rank   INTEGER NOT NULL,
    format       INTEGER,
    rows         INTEGER,
    bytes        INTEGER,
    files        INTEGER,
    deletes      INTEGER,
    has_deletes  TEXT,
    partitioning TEXT,
    snapshots    INTEGER,
    updated      INTEGER,
    error        TEXT,
    message      TEXT,
    UNIQUE (view, name)
) STRICT;
CREATE INDEX view_inventory_by_name ON view_inventory (view, sort_key);
CREATE INDEX view_inventory_by_state ON view_inventory (view, state_rank, sort_key);
CREATE INDEX view_inventory_by_namespace ON view_inventory (view, namespace, sort_key);
CREATE INDEX view_inventory_by_rows ON view_inventory (view, rows, sort_key);
CREATE INDEX view_inventory_by_bytes ON view_inventory (view, bytes, sort_key);
CREATE INDEX view_inventory_by_files ON view_inventory (view, files, sort_key);
CREATE INDEX view_inventory_by_updated ON view_inventory (view, updated, sort_key);

CREATE TABLE view_preflight (
    id         INTEGER PRIMARY KEY,
    view       INTEGER NOT NULL REFERENCES views (view) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    sort_key   TEXT NOT NULL,
    search     TEXT NOT NULL,
    namespace  TEXT NOT NULL,
    target     TEXT,
    state      TEXT NOT NULL,
    state_rank INTEGER NOT NULL,
    verdict    TEXT NOT NULL,
    open       INTEGER NOT NULL,
    codes      TEXT NOT NULL,
    mode       TEXT,
    engine     TEXT,
    format     INTEGER,
    rows       INTEGER,
    bytes      INTEGER,
    files      INTEGER,
    UNIQUE (view, name)
) STRICT;
CREATE INDEX view_preflight_by_name ON view_preflight (view, sort_key);
CREATE INDEX view_preflight_by_state ON view_preflight (view, state_rank, sort_key);
CREATE INDEX view_preflight_by_namespace ON view_preflight (view, namespace, sort_key);
CREATE INDEX view_preflight_by_rows ON view_preflight (view, rows, sort_key);
CREATE INDEX view_preflight_by_bytes ON view_preflight (view, bytes, sort_key);

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
    reason        TEXT,
    UNIQUE (view, name)
) STRICT;
CREATE INDEX view_plan_by_name ON view_plan (view, sort_key);
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
    passed        TEXT,
    error         TEXT,
    message       TEXT,
    owed          INTEGER,
    UNIQUE (view, name)
) STRICT;
CREATE INDEX view_run_by_name ON view_run (view, sort_key);
CREATE INDEX view_run_by_state ON view_run (view, state_rank, sort_key);
CREATE INDEX view_run_by_namespace ON view_run (view, namespace, sort_key);
CREATE INDEX view_run_by_rows ON view_run (view, rows, sort_key);
CREATE INDEX view_run_by_bytes ON view_run (view, bytes, sort_key);
CREATE INDEX view_run_by_bytes_to_copy ON view_run (view, bytes_to_copy, sort_key);
