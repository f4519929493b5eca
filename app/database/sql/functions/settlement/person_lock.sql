-- Locks a person until the transaction ends, and says how long that took, in microseconds. One lock per person
-- serialises everything that spends a yearly room. It is on the person and not on the person-year, because an
-- episode, and with it the deductible, can reach over two years. Taken before any account.
-- Called by bill_facts(), correction_facts(), and by the national interface before it settles a visit.
CREATE FUNCTION person_lock(p_person_id text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE started timestamptz := clock_timestamp();
BEGIN
  PERFORM pg_advisory_xact_lock(lock_key('person', p_person_id));
  RETURN extract(epoch FROM clock_timestamp() - started) * 1000000;
END $$;

GRANT EXECUTE ON FUNCTION person_lock TO onestop_app, onestop_settler;
