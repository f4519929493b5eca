-- Everything the engine needs to know about a bill, as one JSON document: the first of settling's two calls. With a
-- key it locks the person and hands out an id; without, it only reads. What is known by date is that of the admission
-- day: level, rank and area of the hospital, insurance, area and registrations of the person, and the records of the
-- person's area. Of the catalogue the versions of the person's area come first. States besides those of request_open:
-- none.
-- Called by app/settlement/store.py for a quote and for a settlement.
CREATE FUNCTION bill_facts(
  p_token_id bigint, p_subject text, p_request_id text, p_reach text, p_hospital text, p_area text,
  p_key text, p_hash bytea, p_wait interval, p_manual boolean, b wanted_bill
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  opened opened_request;
  lock_wait bigint := 0;
  v_area text;
BEGIN
  opened := request_open(p_token_id, p_subject, p_request_id, p_reach, p_hospital, p_area, p_key, p_hash, p_wait);
  IF opened.state <> 'new' THEN
    RETURN json_build_object('state', opened.state, 'settlement_id', opened.settlement_id)::text;
  END IF;
  IF p_key IS NOT NULL THEN
    lock_wait := person_lock(b.person_id);
  END IF;
  SELECT coalesce((SELECT a.area_code FROM person_area a WHERE a.person_id = p.person_id AND a.superseded_at IS NULL
                      AND holds_on(a.valid_from, a.valid_until, b.admitted_on)), p.area_code)
    INTO v_area FROM person p WHERE p.person_id = b.person_id;
  RETURN json_build_object(
    'state', 'new',
    'settlement_id', CASE WHEN p_key IS NOT NULL THEN nextval('settlement_id') ELSE 0 END,
    'now', business_now(p_manual),
    'lock_wait', lock_wait,
    'settled', (SELECT v.settlement_id FROM settled_visit v WHERE v.hospital_code = b.hospital_code
                  AND v.visit_id = b.visit_id AND v.settle_seq = b.settle_seq),
    'person', (SELECT json_build_object('area_code', v_area, 'insurance_type', p.insurance_type, 'retired',
                 coalesce(p.retired_from <= b.admitted_on, false), 'insured',
                 coalesce((SELECT bool_or(holds_on(i.valid_from, i.valid_until, b.admitted_on)) FROM insured_period i
                            WHERE i.person_id = p.person_id AND i.superseded_at IS NULL),
                          holds_on(p.insured_from, p.insured_until, b.admitted_on)))
                 FROM person p WHERE p.person_id = b.person_id),
    'area', area_on(v_area, b.discharged_on),
    'classes', (SELECT coalesce(json_agg(i.class), '[]') FROM identity i WHERE i.person_id = b.person_id
                  AND i.superseded_at IS NULL AND i.valid_from <= b.admitted_on
                  AND (i.valid_until IS NULL OR b.admitted_on < i.valid_until)),
    'registrations', (SELECT coalesce(json_agg(r.disease_code), '[]') FROM chronic_registration r
                        WHERE r.person_id = b.person_id AND r.superseded_at IS NULL
                          AND holds_on(r.valid_from, r.valid_until, b.admitted_on)),
    'hospital', (SELECT json_build_object(
                   'level', coalesce(q.level, h.level), 'rank', coalesce(q.rank, h.rank),
                   'area_code', coalesce(q.area_code, h.area_code), 'contracted',
                   coalesce((SELECT bool_or(holds_on(c.valid_from, c.valid_until, b.admitted_on))
                               FROM hospital_contract c
                              WHERE c.hospital_code = h.code AND c.superseded_at IS NULL), true))
                   FROM hospital h LEFT JOIN hospital_period q ON q.hospital_code = h.code AND q.superseded_at IS NULL
                  WHERE h.code = b.hospital_code
                    AND (q.period_id IS NULL OR holds_on(q.valid_from, q.valid_until, b.admitted_on))),
    'entries', (SELECT coalesce(json_agg(json_build_array(e.item_code, e.class, e.first_pay_ratio,
                  json_build_array(e.ceiling_1, e.ceiling_2, e.ceiling_3), e.restricted, e.valid_from,
                  e.valid_until, e.kind) ORDER BY e.area_code DESC), '[]')
                  FROM catalogue_entry e WHERE e.item_code = ANY (b.item_codes) AND e.superseded_at IS NULL
                   AND e.area_code = ANY (catalogue_owners(coalesce(v_area, '000000')))),
    'accumulators', (SELECT y.accumulators FROM person_year y
                       WHERE y.person_id = b.person_id AND y.benefit_year = b.benefit_year),
    'entries_before', coalesce((SELECT y.entries FROM person_year y
                       WHERE y.person_id = b.person_id AND y.benefit_year = b.benefit_year), 0),
    'stays', person_stays(b.person_id),
    'settled_later_stay', EXISTS (
       SELECT FROM settlement s WHERE s.person_id = b.person_id AND s.benefit_year = b.benefit_year
          AND s.kind = 'settlement' AND s.discharged_on > b.discharged_on
          AND NOT EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id AND r.kind = 'reversal'))
  )::text;
END $$;

ALTER FUNCTION bill_facts OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION bill_facts TO onestop_app;
