-- An execution of a plan is a run: "job" is Databricks' word for something else.
ALTER TABLE jobs RENAME TO runs;
ALTER TABLE runs RENAME COLUMN job TO run_id;
DROP INDEX jobs_by_plan;
CREATE INDEX runs_by_plan ON runs (plan_hash);

ALTER TABLE validations RENAME COLUMN job TO run_id;
DROP INDEX validations_by_job;
CREATE INDEX validations_by_run ON validations (run_id, ident);

ALTER TABLE outcomes RENAME COLUMN job TO run_id;

-- The column's name is not part of an entry's hash.
ALTER TABLE journal RENAME COLUMN job TO run_id;
DROP INDEX journal_by_job;
CREATE INDEX journal_by_run ON journal (run_id, ident, kind);

-- In a step's record, `job` was the run and `run_id` the run of Databricks' job.
UPDATE cluster_steps SET record = json_remove(
    json_set(
        record,
        '$.job_run_id', json_extract(record, '$.run_id'),
        '$.run_id', json_extract(record, '$.job')
    ),
    '$.job'
) WHERE json_type(record, '$.job') IS NOT NULL;
