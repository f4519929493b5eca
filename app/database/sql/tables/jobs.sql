-- Work that takes longer than a request. Deadlines are business time; leases, starts and ends are real time.
CREATE TABLE job (
  job_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind        text NOT NULL,
  state       text NOT NULL DEFAULT 'queued'
              CHECK (state IN ('queued', 'running', 'proposed', 'done', 'failed', 'cancelled')),
  options     jsonb NOT NULL,
  area_code   text NOT NULL,
  due_on      date,
  file_digest bytea NOT NULL,
  phase       text NOT NULL DEFAULT 'reading' CHECK (phase IN ('reading', 'applying')),
  done        integer NOT NULL DEFAULT 0 CHECK (done >= 0),
  total       integer CHECK (total >= done),
  summary     jsonb NOT NULL DEFAULT '{}',
  faults      jsonb NOT NULL DEFAULT '[]',
  lease_until timestamptz,
  attempts    smallint NOT NULL DEFAULT 0,  -- the number of a claim: who has an earlier one writes nothing more
  crashes     smallint NOT NULL DEFAULT 0,  -- how many of them ended without a result and without being told to
  reach_area  text,
  subject     text NOT NULL,
  request_id  text NOT NULL,
  received_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_at  timestamptz,
  ended_at    timestamptz,
  CONSTRAINT job_leased CHECK (state <> 'running' OR lease_until IS NOT NULL)
);
CREATE INDEX job_open ON job (job_id) WHERE state IN ('queued', 'running');
CREATE INDEX job_due ON job (due_on) WHERE due_on IS NOT NULL;

-- The uploaded file, encrypted, until the job has ended: a job may be finished by another machine than began it.
CREATE TABLE job_file (
  job_id  bigint NOT NULL REFERENCES job,
  part_no integer NOT NULL,
  content bytea NOT NULL,
  PRIMARY KEY (job_id, part_no)
);

-- One row of the file: what was read of it, and what became of it; heading is that of the column at fault. Id number and name only as keyed digests. The room
-- left in each page lets the outcome be written beside the row. former_*: the digests by former secrets, since a
-- person may still be written with one of them; null without a former secret.
CREATE TABLE job_row (
  job_id           bigint NOT NULL REFERENCES job,
  row_no           integer NOT NULL,
  id_number_index  bytea,
  name_birth_index bytea,
  content          jsonb,
  outcome          text,
  reason           text,
  field            text,
  reference        text,
  heading          text,
  former_id_numbers bytea[],
  former_name_births bytea[],
  PRIMARY KEY (job_id, row_no)
) WITH (fillfactor = 70);
CREATE INDEX job_row_id_number ON job_row (job_id, id_number_index) WHERE id_number_index IS NOT NULL;
