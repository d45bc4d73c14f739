-- Approvals of plans, as their files were handed over: of each key the last one.
CREATE TABLE approvals (
    plan_hash TEXT NOT NULL,
    public_key TEXT NOT NULL,
    approval TEXT NOT NULL,
    taken_at TEXT NOT NULL,
    PRIMARY KEY (plan_hash, public_key)
) STRICT;
