-- Every settlement of a visit, also reversed ones, by whichever door.
-- Called by nhsa_visit_read(), and by app/nhsa/visit_store.py.
CREATE FUNCTION nhsa_settlements_of(p_hospital text, p_visit text)
RETURNS TABLE (
  settlement_id bigint, settle_seq integer, interim boolean, discharged_on date, person_id text, reversed boolean
) LANGUAGE sql STABLE AS $$
  SELECT s.settlement_id, s.settle_seq, s.interim, s.discharged_on, s.person_id, EXISTS (
           SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id AND r.kind = 'reversal')
    FROM settlement s WHERE s.hospital_code = p_hospital AND s.visit_id = p_visit AND s.kind = 'settlement'
$$;

GRANT EXECUTE ON FUNCTION nhsa_settlements_of TO onestop_app;
