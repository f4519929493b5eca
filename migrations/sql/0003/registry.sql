-- Left the list, benefits going on: until a correction, or the pack, ends the class.
ALTER TABLE identity ADD COLUMN exited_on date;

-- Keyed digest of name and birth date, for lists whose id number finds nobody. Several persons may share it.
ALTER TABLE person ADD COLUMN name_birth_index bytea;
CREATE INDEX person_name_birth ON person (name_birth_index) WHERE name_birth_index IS NOT NULL;
GRANT UPDATE (name_birth_index) ON person TO onestop_app;

-- Person-years that were settled under facts that have changed since; a readjudication takes its row away.
CREATE TABLE readjudication_candidate (
  person_id    text NOT NULL REFERENCES person,
  benefit_year smallint NOT NULL,
  reason       text NOT NULL,
  since        timestamptz NOT NULL DEFAULT clock_timestamp(),
  subject      text NOT NULL,
  request_id   text NOT NULL,
  PRIMARY KEY (person_id, benefit_year)
);
ALTER TABLE readjudication_candidate ENABLE ROW LEVEL SECURITY;
CREATE POLICY candidate_reach ON readjudication_candidate TO onestop_app
  USING (EXISTS (SELECT FROM person p WHERE p.person_id = readjudication_candidate.person_id));
GRANT SELECT, INSERT, DELETE ON readjudication_candidate TO onestop_app;

CREATE INDEX identity_by_class ON identity (class, person_id) WHERE superseded_at IS NULL;
CREATE INDEX identity_superseded ON identity (person_id) WHERE superseded_at IS NOT NULL;

-- Bills with a code that no catalogue version had: few, and all that the worklist of such codes has to look at.
CREATE INDEX settlement_unknown_code ON settlement (settled_at) WHERE document::text LIKE '%"unknown_item"%';
