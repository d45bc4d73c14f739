-- The place in which a table's files are staged has a name of its own in each state, so that two states that run one plan
-- never write to, or clear, the same folder. `run_id` is the run that has it now.
CREATE TABLE staged_places (
    plan_hash TEXT NOT NULL,
    ident     TEXT NOT NULL,
    token     TEXT NOT NULL,
    run_id    TEXT NOT NULL,
    PRIMARY KEY (plan_hash, ident)
) STRICT, WITHOUT ROWID;

-- Before, the beginning of the plan's hash named it. Finished units that are recorded lie there.
INSERT INTO staged_places (plan_hash, ident, token, run_id)
SELECT DISTINCT plan_hash, ident, substr(plan_hash, 1, 12), '' FROM units;

-- Marks places that a catalog names by itself, which it may give to two states.
CREATE TABLE identity (id TEXT PRIMARY KEY NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO identity (id) VALUES (lower(hex(randomblob(16))));
