-- Facts of two times: when it was true [valid_from, valid_until), where null is open; and when we knew it
-- [recorded_at, superseded_at). Amounts are fen.

CREATE TABLE hospital (
  code        text PRIMARY KEY,
  name        text NOT NULL,
  level       smallint NOT NULL CHECK (level BETWEEN 1 AND 3),
  rank        text NOT NULL CHECK (rank IN ('village', 'township', 'county', 'prefecture', 'province')),
  area_code   text NOT NULL,
  subject     text NOT NULL,
  request_id  text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Level, rank and area of a hospital by date. The row of hospital itself repeats the last of them: it says whose the
-- hospital is, and stands for every day where there is no period.
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

-- Where a hospital's money goes: each change that was asked for, and what became of it. It holds once another person has
-- approved it, the first one at once if it came with the hospital itself. The content is encrypted, NULL for none.
CREATE TABLE hospital_account (
  change_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hospital_code text NOT NULL REFERENCES hospital,
  content       bytea,
  state         text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'replaced')),
  approved_by   text,
  approved_on   date,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT hospital_account_by_another CHECK (approved_by <> subject)
);
CREATE UNIQUE INDEX hospital_account_pending ON hospital_account (hospital_code) WHERE state = 'pending';
CREATE UNIQUE INDEX hospital_account_current ON hospital_account (hospital_code) WHERE state = 'approved';

-- How a hospital's system signs at the national door: each change that was asked for, and what became of it. The first
-- holds at once, every other once another person has approved it. The secret is encrypted.
CREATE TABLE hospital_gateway (
  change_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hospital_code text NOT NULL REFERENCES hospital,
  profile       text NOT NULL CHECK (profile IN ('A', 'B', 'none')),
  key_id        text,
  secret        bytea,
  state         text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'replaced')),
  approved_by   text,
  approved_on   date,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT hospital_gateway_signs CHECK (
    (profile = 'none') = (key_id IS NULL) AND (profile = 'none') = (secret IS NULL)),
  CONSTRAINT hospital_gateway_by_another CHECK (approved_by <> subject)
);
CREATE UNIQUE INDEX hospital_gateway_pending ON hospital_gateway (hospital_code) WHERE state = 'pending';
CREATE UNIQUE INDEX hospital_gateway_current ON hospital_gateway (hospital_code) WHERE state = 'approved';

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

-- Name and id number are encrypted. id_number_index is the id number's keyed digest; name_birth_index that of name
-- and birth date, for lists whose id number finds nobody: several persons may share it.
CREATE TABLE person (
  person_id       text PRIMARY KEY,
  name            bytea NOT NULL,
  id_number       bytea NOT NULL,
  id_number_index bytea NOT NULL UNIQUE,
  area_code       text NOT NULL,
  insurance_type  text NOT NULL,
  insured_from    date,
  insured_until   date,
  subject         text NOT NULL,
  request_id      text NOT NULL,
  recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  name_birth_index bytea,
  retired_from    date,
  CONSTRAINT person_insured_interval CHECK (insured_until > insured_from)
);
CREATE INDEX person_name_birth ON person (name_birth_index) WHERE name_birth_index IS NOT NULL;

-- A person's insurance. The columns of person repeat from the first to the last day, and stand alone where there is
-- no period.
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

-- For whom a hospital quoted, at the last time, by the real clock. Kept for a month.
CREATE TABLE quoted_person (
  hospital_code text NOT NULL,
  person_id     text NOT NULL,
  quoted_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (hospital_code, person_id)
);
CREATE INDEX quoted_person_at ON quoted_person (quoted_at);

-- Classes of persons. exited_on: they left the list on that day and the benefits go on, until a correction, or the
-- pack, ends the class.
CREATE TABLE identity (
  identity_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  person_id     text NOT NULL REFERENCES person,
  class         text NOT NULL CHECK (class ~ '^[a-z][a-z0-9_]{0,39}$'),  -- which there are is the packs' to say
  valid_from    date NOT NULL,
  valid_until   date,
  evidence      text,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  superseded_at timestamptz,
  superseded_by text,
  exited_on     date,
  CONSTRAINT identity_interval CHECK (valid_until > valid_from)
);
CREATE INDEX identity_current ON identity (person_id) WHERE superseded_at IS NULL;
CREATE INDEX identity_by_class ON identity (class, person_id) WHERE superseded_at IS NULL;
CREATE INDEX identity_superseded ON identity (person_id) WHERE superseded_at IS NOT NULL;

-- Chronic diseases for which a person is registered.
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

-- Family doctor contracts; a contract_id goes through all versions of one contract.
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

-- The catalogue: class, first-pay ratio (ten-thousandths) and ceilings by hospital level (millionths of a yuan) of an
-- item. area_code says whose entry it is: 000000 is everybody's; an area's stands above it for the area's persons.
CREATE TABLE catalogue_entry (
  entry_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  area_code       text NOT NULL CHECK (area_code ~ '^[0-9]{4}00$'),
  item_code       text NOT NULL,
  name            text NOT NULL,
  kind            text NOT NULL CHECK (kind IN
                    ('drug', 'material', 'imported_material', 'examination', 'bed', 'service')),
  class           text NOT NULL CHECK (class IN ('A', 'B', 'C')),
  first_pay_ratio smallint NOT NULL CHECK (first_pay_ratio BETWEEN 0 AND 10000),
  ceiling_1       bigint CHECK (ceiling_1 >= 0),
  ceiling_2       bigint CHECK (ceiling_2 >= 0),
  ceiling_3       bigint CHECK (ceiling_3 >= 0),
  restricted      boolean NOT NULL,
  valid_from      date NOT NULL,
  valid_until     date,
  subject         text NOT NULL,
  request_id      text NOT NULL,
  recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  superseded_at   timestamptz,
  superseded_by   text,
  CONSTRAINT catalogue_entry_interval CHECK (valid_until > valid_from)
);
CREATE UNIQUE INDEX catalogue_entry_current ON catalogue_entry (item_code, area_code, valid_from) WHERE superseded_at IS NULL;

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
