-- Databricks workspaces by name. Without secrets.
CREATE TABLE workspaces (
    name     TEXT PRIMARY KEY NOT NULL,
    spec     TEXT NOT NULL,
    saved_at TEXT NOT NULL
) STRICT;

-- Walks over Unity Catalog: the last one of each workspace. `ended_at` is empty while it is unfinished.
CREATE TABLE unity_refreshes (
    workspace   TEXT PRIMARY KEY NOT NULL REFERENCES workspaces (name) ON DELETE CASCADE ON UPDATE CASCADE,
    refresh     INTEGER NOT NULL,
    host        TEXT NOT NULL,
    scope       TEXT NOT NULL,
    incremental INTEGER NOT NULL CHECK (incremental IN (0, 1)),
    started_at  TEXT NOT NULL,
    ended_at    TEXT
) STRICT;

-- One row a table, with the number of the walk that saw it last.
CREATE TABLE unity_tables (
    workspace    TEXT NOT NULL REFERENCES workspaces (name) ON DELETE CASCADE ON UPDATE CASCADE,
    full_name    TEXT NOT NULL,
    catalog_name TEXT NOT NULL,
    schema_name  TEXT NOT NULL,
    kind         TEXT NOT NULL,
    updated_at   INTEGER,
    -- Name, comment and owner in small letters, for the search.
    words        TEXT NOT NULL,
    content      TEXT NOT NULL,
    refresh      INTEGER NOT NULL,
    PRIMARY KEY (workspace, full_name)
) STRICT, WITHOUT ROWID;
CREATE INDEX unity_tables_by_schema ON unity_tables (workspace, catalog_name, schema_name, kind);

-- How far the unfinished walk has come in each schema.
CREATE TABLE unity_cursor (
    workspace    TEXT NOT NULL REFERENCES workspaces (name) ON DELETE CASCADE ON UPDATE CASCADE,
    catalog_name TEXT NOT NULL,
    schema_name  TEXT NOT NULL,
    progress     TEXT NOT NULL,
    PRIMARY KEY (workspace, catalog_name, schema_name)
) STRICT, WITHOUT ROWID;
