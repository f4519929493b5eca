-- A person's stays as they stand, in the order of settling: what episodes and warnings are made of
-- (app/tiers/episode.py). Last stands what each moved of the accumulators, its adjustments and older parts included.
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
           o.entry_no,
           CASE WHEN NOT c.live THEN '[]' ELSE jsonb_build_array(s.delta) || c.deltas
             || CASE WHEN o.settlement_id IS NULL THEN '[]' ELSE (
                  SELECT jsonb_agg(e.delta) FROM settlement_older e
                   WHERE e.settlement_id = s.settlement_id OR e.settlement_id = ANY (c.ids)) END END)
           ORDER BY s.recorded_at, s.settlement_id), '[]')
    FROM settlement s LEFT JOIN settlement_older o ON o.settlement_id = s.settlement_id CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE r.kind = 'reversal') = 0 AS live, coalesce(sum(r.deductible), 0) AS deductible,
             coalesce(jsonb_agg(r.delta), '[]') AS deltas, array_agg(r.settlement_id) AS ids
        FROM settlement r WHERE r.of_settlement_id = s.settlement_id) c
   WHERE s.person_id = p_person_id AND s.kind = 'settlement' AND s.medical_type IN ('21', '52')
$$;

GRANT EXECUTE ON FUNCTION person_stays TO onestop_settler;
