-- The business time: the clock that is moved by hand (p_manual), or the database's own.
-- Called by app/service/clock.py, bill_facts(), correction_facts().
CREATE FUNCTION business_now(p_manual boolean) RETURNS timestamptz LANGUAGE sql AS $$
  SELECT CASE WHEN p_manual THEN (SELECT now FROM business_clock) ELSE clock_timestamp() END
$$;

GRANT EXECUTE ON FUNCTION business_now TO onestop_app, onestop_settler;
