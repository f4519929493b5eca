-- Amounts are fen, ratios ten-thousandths, ceilings millionths of a yuan. Intervals are [from, until).

CREATE TABLE token (
  token_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest       bytea NOT NULL UNIQUE,
  subject      text NOT NULL,
  scopes       text[] NOT NULL,
  hospital_code text,
  area_code    text,
  funds        text[],
  expires_at   timestamptz,
  revoked_at   timestamptz,
  revoked_by   text,
  created_by   text NOT NULL,
  request_id   text NOT NULL,
  recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE business_clock (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  now      timestamptz NOT NULL
);

CREATE TABLE idempotency (
  subject       text NOT NULL,
  key           text NOT NULL,
  request_hash  bytea NOT NULL,
  status        smallint NOT NULL,
  settlement_id bigint,
  body          bytea,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (subject, key),
  CONSTRAINT idempotency_answer CHECK ((settlement_id IS NULL) <> (body IS NULL))
);

CREATE TABLE policy_text (
  digest      text PRIMARY KEY,
  pack        text NOT NULL,
  texts       json NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

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
  CONSTRAINT person_insured_interval CHECK (insured_until > insured_from)
);

-- Two times: when it was true [valid_from, valid_until), and when we knew it [recorded_at, superseded_at).
CREATE TABLE identity (
  identity_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  person_id     text NOT NULL REFERENCES person,
  class         text NOT NULL CHECK (class IN ('destitute', 'low_income', 'returned_poverty', 'registered_poor',
                                               'monitored', 'low_income_edge', 'illness_poverty', 'ordinary')),
  valid_from    date NOT NULL,
  valid_until   date,
  evidence      text,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  superseded_at timestamptz,
  superseded_by text,
  CONSTRAINT identity_interval CHECK (valid_until > valid_from)
);
CREATE INDEX identity_current ON identity (person_id) WHERE superseded_at IS NULL;

CREATE TABLE catalogue_entry (
  entry_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  item_code       text NOT NULL,
  name            text NOT NULL,
  kind            text NOT NULL CHECK (kind IN ('drug', 'material', 'service')),
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
CREATE UNIQUE INDEX catalogue_entry_current ON catalogue_entry (item_code, valid_from) WHERE superseded_at IS NULL;

-- A session takes ids in blocks, so that they cost no trip and no lock.
CREATE SEQUENCE settlement_id AS bigint CACHE 50;
CREATE SEQUENCE transfer_id AS bigint CACHE 200;

CREATE TABLE person_year (
  person_id    text NOT NULL,
  benefit_year smallint NOT NULL,
  entries      integer NOT NULL CHECK (entries >= 0),
  accumulators jsonb NOT NULL,
  PRIMARY KEY (person_id, benefit_year)
);

-- Unique for ever, hence narrow and never partitioned.
CREATE TABLE settled_visit (
  hospital_code text NOT NULL,
  visit_id      text NOT NULL,
  settle_seq    integer NOT NULL,
  settlement_id bigint NOT NULL,
  PRIMARY KEY (hospital_code, visit_id, settle_seq)
);

CREATE TABLE settlement (
  settlement_id      bigint PRIMARY KEY,
  kind               text NOT NULL CHECK (kind IN ('settlement', 'reversal', 'adjustment')),
  of_settlement_id   bigint REFERENCES settlement,
  person_id          text NOT NULL,
  benefit_year       smallint NOT NULL,
  entry_no           integer NOT NULL,
  hospital_code      text NOT NULL,
  visit_id           text NOT NULL,
  settle_seq         integer NOT NULL CHECK (settle_seq > 0),
  interim            boolean NOT NULL,
  medical_type       text NOT NULL,
  benefit_class      text NOT NULL,
  paid_by            text NOT NULL CHECK (paid_by IN ('hospital', 'patient')),
  paying_area        text NOT NULL,
  hospital_area      text NOT NULL,
  out_of_area        boolean NOT NULL,
  recoverable        boolean NOT NULL,
  admitted_on        date NOT NULL,
  discharged_on      date NOT NULL,
  settled_at         timestamptz NOT NULL,
  total              bigint NOT NULL,
  own_expense        bigint NOT NULL,
  over_limit         bigint NOT NULL,
  first_pay          bigint NOT NULL,
  in_scope           bigint NOT NULL,
  basic              bigint NOT NULL,
  serious_illness    bigint NOT NULL,
  medical_assistance bigint NOT NULL,
  safety_net         bigint NOT NULL,
  hospital           bigint NOT NULL,
  patient            bigint NOT NULL,
  payable_adjustment bigint NOT NULL,
  deductible         bigint NOT NULL,
  delta              jsonb NOT NULL,
  episode            text[] NOT NULL,
  policy_pack        text NOT NULL,
  policy_version     text NOT NULL,
  policy_digest      text NOT NULL,
  assumed            smallint NOT NULL,
  engine_version     text NOT NULL,
  digest             text NOT NULL,
  result_digest      text NOT NULL,
  warnings           text[] NOT NULL,
  reason             text,
  document           json NOT NULL,
  subject            text NOT NULL,
  request_id         text NOT NULL,
  recorded_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT settlement_entry UNIQUE (person_id, benefit_year, entry_no),
  CONSTRAINT settlement_correction CHECK ((kind = 'settlement') = (of_settlement_id IS NULL)),
  CONSTRAINT settlement_conserves_portions
    CHECK (total = basic + serious_illness + medical_assistance + safety_net + hospital + patient),
  CONSTRAINT settlement_conserves_scope CHECK (total = own_expense + over_limit + first_pay + in_scope),
  CONSTRAINT settlement_signs CHECK (
    CASE kind
      WHEN 'settlement' THEN 0 <= least(total, own_expense, over_limit, first_pay, in_scope, basic, serious_illness,
        medical_assistance, safety_net, hospital, patient, payable_adjustment, deductible)
      WHEN 'reversal' THEN 0 >= greatest(total, own_expense, over_limit, first_pay, in_scope, basic, serious_illness,
        medical_assistance, safety_net, hospital, patient, payable_adjustment, deductible)
      ELSE true
    END)
);
CREATE INDEX settlement_of ON settlement (of_settlement_id) WHERE of_settlement_id IS NOT NULL;
CREATE UNIQUE INDEX settlement_reversed_once ON settlement (of_settlement_id) WHERE kind = 'reversal';
CREATE INDEX settlement_visit ON settlement (hospital_code, visit_id);
CREATE INDEX settlement_newest ON settlement (recorded_at DESC, settlement_id DESC);

CREATE TABLE account (
  account_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  path       text NOT NULL UNIQUE
);

-- One debit account, one credit account, one positive amount: it can't be unbalanced.
CREATE TABLE transfer (
  transfer_id    bigint PRIMARY KEY DEFAULT nextval('transfer_id'),
  event          text NOT NULL,
  settlement_id  bigint REFERENCES settlement,
  debit_account  bigint NOT NULL REFERENCES account,
  credit_account bigint NOT NULL REFERENCES account,
  amount         bigint NOT NULL CHECK (amount > 0),
  area_code      text NOT NULL,
  fund           text NOT NULL,
  tier           text NOT NULL,
  hospital_code  text NOT NULL,
  hospital_area  text NOT NULL,
  clr_type       text NOT NULL,
  business_date  date NOT NULL,
  period         text NOT NULL CHECK (period ~ '^[0-9]{4}-[0-9]{2}$'),
  benefit_year   smallint NOT NULL,
  fiscal_year    smallint NOT NULL,
  subject        text NOT NULL,
  request_id     text NOT NULL,
  recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT transfer_moves CHECK (debit_account <> credit_account)
);
CREATE INDEX transfer_settlement ON transfer (settlement_id);
