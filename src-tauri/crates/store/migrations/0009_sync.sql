-- How each table of a run stands to its source, as it was looked at last; of a table that nobody looked at, nothing.
ALTER TABLE view_run ADD COLUMN sync TEXT;
ALTER TABLE view_run ADD COLUMN sync_round INTEGER;
ALTER TABLE view_run ADD COLUMN behind_snapshots INTEGER;
ALTER TABLE view_run ADD COLUMN behind_rows INTEGER;
ALTER TABLE view_run ADD COLUMN behind_seconds INTEGER;
ALTER TABLE view_run ADD COLUMN sync_error TEXT;
ALTER TABLE view_run ADD COLUMN sync_message TEXT;
ALTER TABLE view_run ADD COLUMN looked_at INTEGER;
