-- The advisory locks that the database takes itself, by name: what is locked (a person, a month of an area), and its
-- number. The same names and numbers are in app/database/locks.py, with those of the locks that the service takes, and
-- why each is needed; a test compares. An unknown name is an error: it would lock nothing.
-- Called by request_open(), person_lock(), fiscal_year_of(), month_state(), postings_awaited(), nhsa_message_lock(),
-- roles_meeting().
CREATE FUNCTION lock_key(p_lock text, p_name text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  v_number CONSTANT bigint NOT NULL := CASE p_lock
    WHEN 'idempotency_key' THEN 1
    WHEN 'person' THEN 2
    WHEN 'area_year' THEN 4
    WHEN 'area_month' THEN 6
    WHEN 'nhsa_message' THEN 12
    WHEN 'subject' THEN 14
  END;
BEGIN
  RETURN hashtextextended(p_name, v_number);
END $$;

GRANT EXECUTE ON FUNCTION lock_key TO onestop_app, onestop_settler;
