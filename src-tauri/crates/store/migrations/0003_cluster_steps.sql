-- Steps that a cluster carries out, one row an attempt. Written before the cluster is asked for: after a kill it says
-- what to look for.
CREATE TABLE cluster_steps (
    plan_hash TEXT NOT NULL,
    step      TEXT NOT NULL,
    attempt   INTEGER NOT NULL CHECK (attempt > 0),
    record    TEXT NOT NULL,
    saved_at  TEXT NOT NULL,
    PRIMARY KEY (plan_hash, step, attempt)
) STRICT, WITHOUT ROWID;
