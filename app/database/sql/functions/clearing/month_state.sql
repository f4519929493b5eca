-- Whether a month of an area is open, soft or hard; closing its year closes an open one softly. Answers also those
-- whom row-level security doesn't show the figures. The lock, shared by whoever dates something into the month and
-- held alone by whoever closes, keeps the two apart.
-- Called by clearing before anything is dated into a month.
CREATE FUNCTION month_state(p_area text, p_period text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  v_state text;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(lock_key('area_month', p_area));
  SELECT m.state INTO v_state FROM fiscal_month m WHERE m.area_code = p_area AND m.period = p_period;
  IF coalesce(v_state, 'open') = 'open' AND EXISTS (
    SELECT FROM fiscal_year_closing c WHERE c.area_code = p_area AND c.year = left(p_period, 4)::smallint) THEN
    RETURN 'soft';
  END IF;
  RETURN coalesce(v_state, 'open');
END $$;

ALTER FUNCTION month_state OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION month_state TO onestop_app;
