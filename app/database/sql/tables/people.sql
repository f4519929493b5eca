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
  failures      smallint NOT NULL DEFAULT 0 CHECK (failures >= 0),
  locked_until  timestamptz,
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
  seen_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX user_session_name ON user_session (name);

-- Failed logins by the keyed digest of where they came from; older ones are of no use and are deleted.
CREATE TABLE failed_login (
  failed_login_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  origin          bytea NOT NULL,
  at              timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX failed_login_origin ON failed_login (origin, at);
CREATE INDEX failed_login_at ON failed_login (at);
