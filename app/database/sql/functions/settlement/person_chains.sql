-- The live settlements of persons as they stand, in the order of settling, over all years, until an instant (not
-- included): with the amounts of their adjustments, and with the document that was computed last. A chain is only right
-- when it is whole, so it comes past the row policies; a person of whom the request reaches no settlement has none here.
-- Called by app/reform/stored.py, which computes them again and shows no row of them.
CREATE FUNCTION person_chains(p_persons text[], p_until timestamptz)
RETURNS TABLE (
  person_id text, settled_at timestamptz, paying_area text, policy_pack text, hospital_code text, visit_id text,
  settle_seq integer, episode text[], basic bigint, serious_illness bigint, supplement bigint,
  medical_assistance bigint, safety_net bigint, hospital bigint, patient bigint, payable_adjustment bigint,
  document text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT s.person_id, s.settled_at, s.paying_area, l.policy_pack, s.hospital_code, s.visit_id,
         s.settle_seq, s.episode, a.*, l.document::text
    FROM settlement s
    CROSS JOIN LATERAL (
      SELECT sum(e.basic)::bigint, sum(e.serious_illness)::bigint, sum(e.supplement)::bigint,
             sum(e.medical_assistance)::bigint, sum(e.safety_net)::bigint, sum(e.hospital)::bigint,
             sum(e.patient)::bigint, sum(e.payable_adjustment)::bigint
        FROM settlement e WHERE e.settlement_id = s.settlement_id OR e.of_settlement_id = s.settlement_id) a
    CROSS JOIN LATERAL (
      SELECT e.policy_pack, e.document FROM settlement e
       WHERE e.settlement_id = s.settlement_id OR e.of_settlement_id = s.settlement_id
       ORDER BY e.entry_no DESC LIMIT 1) l
   WHERE s.person_id = ANY (p_persons) AND s.kind = 'settlement' AND s.settled_at < p_until
     AND NOT EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id AND r.kind = 'reversal')
     AND EXISTS (SELECT FROM settlement o WHERE o.person_id = s.person_id
                    AND coalesce(reaches(o.hospital_code, o.paying_area, o.hospital_area), false))
   ORDER BY s.person_id, s.settled_at, s.benefit_year, s.entry_no
$$;

ALTER FUNCTION person_chains OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION person_chains TO onestop_app;
