-- Whether a day lies in [since, until), where null is open.
-- Called by bill_facts(), area_on(), and by the queries of registry and clearing that ask for the facts of a day.
CREATE FUNCTION holds_on(since date, until date, day date)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (since IS NULL OR since <= day) AND (until IS NULL OR day < until)
$$;

GRANT EXECUTE ON FUNCTION holds_on TO onestop_app, onestop_settler;
