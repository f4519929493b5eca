-- What a correction needs, under the person's lock: the settlement or the person-year that it is about, and every
-- live settlement of that year from there on as it stands, with the inputs, lines and steps that were computed last. A
-- settlement that is split at the turn of the year brings its other year with it, from there on; of a person-year that is
-- asked for whole, whole.
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
  v_floors jsonb;
  v_linked jsonb;
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

  -- From which entry on each year is read.
  v_floors := jsonb_build_object(v_year, coalesce(t.entry_no, 0));
  IF p_settlement_id IS NOT NULL THEN
    SELECT v_floors || jsonb_build_object(o.benefit_year, o.entry_no) INTO v_linked
      FROM settlement_older o WHERE o.settlement_id = p_settlement_id;
    v_floors := coalesce(v_linked, v_floors);
  END IF;
  LOOP
    SELECT jsonb_object_agg(f.year, f.entry_no) INTO v_linked FROM (
      SELECT u.year, min(u.entry_no) AS entry_no FROM (
        SELECT k.key::smallint AS year, k.value::integer AS entry_no FROM jsonb_each_text(v_floors) k
        UNION ALL
        SELECT x.year, CASE WHEN p_settlement_id IS NULL THEN 0 ELSE x.entry_no END
          FROM settlement_older o JOIN settlement s USING (settlement_id),
               LATERAL (VALUES (s.benefit_year, s.entry_no), (o.benefit_year, o.entry_no)) x(year, entry_no)
         WHERE o.person_id = v_person AND s.kind = 'settlement'
           AND (s.entry_no >= (v_floors ->> s.benefit_year::text)::integer
                OR o.entry_no >= (v_floors ->> o.benefit_year::text)::integer)
           AND NOT EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id AND r.kind = 'reversal')
      ) u GROUP BY u.year) f;
    EXIT WHEN v_linked = v_floors;
    v_floors := v_linked;
  END LOOP;

  SELECT json_agg(json_build_object(
           'row', to_jsonb(s) - 'document' || jsonb_build_object(
                    'benefit_class', l.benefit_class, 'policy_pack', l.policy_pack,
                    'policy_version', l.policy_version, 'policy_digest', l.policy_digest, 'assumed', l.assumed,
                    'older_entry_no', o.entry_no),
           'reached', coalesce(reaches(s.hospital_code, s.paying_area, s.hospital_area), false),
           'whole', json_build_object(
              'scope', json_build_object('own_expense', a.own_expense, 'over_limit', a.over_limit,
                                         'first_pay', a.first_pay, 'in_scope', a.in_scope),
              'portions', json_build_object('basic', a.basic, 'serious_illness', a.serious_illness,
                                            'supplement', a.supplement,
                                            'medical_assistance', a.medical_assistance, 'safety_net', a.safety_net,
                                            'hospital', a.hospital, 'patient', a.patient),
              'payable_adjustment', a.payable_adjustment, 'deductible', a.deductible, 'delta', d.delta,
              'older', CASE WHEN o.settlement_id IS NOT NULL THEN older_standing(s.settlement_id) END),
           'digests', a.digests,
           'document', CASE WHEN p_whole OR s.settlement_id = p_settlement_id THEN l.document END)
           ORDER BY s.benefit_year, s.entry_no),
         count(*)
    INTO v_standing, v_count
    FROM settlement s LEFT JOIN settlement_older o ON o.settlement_id = s.settlement_id
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
   WHERE s.person_id = v_person AND s.kind = 'settlement'
     AND s.benefit_year IN (SELECT k.key::smallint FROM jsonb_each_text(v_floors) k)
     AND (s.entry_no >= (v_floors ->> s.benefit_year::text)::integer
          OR o.entry_no >= (v_floors ->> o.benefit_year::text)::integer)
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
    'years', (SELECT coalesce(json_object_agg(y.benefit_year, json_build_object(
                       'entries', y.entries, 'accumulators', y.accumulators)), '{}')
                FROM person_year y WHERE y.person_id = v_person AND v_floors ? y.benefit_year::text),
    'identities', (SELECT coalesce(json_agg(json_build_array(i.class, i.valid_from, i.valid_until)), '[]')
                     FROM identity i
                    WHERE i.person_id = v_person AND i.superseded_at IS NULL),
    'stays', person_stays(v_person),
    'standing', coalesce(v_standing, '[]'))::text;
END $$;

ALTER FUNCTION correction_facts OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION correction_facts TO onestop_app;
