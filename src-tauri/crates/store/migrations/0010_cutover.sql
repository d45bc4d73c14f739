-- How far the cut-over of each table of a run is; of a table whose cut-over was never begun, nothing.
ALTER TABLE view_run ADD COLUMN cutover TEXT;
ALTER TABLE view_run ADD COLUMN downtime_ms INTEGER;
ALTER TABLE view_run ADD COLUMN late_snapshots INTEGER;
ALTER TABLE view_run ADD COLUMN own_snapshots INTEGER;
ALTER TABLE view_run ADD COLUMN own_rows INTEGER;
ALTER TABLE view_run ADD COLUMN cutover_error TEXT;
ALTER TABLE view_run ADD COLUMN cutover_message TEXT;
ALTER TABLE view_run ADD COLUMN cutover_at INTEGER;
