-- The national interface. Amounts are fen, quantities ten-thousandths of a unit, prices millionths of a yuan.
-- Intervals are [from, until). Facts of persons and messages are encrypted; a message has a key of its own, without
-- which it can't be read.

-- A nonce is good once. Kept for as long as its timestamp could be accepted.
CREATE TABLE nhsa_nonce (
  key_id  text NOT NULL,
  nonce   text NOT NULL,
  used_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (key_id, nonce)
);
CREATE INDEX nhsa_nonce_used_at ON nhsa_nonce (used_at);

CREATE TABLE nhsa_session (
  session_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hospital_code text NOT NULL,
  operator_no   text NOT NULL,
  signed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at      timestamptz
);

-- When a hospital last identified a person by certificate, by the business clock.
CREATE TABLE nhsa_identification (
  hospital_code text NOT NULL,
  person_id     text NOT NULL,
  identified_at timestamptz NOT NULL,
  PRIMARY KEY (hospital_code, person_id)
);

-- Look-ups of persons that failed, by the real clock: so many an hour, and no more are answered.
CREATE TABLE nhsa_failed_lookup (
  lookup_no     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hospital_code text NOT NULL,
  failed_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX nhsa_failed_lookup_hospital ON nhsa_failed_lookup (hospital_code, failed_at);

-- Messages that changed something (accepted), that were undone before they arrived (undone), and that were refused.
CREATE TABLE nhsa_message (
  message_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hospital_code text NOT NULL,
  infno         text NOT NULL,
  msgid         text NOT NULL,
  input_hash    bytea NOT NULL,
  outcome       text NOT NULL CHECK (outcome IN ('accepted', 'undone', 'refused')),
  settlement_id bigint,
  visit_no      bigint,
  person_id     text,
  key           bytea,
  request       bytea NOT NULL,
  answer        bytea NOT NULL,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX nhsa_message_once ON nhsa_message (hospital_code, infno, msgid) WHERE outcome <> 'refused';
CREATE INDEX nhsa_message_settlement ON nhsa_message (settlement_id) WHERE settlement_id IS NOT NULL;
CREATE INDEX nhsa_message_visit ON nhsa_message (visit_no, infno) WHERE visit_no IS NOT NULL;
CREATE INDEX nhsa_message_msgid ON nhsa_message (hospital_code, msgid);
CREATE INDEX nhsa_message_readable ON nhsa_message (recorded_at) WHERE key IS NOT NULL;

CREATE TABLE nhsa_visit (
  visit_no      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hospital_code text NOT NULL,
  visit_id      text NOT NULL,
  person_id     text NOT NULL,
  setting       text NOT NULL CHECK (setting IN ('outpatient', 'inpatient')),
  med_type      text,
  insutype      text NOT NULL,
  matn_type     text,
  disease_code  text,
  begins_at     timestamptz NOT NULL,
  ends_at       timestamptz,
  state         text NOT NULL CHECK (state IN ('open', 'discharged', 'withdrawn')),
  details       bytea NOT NULL,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT nhsa_visit_discharged CHECK ((state = 'discharged') = (ends_at IS NOT NULL) OR state = 'withdrawn')
);
CREATE UNIQUE INDEX nhsa_visit_live ON nhsa_visit (hospital_code, visit_id) WHERE state <> 'withdrawn';
CREATE INDEX nhsa_visit_person ON nhsa_visit (person_id);

-- A line belongs to the settlement that it was last settled in; once that is reversed it may be settled again.
CREATE TABLE nhsa_fee_line (
  visit_no           bigint NOT NULL REFERENCES nhsa_visit,
  line_no            integer NOT NULL,
  serial_no          text NOT NULL,
  batch_no           text,
  refund_of_line_no  integer,
  item_code          text NOT NULL,
  hospital_item_code text,
  quantity           bigint NOT NULL,
  unit_price         bigint NOT NULL CHECK (unit_price >= 0),
  amount             bigint NOT NULL,
  charged_at         timestamptz NOT NULL,
  approval           text,
  settlement_id      bigint,
  details            bytea NOT NULL,
  PRIMARY KEY (visit_no, line_no),
  CONSTRAINT nhsa_fee_line_serial UNIQUE (visit_no, serial_no)
);

-- Transfers and chronic diseases that a hospital filed. A transfer is the destination's to see as well, and anyone
-- may fall ill anywhere: a chronic disease is every hospital's to see.
CREATE TABLE nhsa_filing (
  filing_no            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind                 text NOT NULL CHECK (kind IN ('transfer', 'chronic')),
  hospital_code        text NOT NULL,
  person_id            text NOT NULL,
  destination_hospital text,
  source_visit_id      text,
  disease_code         text,
  disease_name         text,
  valid_from           date NOT NULL,
  valid_until          date,
  withdrawn_at         timestamptz,
  details              bytea NOT NULL,
  subject              text NOT NULL,
  request_id           text NOT NULL,
  recorded_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT nhsa_filing_interval CHECK (valid_until > valid_from),
  CONSTRAINT nhsa_filing_kind CHECK (
    CASE kind WHEN 'transfer' THEN destination_hospital IS NOT NULL ELSE disease_code IS NOT NULL END)
);
CREATE INDEX nhsa_filing_person ON nhsa_filing (person_id);

-- The parts of statements that a hospital declared by 3203, one per clearing type.
CREATE TABLE nhsa_declaration (
  declaration_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hospital_code  text NOT NULL,
  statement_id   bigint NOT NULL REFERENCES statement,
  clr_type       text NOT NULL,
  withdrawn_at   timestamptz,
  subject        text NOT NULL,
  request_id     text NOT NULL,
  recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX nhsa_declaration_once ON nhsa_declaration (statement_id, clr_type) WHERE withdrawn_at IS NULL;

-- Files of reconciling, encrypted with a key of their own.
CREATE TABLE nhsa_file (
  file_no       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hospital_code text NOT NULL,
  filename      text NOT NULL,
  key           bytea,
  content       bytea NOT NULL,
  subject       text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX nhsa_file_readable ON nhsa_file (recorded_at) WHERE key IS NOT NULL;
