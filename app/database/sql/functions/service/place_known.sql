-- Whether a hospital is registered and an area has a record of its own; true for what isn't named.
-- Called by app/service/rights.py.
CREATE FUNCTION place_known(p_hospital text, p_area text, OUT hospital boolean, OUT area boolean)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT p_hospital IS NULL OR EXISTS (SELECT FROM hospital h WHERE h.code = p_hospital),
         p_area IS NULL OR EXISTS (SELECT FROM area a WHERE a.area_code = p_area AND a.superseded_at IS NULL)
$$;

ALTER FUNCTION place_known OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION place_known TO onestop_app;
