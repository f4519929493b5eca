-- A hospital as it was on a day; no row of one that isn't registered.
-- Called by nhsa_opened() and nhsa_visit_read(), and by app/nhsa/store.py.
CREATE FUNCTION hospital_on(p_code text, p_day date)
RETURNS TABLE (name text, level smallint, rank text, area_code text) LANGUAGE sql STABLE AS $$
  SELECT h.name, coalesce(q.level, h.level), coalesce(q.rank, h.rank), coalesce(q.area_code, h.area_code)
    FROM hospital h LEFT JOIN hospital_period q ON q.hospital_code = h.code AND q.superseded_at IS NULL
     AND holds_on(q.valid_from, q.valid_until, p_day)
   WHERE h.code = p_code
$$;

GRANT EXECUTE ON FUNCTION hospital_on TO onestop_app;
