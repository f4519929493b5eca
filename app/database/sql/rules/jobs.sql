-- Jobs: who sees which rows, who may do what.

-- A job is its area's; its file and its rows are seen with it.
ALTER TABLE job ENABLE ROW LEVEL SECURITY;
CREATE POLICY job_reach ON job TO onestop_app USING (reaches(NULL, area_code, NULL));
GRANT SELECT, INSERT, UPDATE (state, phase, done, total, summary, faults, lease_until, attempts, crashes, started_at, ended_at)
  ON job TO onestop_app;

ALTER TABLE job_file ENABLE ROW LEVEL SECURITY;
CREATE POLICY job_file_reach ON job_file TO onestop_app USING (job_id IN (SELECT j.job_id FROM job j));
GRANT SELECT, INSERT, DELETE ON job_file TO onestop_app;

ALTER TABLE job_row ENABLE ROW LEVEL SECURITY;
CREATE POLICY job_row_reach ON job_row TO onestop_app USING (job_id IN (SELECT j.job_id FROM job j));
GRANT SELECT, INSERT, UPDATE, DELETE ON job_row TO onestop_app;
-- To tell the planner of a million new rows. Before PostgreSQL 17 there is no such grant, and ANALYZE skips with a
-- warning.
DO $$ BEGIN
  IF current_setting('server_version_num')::integer >= 170000 THEN
    EXECUTE 'GRANT MAINTAIN ON job_row TO onestop_app';
  END IF;
END $$;
