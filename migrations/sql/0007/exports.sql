-- The file that an export made, encrypted part by part; for whoever asked for it, until it is forgotten.
CREATE TABLE export_file (
  job_id  bigint NOT NULL REFERENCES job,
  part_no integer NOT NULL CHECK (part_no >= 0),
  content bytea NOT NULL,
  PRIMARY KEY (job_id, part_no)
);
ALTER TABLE export_file ENABLE ROW LEVEL SECURITY;
CREATE POLICY export_file_reach ON export_file TO onestop_app
  USING (job_id IN (SELECT j.job_id FROM job j WHERE j.subject = current_setting('onestop.subject', true)));
GRANT SELECT, INSERT, DELETE ON export_file TO onestop_app;
