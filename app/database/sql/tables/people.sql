-- The people who log in to the pages, and their logins.

-- Who logs in to the pages. A user's name is the subject of everything they do; scopes, areas and funds are those of
-- tokens. Times are real time.
CREATE TABLE app_user (
  name          text PRIMARY KEY CHECK (name <> ''),
  password_hash text NOT NULL,
  scopes        text[] NOT NULL CHECK (cardinality(scopes) > 0),
  hospital_code text,
  area_code     text,
  funds         text[],
  must_change   boolean NOT NULL,
  disabled_at   timestamptz,
  created_by    text NOT NULL,
  request_id    text NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A login. What it may do is in its token, whose text nobody has: the cookie opens pages only, not the API.
CREATE TABLE user_session (
  digest   bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
  token_id bigint NOT NULL UNIQUE REFERENCES token,
  name     text NOT NULL REFERENCES app_user,
  seen_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  proven_at timestamptz
);
CREATE INDEX user_session_name ON user_session (name);

-- The second factor of a user: its encrypted secret, from the first right code on with the digests of the recovery codes
-- that are left. A reset is asked for by one administrator and done by another.
CREATE TABLE second_factor (
  name         text PRIMARY KEY REFERENCES app_user,
  secret       bytea NOT NULL,
  confirmed_at timestamptz,
  last_step    bigint NOT NULL DEFAULT 0,
  recovery     bytea[] NOT NULL DEFAULT '{}',
  reset_by     text,
  recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A list's filters, order and columns that somebody gave a name, to find them above the list again: the query of its
-- address. It may name a person.
CREATE TABLE saved_view (
  name        text NOT NULL REFERENCES app_user,
  page        text NOT NULL CHECK (length(page) <= 64),
  title       text NOT NULL CHECK (length(title) BETWEEN 1 AND 40),
  query       text NOT NULL CHECK (length(query) <= 2000),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (name, page, title)
);

-- Failed attempts to prove who one is, by the keyed digests of the name and of where they came from; older ones are of
-- no use and are deleted.
CREATE TABLE failed_login (
  failed_login_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  origin          bytea NOT NULL,
  name            bytea NOT NULL,
  at              timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX failed_login_origin ON failed_login (origin, at);
CREATE INDEX failed_login_name ON failed_login (name, at);
CREATE INDEX failed_login_at ON failed_login (at);
