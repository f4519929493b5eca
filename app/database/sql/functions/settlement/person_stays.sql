-- A person's stays as they stand, in the order of settling: what episodes and warnings are made of
-- (app/tiers/episode.py).
-- Called by bill_facts(), correction_facts().
CREATE FUNCTION person_stays(p_person_id text) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT coalesce(json_agg(json_build_array(
           s.settlement_id, s.benefit_year, s.entry_no, s.hospital_code || ' ' || s.visit_id, s.medical_type,
           s.admitted_on, s.discharged_on, c.live,
           CASE WHEN c.live THEN s.deductible + c.deductible ELSE 0 END, s.episode,
           coalesce((SELECT coalesce(q.level, h.level)
                       FROM hospital h LEFT JOIN hospital_period q
                         ON q.hospital_code = h.code AND q.superseded_at IS NULL
                      WHERE h.code = s.hospital_code
                        AND (q.period_id IS NULL OR holds_on(q.valid_from, q.valid_until, s.admitted_on))), 0),
           (SELECT o.entry_no FROM settlement_older o WHERE o.settlement_id = s.settlement_id))
           ORDER BY s.recorded_at, s.settlement_id), '[]')
    FROM settlement s CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE r.kind = 'reversal') = 0 AS live, coalesce(sum(r.deductible), 0) AS deductible
        FROM settlement r WHERE r.of_settlement_id = s.settlement_id) c
   WHERE s.person_id = p_person_id AND s.kind = 'settlement' AND s.medical_type IN ('21', '52')
$$;

GRANT EXECUTE ON FUNCTION person_stays TO onestop_settler;
