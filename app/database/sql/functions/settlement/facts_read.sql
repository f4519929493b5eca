-- Everything the engine needs to know about bills, one JSON document each, in their order; only reads. What is known by
-- date is that of the admission day: level, rank and area of the hospital, insurance, area and registrations of the
-- person, and the records of the person's area. Of the catalogue the versions of the person's area come first. With
-- p_keyed each has the id of its settlement. All that is looked up is a subquery for one bill, and the person's area
-- has a fence (OFFSET 0), so that no plan for many bills joins and reads a whole table.
-- Called by bill_facts(), bills_facts(), under the persons' locks where bills are settled.
CREATE FUNCTION facts_read(bills wanted_bill[], p_lock_wait bigint, p_keyed boolean, p_manual boolean)
RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  v_now CONSTANT timestamptz := business_now(p_manual);
BEGIN
  RETURN (
  SELECT array_agg(json_build_object(
    'state', 'new',
    'settlement_id', CASE WHEN p_keyed THEN nextval('settlement_id') ELSE 0 END,
    'now', v_now,
    'lock_wait', p_lock_wait,
    'settled', (SELECT v.settlement_id FROM settled_visit v WHERE v.hospital_code = b.hospital_code
                  AND v.visit_id = b.visit_id AND v.settle_seq = b.settle_seq),
    'person', (SELECT json_build_object('area_code', o.area, 'insurance_type', p.insurance_type, 'retired',
                 coalesce(p.retired_from <= b.admitted_on, false), 'insured',
                 coalesce((SELECT bool_or(holds_on(i.valid_from, i.valid_until, b.admitted_on)) FROM insured_period i
                            WHERE i.person_id = p.person_id AND i.superseded_at IS NULL),
                          holds_on(p.insured_from, p.insured_until, b.admitted_on)))
                 FROM person p WHERE p.person_id = b.person_id),
    'area', area_on(o.area, b.discharged_on),
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
                   AND e.area_code = ANY (catalogue_owners(coalesce(o.area, '000000')))),
    'accumulators', (SELECT y.accumulators FROM person_year y
                       WHERE y.person_id = b.person_id AND y.benefit_year = b.benefit_year),
    'entries_before', coalesce((SELECT y.entries FROM person_year y
                       WHERE y.person_id = b.person_id AND y.benefit_year = b.benefit_year), 0),
    'older', CASE WHEN extract(year FROM b.admitted_on) < b.benefit_year THEN json_build_object(
       'area', area_on(o.area, make_date(b.benefit_year - 1, 12, 31)),
       'accumulators', (SELECT y.accumulators FROM person_year y
                         WHERE y.person_id = b.person_id AND y.benefit_year = b.benefit_year - 1),
       'entries_before', coalesce((SELECT y.entries FROM person_year y
                         WHERE y.person_id = b.person_id AND y.benefit_year = b.benefit_year - 1), 0)) END,
    'stays', person_stays(b.person_id),
    'settled_later_stay', EXISTS (
       SELECT FROM settlement s WHERE s.person_id = b.person_id AND (s.benefit_year = b.benefit_year
            OR s.benefit_year = b.benefit_year + 1 AND EXISTS (
              SELECT FROM settlement_older x WHERE x.settlement_id = s.settlement_id))
          AND s.kind = 'settlement' AND s.discharged_on > b.discharged_on
          AND NOT EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id AND r.kind = 'reversal'))
  )::text ORDER BY b.number)
    FROM (SELECT * FROM unnest(bills) WITH ORDINALITY AS u(
            hospital_code, visit_id, settle_seq, person_id, benefit_year, admitted_on, discharged_on,
            transfer_hospital, transfer_visit, item_codes, number)) b
    LEFT JOIN LATERAL (
      SELECT coalesce((SELECT a.area_code FROM person_area a WHERE a.person_id = p.person_id
                          AND a.superseded_at IS NULL AND holds_on(a.valid_from, a.valid_until, b.admitted_on)),
                      p.area_code) AS area
        FROM person p WHERE p.person_id = b.person_id OFFSET 0) o ON true);
END $$;

GRANT EXECUTE ON FUNCTION facts_read TO onestop_settler;
