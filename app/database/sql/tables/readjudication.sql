-- Many person-years readjudicated together: one person's dry run of them, another's approval, then each person-year's
-- correction in a transaction of its own.
CREATE TABLE readjudication_run (
  run_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  area_code      text NOT NULL,  -- the persons of this area and below it; empty: of every area
  benefit_year   smallint,
  source         text NOT NULL CHECK (source IN ('worklist', 'policy', 'all')),
  reason         text NOT NULL,
  state          text NOT NULL DEFAULT 'computing' CHECK (
                   state IN ('computing', 'computed', 'approved', 'running', 'stopped', 'done', 'cancelled')),
  job_id         bigint REFERENCES job,
  summary        jsonb,
  fund_total     bigint,
  subject        text NOT NULL,
  request_id     text NOT NULL,
  created_on     date NOT NULL,
  approved_by    text,
  approved_on    date,
  ended_on       date,
  recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT readjudication_run_by_another CHECK (approved_by <> subject),
  CONSTRAINT readjudication_run_checked CHECK (state IN ('computing', 'computed', 'cancelled') OR approved_by IS NOT NULL),
  CONSTRAINT readjudication_run_computed CHECK (state IN ('computing', 'cancelled')
    OR num_nonnulls(summary, fund_total) = 2)
);

-- What the dry run found of a person-year: by how much its live settlements would change together, fen, and the digest
-- of how it stood (`before_digest`). `funds`: what each fund owes more or less. `patient_owes`: what the patient would
-- bear more of those bills on which it is more. `fault`: why it can't be computed.
CREATE TABLE readjudication_row (
  run_id             bigint NOT NULL REFERENCES readjudication_run,
  person_id          text NOT NULL REFERENCES person,
  benefit_year       smallint NOT NULL,
  result             text NOT NULL CHECK (result IN ('changed', 'unchanged', 'refused')),
  fault              text,
  before_digest      bytea,
  bills              integer NOT NULL CHECK (bills >= 0),
  basic              bigint NOT NULL,
  serious_illness    bigint NOT NULL,
  supplement         bigint NOT NULL,
  medical_assistance bigint NOT NULL,
  safety_net         bigint NOT NULL,
  hospital           bigint NOT NULL,
  patient            bigint NOT NULL,
  fund_total         bigint NOT NULL,
  patient_owes       bigint NOT NULL CHECK (patient_owes >= 0),
  funds              jsonb NOT NULL,
  PRIMARY KEY (run_id, person_id, benefit_year),
  CONSTRAINT readjudication_row_fault CHECK ((result = 'refused') = (fault IS NOT NULL)),
  CONSTRAINT readjudication_row_known CHECK (result = 'refused' OR before_digest IS NOT NULL)
);
CREATE INDEX readjudication_row_biggest ON readjudication_row (run_id, (abs(fund_total) + abs(patient)) DESC)
  WHERE result = 'changed';

-- What became of a person-year, written in the transaction of its correction: the key lets it happen once. The amounts
-- are those that were posted. `changed_since`: they, or how the year stood, were another thing in the dry run.
CREATE TABLE readjudication_outcome (
  run_id             bigint NOT NULL,
  person_id          text NOT NULL,
  benefit_year       smallint NOT NULL,
  outcome            text NOT NULL CHECK (outcome IN ('posted', 'unchanged', 'refused')),
  fault              text,
  changed_since      boolean NOT NULL,
  bills              integer NOT NULL CHECK (bills >= 0),
  basic              bigint NOT NULL,
  serious_illness    bigint NOT NULL,
  supplement         bigint NOT NULL,
  medical_assistance bigint NOT NULL,
  safety_net         bigint NOT NULL,
  hospital           bigint NOT NULL,
  patient            bigint NOT NULL,
  fund_total         bigint NOT NULL,
  patient_owes       bigint NOT NULL CHECK (patient_owes >= 0),
  funds              jsonb NOT NULL,
  adjustments        bigint[] NOT NULL,
  subject            text NOT NULL,
  request_id         text NOT NULL,
  recorded_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (run_id, person_id, benefit_year),
  FOREIGN KEY (run_id, person_id, benefit_year) REFERENCES readjudication_row,
  CONSTRAINT readjudication_outcome_fault CHECK ((outcome = 'refused') = (fault IS NOT NULL)),
  CONSTRAINT readjudication_outcome_posted CHECK ((outcome = 'posted') = (adjustments <> '{}'))
);
