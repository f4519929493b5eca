-- What a correction needs, under the person's lock: the settlement or the person-year that it is about, and every
-- live settlement of that year from there on as it stands, with the inputs, lines and steps that were computed last.
-- Without p_whole only the first one comes with its document. States besides those of request_open: not_found.
-- Called by app/settlement/store.py for reversals, refunds, recoveries and readjudications.
CREATE FUNCTION correction_facts(
  p_token_id bigint, p_subject text, p_request_id text, p_reach text, p_hospital text, p_area text,
  p_key text, p_hash bytea, p_wait interval, p_manual boolean,
  p_settlement_id bigint, p_person_id text, p_year smallint, p_whole boolean
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  opened opened_request;
  t settlement;
  v_person text := p_person_id;
  v_year smallint := p_year;
  v_standing json;
  v_count integer;
BEGIN
  opened := request_open(p_token_id, p_subject, p_request_id, p_reach, p_hospital, p_area, p_key, p_hash, p_wait);
  IF opened.state <> 'new' THEN
    RETURN json_build_object(
      'state', opened.state, 'status', opened.status, 'body', encode(opened.body, 'base64'))::text;
  END IF;
  IF p_settlement_id IS NOT NULL THEN
    SELECT * INTO t FROM settlement WHERE settlement_id = p_settlement_id;
    IF NOT FOUND OR NOT coalesce(reaches(t.hospital_code, t.paying_area, t.hospital_area), false) THEN
      RETURN json_build_object('state', 'not_found')::text;
    END IF;
    v_person := t.person_id;
    v_year := t.benefit_year;
  ELSIF NOT EXISTS (
    SELECT FROM person p WHERE p.person_id = v_person AND coalesce(reaches(NULL, p.area_code, NULL), false)) THEN
    RETURN json_build_object('state', 'not_found')::text;
  END IF;
  IF p_key IS NOT NULL THEN
    PERFORM person_lock(v_person);
  END IF;

  SELECT json_agg(json_build_object(
           'row', to_jsonb(s) - 'document' || jsonb_build_object(
                    'benefit_class', l.benefit_class, 'policy_pack', l.policy_pack,
                    'policy_version', l.policy_version, 'policy_digest', l.policy_digest, 'assumed', l.assumed),
           'reached', coalesce(reaches(s.hospital_code, s.paying_area, s.hospital_area), false),
           'whole', json_build_object(
              'scope', json_build_object('own_expense', a.own_expense, 'over_limit', a.over_limit,
                                         'first_pay', a.first_pay, 'in_scope', a.in_scope),
              'portions', json_build_object('basic', a.basic, 'serious_illness', a.serious_illness,
                                            'supplement', a.supplement,
                                            'medical_assistance', a.medical_assistance, 'safety_net', a.safety_net,
                                            'hospital', a.hospital, 'patient', a.patient),
              'payable_adjustment', a.payable_adjustment, 'deductible', a.deductible, 'delta', d.delta),
           'digests', a.digests,
           'document', CASE WHEN p_whole OR s.settlement_id = p_settlement_id THEN l.document END) ORDER BY s.entry_no),
         count(*)
    INTO v_standing, v_count
    FROM settlement s
    CROSS JOIN LATERAL (
      SELECT sum(e.own_expense)::bigint AS own_expense, sum(e.over_limit)::bigint AS over_limit,
             sum(e.first_pay)::bigint AS first_pay, sum(e.in_scope)::bigint AS in_scope,
             sum(e.basic)::bigint AS basic, sum(e.serious_illness)::bigint AS serious_illness,
             sum(e.supplement)::bigint AS supplement,
             sum(e.medical_assistance)::bigint AS medical_assistance, sum(e.safety_net)::bigint AS safety_net,
             sum(e.hospital)::bigint AS hospital, sum(e.patient)::bigint AS patient,
             sum(e.payable_adjustment)::bigint AS payable_adjustment, sum(e.deductible)::bigint AS deductible,
             json_agg(e.result_digest ORDER BY e.entry_no) AS digests
        FROM settlement e WHERE e.settlement_id = s.settlement_id OR e.of_settlement_id = s.settlement_id) a
    CROSS JOIN LATERAL (
      SELECT coalesce(json_object_agg(k.key, k.total) FILTER (WHERE k.total <> 0), '{}') AS delta FROM (
        SELECT j.key, sum(j.value::bigint)::bigint AS total FROM settlement e, jsonb_each_text(e.delta) j
         WHERE e.settlement_id = s.settlement_id OR e.of_settlement_id = s.settlement_id GROUP BY j.key) k) d
    CROSS JOIN LATERAL (
      SELECT e.* FROM settlement e WHERE e.settlement_id = s.settlement_id OR e.of_settlement_id = s.settlement_id
       ORDER BY e.entry_no DESC LIMIT 1) l
   WHERE s.person_id = v_person AND s.benefit_year = v_year AND s.kind = 'settlement'
     AND s.entry_no >= coalesce(t.entry_no, 0)
     AND (s.settlement_id = p_settlement_id
          OR NOT EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id AND r.kind = 'reversal'));

  RETURN json_build_object(
    'state', 'new',
    'now', business_now(p_manual),
    'person_id', v_person,
    'benefit_year', v_year,
    'kind', t.kind,
    'reversed', EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = p_settlement_id AND r.kind = 'reversal'),
    'ids', (SELECT json_agg(nextval('settlement_id'))
              FROM generate_series(1, CASE WHEN p_key IS NULL THEN 0 ELSE v_count END)),
    'accumulators', (SELECT y.accumulators FROM person_year y WHERE y.person_id = v_person AND y.benefit_year = v_year),
    'entries_before', coalesce((SELECT y.entries FROM person_year y
                                 WHERE y.person_id = v_person AND y.benefit_year = v_year), 0),
    'identities', (SELECT coalesce(json_agg(json_build_array(i.class, i.valid_from, i.valid_until)), '[]')
                     FROM identity i
                    WHERE i.person_id = v_person AND i.superseded_at IS NULL),
    'stays', person_stays(v_person),
    'standing', coalesce(v_standing, '[]'))::text;
END $$;

ALTER FUNCTION correction_facts OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION correction_facts TO onestop_app;
