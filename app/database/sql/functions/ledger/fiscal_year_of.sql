-- The fiscal year of a posting: the benefit year while it is open, else the year of the day. The lock, shared by
-- whoever posts and held alone by whoever closes, keeps a posting from slipping into a year that is being closed. A
-- hospital sees no closings, its acceptance heeds them.
-- Called by entry_write(), deduction_given_back(), and by clearing before it posts.
CREATE FUNCTION fiscal_year_of(p_area text, p_benefit_year smallint, p_day date)
RETURNS smallint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(lock_key('area_year', p_area));
  RETURN CASE WHEN EXISTS (SELECT FROM fiscal_year_closing c WHERE c.area_code = p_area AND c.year = p_benefit_year)
              THEN extract(year FROM p_day)::smallint ELSE p_benefit_year END;
END $$;

ALTER FUNCTION fiscal_year_of OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION fiscal_year_of TO onestop_app, onestop_settler;
