-- Tables of the service itself, of no domain: its version, tokens, business clock, remembered answers.

-- Which schema the database has, and which code may serve on it (app/database/present.py). Written by `onestop
-- migrate` only.
CREATE TABLE schema_state (
  only_row       boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  schema_version integer NOT NULL,
  oldest_code    integer NOT NULL,
  applied_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT schema_state_order CHECK (oldest_code BETWEEN 1 AND schema_version)
);

-- One row that every instance writes every few seconds, so that it knows whether it could settle.
CREATE TABLE health_probe (
  only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  probed_at timestamptz NOT NULL
);

-- Which process is the one that seals, proves and shows figures, and until when it is taken to be alive
-- (app/database/election.py).
CREATE TABLE election (
  only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  holder     uuid NOT NULL,
  held_until timestamptz NOT NULL
);

-- Bearer tokens of the API, and those that a login to the pages works with. Only the digest of a token is kept.
-- A token that was replaced by another ends at replaced_until.
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
  replaced_until timestamptz,
  last_used_at timestamptz,
  created_by   text NOT NULL,
  request_id   text NOT NULL,
  recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- By which it is known whether a secret is the one that something here was written with (app/service/key_check.py).
CREATE TABLE key_check (
  value       bytea PRIMARY KEY,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Every backup that was taken and read back, so that its age is known. The instant is that of its snapshot.
CREATE TABLE backup (
  backup_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  taken_at    timestamptz NOT NULL,
  dump_bytes  bigint NOT NULL,
  dump_sha256 bytea NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Every time that the database was restored: whole up to data_until, the last settlement in it. Nothing is sent to the
-- bank until it is known what the bank did from then until restored_on, a business day (table bank_check).
CREATE TABLE restoration (
  restoration_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  data_until      timestamptz NOT NULL,
  last_settled_at timestamptz,
  restored_on     date NOT NULL,
  recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Who let whom in, for ever: issued a token, added a user or gave one another password. Two people of whom one let the
-- other in, through any chain, are not two people when something is checked.
CREATE TABLE issue (
  issue_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  issuer      text NOT NULL,
  subject     text NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('token', 'user', 'password')),
  request_id  text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT issue_of_another CHECK (issuer <> subject)
);
CREATE INDEX issue_subject ON issue (subject);

-- The business clock where it is moved by hand; without a row real time is business time.
CREATE TABLE business_clock (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  now      timestamptz NOT NULL
);

-- The answer that was given under an idempotency key: a settlement's id, or the answer's bytes.
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
CREATE INDEX idempotency_recorded ON idempotency USING brin (recorded_at) WITH (autosummarize = on);

-- The audit log: one row per request of somebody known, written when its answer is known. hospital_code and area_code
-- are what the caller is limited to; other_person: a hospital asked for somebody whom it has nothing to do with.
CREATE TABLE audit_event (
  event_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind          text NOT NULL CHECK (kind IN ('read', 'act', 'login', 'export')),
  operation     text NOT NULL,
  query         jsonb NOT NULL,
  status        smallint NOT NULL,
  count         integer,
  ids           text[] NOT NULL,
  reason        text,
  other_person  boolean NOT NULL,
  subject       text NOT NULL,
  hospital_code text,
  area_code     text,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX audit_event_recorded ON audit_event USING brin (recorded_at) WITH (autosummarize = on);
CREATE INDEX audit_event_subject ON audit_event (subject, event_id);
CREATE INDEX audit_event_ids ON audit_event USING gin (ids);
CREATE INDEX audit_event_others ON audit_event (hospital_code, recorded_at) WHERE other_person;

-- What request_open() found: the state of the request, and the remembered answer if there is one.
CREATE TYPE opened_request AS (state text, status smallint, settlement_id bigint, body bytea);
