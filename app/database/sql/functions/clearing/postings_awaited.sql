-- Waits until whoever is posting for the area has committed, and lets everybody go on at once: an exception takes the
-- lock back.
-- Called by app/clearing/month_close.py before a month is summed.
CREATE FUNCTION postings_awaited(p_area text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(lock_key('area_year', p_area));
  RAISE EXCEPTION 'awaited' USING ERRCODE = 'OS001';
EXCEPTION WHEN SQLSTATE 'OS001' THEN NULL;
END $$;

GRANT EXECUTE ON FUNCTION postings_awaited TO onestop_app;
