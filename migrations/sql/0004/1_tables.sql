-- Facts of two times: when it was true [valid_from, valid_until), where null is open; and when we knew it
-- [recorded_at, superseded_at). Amounts are fen.

-- Level, rank and area of a hospital by date. The row of hospital itself repeats the last of them: it says whose the hospital
-- is, and stands for every day where there is no period.
CREATE TABLE hospital_period (
  period_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hospital_code text NOT NULL REFERENCES hospital,
  level         smallint NOT NULL CHECK (level BETWEEN 1 AND 3),
  rank          text NOT NULL CHECK (rank IN ('village', 'township', 'county', 'prefecture', 'province')),
  area_code     text NOT NULL,
  valid_from    date,
  valid_until   date,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  superseded_at timestamptz,
  superseded_by text,
  CONSTRAINT hospital_period_interval CHECK (valid_until > valid_from)
);
CREATE INDEX hospital_period_current ON hospital_period (hospital_code) WHERE superseded_at IS NULL;
INSERT INTO hospital_period (hospital_code, level, rank, area_code, subject, request_id, recorded_at)
SELECT code, level, rank, area_code, subject, request_id, recorded_at FROM hospital;

-- Designated-provider contracts. A hospital without any is always contracted.
CREATE TABLE hospital_contract (
  contract_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hospital_code text NOT NULL REFERENCES hospital,
  valid_from    date NOT NULL,
  valid_until   date,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  superseded_at timestamptz,
  superseded_by text,
  CONSTRAINT hospital_contract_interval CHECK (valid_until > valid_from)
);
CREATE INDEX hospital_contract_current ON hospital_contract (hospital_code) WHERE superseded_at IS NULL;

-- Where a hospital's money goes, and how its system signs at the national door. Both contents are encrypted.
CREATE TABLE hospital_account (
  hospital_code text PRIMARY KEY REFERENCES hospital,
  content       bytea NOT NULL,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE hospital_gateway (
  hospital_code text PRIMARY KEY REFERENCES hospital,
  profile       text NOT NULL CHECK (profile IN ('A', 'B', 'none')),
  key_id        text,
  secret        bytea,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT hospital_gateway_signs CHECK ((profile = 'none') = (key_id IS NULL) AND (profile = 'none') = (secret IS NULL))
);

-- A hospital's own codes, and the catalogue item that each means.
CREATE TABLE hospital_item (
  mapping_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hospital_code      text NOT NULL REFERENCES hospital,
  hospital_item_code text NOT NULL,
  item_code          text NOT NULL,
  valid_from         date,
  valid_until        date,
  subject            text NOT NULL,
  request_id         text NOT NULL,
  recorded_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  superseded_at      timestamptz,
  superseded_by      text,
  CONSTRAINT hospital_item_interval CHECK (valid_until > valid_from)
);
CREATE INDEX hospital_item_current ON hospital_item (hospital_code, hospital_item_code) WHERE superseded_at IS NULL;

-- A person's insurance. The columns of person repeat from the first to the last day, and stand alone where there is no period.
CREATE TABLE insured_period (
  period_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  person_id     text NOT NULL REFERENCES person,
  valid_from    date,
  valid_until   date,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  superseded_at timestamptz,
  superseded_by text,
  CONSTRAINT insured_period_interval CHECK (valid_until > valid_from)
);
CREATE INDEX insured_period_current ON insured_period (person_id) WHERE superseded_at IS NULL;

-- Where a person was insured, of those who moved or whose area was corrected. The row of person has the last area.
CREATE TABLE person_area (
  period_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  person_id     text NOT NULL REFERENCES person,
  area_code     text NOT NULL,
  valid_from    date,
  valid_until   date,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  superseded_at timestamptz,
  superseded_by text,
  CONSTRAINT person_area_interval CHECK (valid_until > valid_from)
);
CREATE INDEX person_area_current ON person_area (person_id) WHERE superseded_at IS NULL;

CREATE TABLE chronic_registration (
  registration_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  person_id       text NOT NULL REFERENCES person,
  disease_code    text NOT NULL,
  valid_from      date NOT NULL,
  valid_until     date,
  subject         text NOT NULL,
  request_id      text NOT NULL,
  recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  superseded_at   timestamptz,
  superseded_by   text,
  CONSTRAINT chronic_registration_interval CHECK (valid_until > valid_from)
);
CREATE INDEX chronic_registration_current ON chronic_registration (person_id) WHERE superseded_at IS NULL;

CREATE TABLE family_doctor_contract (
  version_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  contract_id   text NOT NULL,
  person_id     text NOT NULL REFERENCES person,
  hospital_code text NOT NULL REFERENCES hospital,
  valid_from    date NOT NULL,
  valid_until   date,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  superseded_at timestamptz,
  superseded_by text,
  CONSTRAINT family_doctor_contract_interval CHECK (valid_until > valid_from)
);
CREATE UNIQUE INDEX family_doctor_contract_current ON family_doctor_contract (contract_id) WHERE superseded_at IS NULL;
CREATE INDEX family_doctor_contract_person ON family_doctor_contract (person_id) WHERE superseded_at IS NULL;
CREATE INDEX family_doctor_contract_hospital ON family_doctor_contract (hospital_code) WHERE superseded_at IS NULL;

-- What an area does otherwise than its code says: who pools its funds, which pack rules it, its dictionary.
CREATE TABLE area (
  version_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  area_code     text NOT NULL,
  name          text NOT NULL,
  pooling_area  text,
  pack          text,
  dictionary    text,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  superseded_at timestamptz,
  superseded_by text
);
CREATE UNIQUE INDEX area_current ON area (area_code) WHERE superseded_at IS NULL;

-- Figures of an area's own, above all incomes, that stand in for those of its pack.
CREATE TABLE area_figure (
  figure_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  area_code     text NOT NULL,
  parameter     text NOT NULL,
  amount        bigint NOT NULL CHECK (amount >= 0),
  document      text NOT NULL,
  clause        text NOT NULL,
  status        text NOT NULL CHECK (status IN ('enacted', 'assumed')),
  valid_from    date NOT NULL,
  valid_until   date,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  superseded_at timestamptz,
  superseded_by text,
  CONSTRAINT area_figure_interval CHECK (valid_until > valid_from)
);
CREATE INDEX area_figure_current ON area_figure (area_code) WHERE superseded_at IS NULL;

-- The indexes by former secrets of a row: a person may still be written with one of them. Null without a former secret.
ALTER TABLE job_row ADD COLUMN former_id_numbers bytea[];
ALTER TABLE job_row ADD COLUMN former_name_births bytea[];
