-- Settlements, the years they count in, what corrections leave. Amounts are fen.

-- Every pack text that a settlement was ever computed with, by its digest.
CREATE TABLE policy_text (
  digest      text PRIMARY KEY,
  pack        text NOT NULL,
  texts       json NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The accumulators of a person's year as they stand, and how many entries the year has.
CREATE TABLE person_year (
  person_id    text NOT NULL,
  benefit_year smallint NOT NULL,
  entries      integer NOT NULL CHECK (entries >= 0),
  accumulators jsonb NOT NULL,
  PRIMARY KEY (person_id, benefit_year)
);

-- A visit is settled once for each settle_seq. Unique for ever, hence narrow and never partitioned.
CREATE TABLE settled_visit (
  hospital_code text NOT NULL,
  visit_id      text NOT NULL,
  settle_seq    integer NOT NULL,
  settlement_id bigint NOT NULL,
  PRIMARY KEY (hospital_code, visit_id, settle_seq)
);

-- A session takes ids in blocks, so that they cost no trip and no lock.
CREATE SEQUENCE settlement_id AS bigint CACHE 50;

-- The entries of the person-years: settlements, reversals, adjustments. caused_by: which correction made this
-- adjustment necessary; none for a settlement, a reversal, a refund or a readjudication. unknown_item: whether a
-- settlement's bill has a code that no catalogue version had; null without.
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
  supplement         bigint NOT NULL,
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
  caused_by          bigint REFERENCES settlement,
  unknown_item       boolean,
  CONSTRAINT settlement_entry UNIQUE (person_id, benefit_year, entry_no),
  CONSTRAINT settlement_correction CHECK ((kind = 'settlement') = (of_settlement_id IS NULL)),
  CONSTRAINT settlement_caused CHECK (caused_by IS NULL OR kind = 'adjustment'),
  CONSTRAINT settlement_conserves_portions
    CHECK (total = basic + serious_illness + supplement + medical_assistance + safety_net + hospital + patient),
  CONSTRAINT settlement_conserves_scope CHECK (total = own_expense + over_limit + first_pay + in_scope),
  CONSTRAINT settlement_signs CHECK (
    CASE kind
      WHEN 'settlement' THEN 0 <= least(total, own_expense, over_limit, first_pay, in_scope, basic, serious_illness,
        supplement, medical_assistance, safety_net, hospital, patient, payable_adjustment, deductible)
      WHEN 'reversal' THEN 0 >= greatest(total, own_expense, over_limit, first_pay, in_scope, basic, serious_illness,
        supplement, medical_assistance, safety_net, hospital, patient, payable_adjustment, deductible)
      ELSE true
    END)
);
-- What of an entry belongs to the benefit year before its own, where the law splits a stay at the turn of the year: an
-- entry of that year too, numbered with the others. The amounts of its settlement are those of both years, and so are
-- the funds'.
CREATE TABLE settlement_older (
  settlement_id      bigint PRIMARY KEY REFERENCES settlement,
  person_id          text NOT NULL,
  benefit_year       smallint NOT NULL,
  entry_no           integer NOT NULL,
  total              bigint NOT NULL,
  own_expense        bigint NOT NULL,
  over_limit         bigint NOT NULL,
  first_pay          bigint NOT NULL,
  in_scope           bigint NOT NULL,
  basic              bigint NOT NULL,
  serious_illness    bigint NOT NULL,
  supplement         bigint NOT NULL,
  medical_assistance bigint NOT NULL,
  safety_net         bigint NOT NULL,
  hospital           bigint NOT NULL,
  patient            bigint NOT NULL,
  payable_adjustment bigint NOT NULL,
  deductible         bigint NOT NULL,
  delta              jsonb NOT NULL,
  recorded_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT settlement_older_entry UNIQUE (person_id, benefit_year, entry_no),
  CONSTRAINT settlement_older_conserves_portions
    CHECK (total = basic + serious_illness + supplement + medical_assistance + safety_net + hospital + patient),
  CONSTRAINT settlement_older_conserves_scope CHECK (total = own_expense + over_limit + first_pay + in_scope)
);
CREATE INDEX settlement_older_recorded ON settlement_older USING brin (recorded_at) WITH (autosummarize = on);

CREATE INDEX settlement_of ON settlement (of_settlement_id) WHERE of_settlement_id IS NOT NULL;
CREATE UNIQUE INDEX settlement_reversed_once ON settlement (of_settlement_id) WHERE kind = 'reversal';
CREATE INDEX settlement_visit ON settlement (hospital_code, visit_id);
CREATE INDEX settlement_newest ON settlement (recorded_at DESC, settlement_id DESC);
CREATE INDEX settlement_caused_by ON settlement (caused_by) WHERE caused_by IS NOT NULL;
-- Bills with a code that no catalogue version had: few, and all that the worklist of such codes has to look at.
CREATE INDEX settlement_unknown_code ON settlement (settled_at) WHERE unknown_item;
-- Rows come in the order of time, so this stays tiny: the latest rows are found without a burden on settling.
CREATE INDEX settlement_recorded ON settlement USING brin (recorded_at) WITH (autosummarize = on);
CREATE INDEX settlement_settled ON settlement USING brin (settled_at) WITH (autosummarize = on);

-- What a correction leaves between patient and hospital: its patient amount, fen; negative is owed to the patient.
CREATE TABLE patient_balance (
  balance_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  settlement_id     bigint NOT NULL UNIQUE REFERENCES settlement,
  person_id         text NOT NULL,
  hospital_code     text NOT NULL,
  hospital_area     text NOT NULL,
  paying_area       text NOT NULL,
  amount            bigint NOT NULL CHECK (amount <> 0),
  state             text NOT NULL,
  opened_at         timestamptz NOT NULL,
  paid_on           date,
  reference         text,
  subject           text NOT NULL,
  request_id        text NOT NULL,
  recorded_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  closed_by         text,
  closed_request_id text,
  closed_at         timestamptz,
  CONSTRAINT patient_balance_state CHECK (CASE state
    WHEN 'open' THEN true
    WHEN 'refunded' THEN amount < 0
    WHEN 'collected' THEN amount > 0
    WHEN 'waived' THEN amount > 0
    ELSE false END),
  CONSTRAINT patient_balance_paid CHECK (
    (state IN ('refunded', 'collected')) = (paid_on IS NOT NULL AND reference IS NOT NULL))
);
CREATE INDEX patient_balance_newest ON patient_balance (recorded_at DESC, balance_id DESC);
CREATE INDEX patient_balance_hospital ON patient_balance (hospital_code, recorded_at DESC, balance_id DESC);

-- Person-years that were settled under facts that have changed since; a readjudication takes its row away. The amount
-- is at stake where an earlier year's deductible, or what a law counts by stay, on which the year relied, was corrected.
CREATE TABLE readjudication_candidate (
  person_id    text NOT NULL REFERENCES person,
  benefit_year smallint NOT NULL,
  reason       text NOT NULL,
  amount       bigint CHECK (amount > 0),
  since        timestamptz NOT NULL DEFAULT clock_timestamp(),
  subject      text NOT NULL,
  request_id   text NOT NULL,
  PRIMARY KEY (person_id, benefit_year)
);

-- The bill about which bill_facts() is asked.
CREATE TYPE wanted_bill AS (
  hospital_code text, visit_id text, settle_seq integer, person_id text, benefit_year smallint,
  admitted_on date, discharged_on date, transfer_hospital text, transfer_visit text, item_codes text[]
);

-- What entry_write() is to write: one entry of a person-year. NewEntry in app/settlement/store.py has the same fields
-- in the same order.
CREATE TYPE new_entry AS (
  settlement_id bigint, kind text, of_settlement_id bigint, person_id text, benefit_year smallint, entry_no integer,
  hospital_code text, visit_id text, settle_seq integer, interim boolean, medical_type text, benefit_class text,
  paid_by text, paying_area text, hospital_area text, out_of_area boolean, recoverable boolean, admitted_on date,
  discharged_on date, settled_at timestamptz, total bigint, own_expense bigint, over_limit bigint, first_pay bigint,
  in_scope bigint, basic bigint, serious_illness bigint, supplement bigint, medical_assistance bigint,
  safety_net bigint, hospital bigint, patient bigint, payable_adjustment bigint, deductible bigint, delta jsonb,
  episode text[], policy_pack text, policy_version text, policy_digest text, assumed smallint, engine_version text,
  digest text, result_digest text, warnings text[], reason text, document json, caused_by bigint, balance_state text,
  unknown_item boolean
);

-- What of that entry belongs to the benefit year before its own, and that year's accumulators after it. OlderPart in
-- app/settlement/rows.py has the same fields in the same order.
CREATE TYPE new_older AS (
  benefit_year smallint, entry_no integer, total bigint, own_expense bigint, over_limit bigint, first_pay bigint,
  in_scope bigint, basic bigint, serious_illness bigint, supplement bigint, medical_assistance bigint,
  safety_net bigint, hospital bigint, patient bigint, payable_adjustment bigint, deductible bigint, delta jsonb,
  after jsonb
);
