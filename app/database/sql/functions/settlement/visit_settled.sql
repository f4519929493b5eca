-- Whether a visit was ever settled: a transfer is asked about at the hospital that the patient came to, and the visit
-- before is another hospital's, whose settlements nobody there may see.
-- Called by app/nhsa/visit_store.py.
CREATE FUNCTION visit_settled(p_hospital text, p_visit text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT FROM settled_visit WHERE hospital_code = p_hospital AND visit_id = p_visit)
$$;

ALTER FUNCTION visit_settled OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION visit_settled TO onestop_app;
