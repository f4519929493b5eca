-- As before, and onestop.finance: whether the token may carry a correction into another hospital's settlements.
CREATE OR REPLACE FUNCTION request_open(
  p_token_id bigint, p_subject text, p_request_id text, p_reach text, p_hospital text, p_area text,
  p_key text, p_hash bytea, p_wait interval
) RETURNS opened_request LANGUAGE plpgsql AS $$
DECLARE
  found_row idempotency;
  v_scopes text[] := ARRAY['admin'];
  lock_id bigint;
  give_up timestamptz;
BEGIN
  IF p_token_id <> 0 THEN
    SELECT scopes INTO v_scopes FROM token WHERE token_id = p_token_id AND revoked_at IS NULL
       AND (expires_at IS NULL OR expires_at > clock_timestamp());
  END IF;
  PERFORM set_config('onestop.subject', p_subject, true), set_config('onestop.request_id', p_request_id, true),
          set_config('onestop.reach', p_reach, true), set_config('onestop.hospital', p_hospital, true),
          set_config('onestop.area', p_area, true),
          set_config('onestop.finance', coalesce(v_scopes && ARRAY['finance', 'admin'], false)::text, true);
  IF v_scopes IS NULL THEN
    RETURN ROW('token_ended', NULL, NULL, NULL)::opened_request;
  END IF;
  IF p_key IS NULL THEN
    RETURN ROW('new', NULL, NULL, NULL)::opened_request;
  END IF;
  lock_id := hashtextextended(p_subject || ' ' || p_key, 1);
  give_up := clock_timestamp() + p_wait;
  WHILE NOT pg_try_advisory_xact_lock(lock_id) LOOP
    IF clock_timestamp() > give_up THEN
      RETURN ROW('in_progress', NULL, NULL, NULL)::opened_request;
    END IF;
    PERFORM pg_sleep(0.01);
  END LOOP;
  SELECT * INTO found_row FROM idempotency WHERE subject = p_subject AND key = p_key;
  IF NOT FOUND THEN
    RETURN ROW('new', NULL, NULL, NULL)::opened_request;
  ELSIF found_row.request_hash <> p_hash THEN
    RETURN ROW('reused', NULL, NULL, NULL)::opened_request;
  END IF;
  RETURN ROW('replayed', found_row.status, found_row.settlement_id, found_row.body)::opened_request;
END $$;

-- A person's stays as they stand, in the order of settling: what episodes and warnings are made of (app/tiers/episode.py).
CREATE FUNCTION person_stays(p_person_id text) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT coalesce(json_agg(json_build_array(
           s.settlement_id, s.benefit_year, s.entry_no, s.hospital_code || ' ' || s.visit_id, s.medical_type, s.admitted_on,
           s.discharged_on, c.live, CASE WHEN c.live THEN s.deductible + c.deductible ELSE 0 END, s.episode)
           ORDER BY s.benefit_year, s.entry_no), '[]')
    FROM settlement s CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE r.kind = 'reversal') = 0 AS live, coalesce(sum(r.deductible), 0) AS deductible
        FROM settlement r WHERE r.of_settlement_id = s.settlement_id) c
   WHERE s.person_id = p_person_id AND s.kind = 'settlement' AND s.medical_type IN ('21', '52')
$$;

-- Everything the engine needs to know, as one JSON document. With a key it locks and hands out an id; without, it only reads.
CREATE FUNCTION bill_facts(
  p_token_id bigint, p_subject text, p_request_id text, p_reach text, p_hospital text, p_area text,
  p_key text, p_hash bytea, p_wait interval, p_manual boolean, b wanted_bill
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  opened opened_request;
  lock_wait bigint := 0;
BEGIN
  opened := request_open(p_token_id, p_subject, p_request_id, p_reach, p_hospital, p_area, p_key, p_hash, p_wait);
  IF opened.state <> 'new' THEN
    RETURN json_build_object('state', opened.state, 'settlement_id', opened.settlement_id)::text;
  END IF;
  IF p_key IS NOT NULL THEN
    lock_wait := person_lock(b.person_id);
  END IF;
  RETURN json_build_object(
    'state', 'new',
    'settlement_id', CASE WHEN p_key IS NOT NULL THEN nextval('settlement_id') ELSE 0 END,
    'now', business_now(p_manual),
    'lock_wait', lock_wait,
    'settled', (SELECT v.settlement_id FROM settled_visit v WHERE v.hospital_code = b.hospital_code
                  AND v.visit_id = b.visit_id AND v.settle_seq = b.settle_seq),
    'person', (SELECT json_build_object('area_code', p.area_code, 'insurance_type', p.insurance_type, 'insured',
                 coalesce(p.insured_from <= b.admitted_on, true) AND coalesce(b.admitted_on < p.insured_until, true))
                 FROM person p WHERE p.person_id = b.person_id),
    'classes', (SELECT coalesce(json_agg(i.class), '[]') FROM identity i WHERE i.person_id = b.person_id
                  AND i.superseded_at IS NULL AND i.valid_from <= b.admitted_on
                  AND (i.valid_until IS NULL OR b.admitted_on < i.valid_until)),
    'hospital', (SELECT json_build_object('level', h.level, 'rank', h.rank, 'area_code', h.area_code)
                   FROM hospital h WHERE h.code = b.hospital_code),
    'entries', (SELECT coalesce(json_agg(json_build_array(e.item_code, e.class, e.first_pay_ratio,
                  json_build_array(e.ceiling_1, e.ceiling_2, e.ceiling_3), e.restricted, e.valid_from, e.valid_until)), '[]')
                  FROM catalogue_entry e WHERE e.item_code = ANY (b.item_codes) AND e.superseded_at IS NULL),
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

-- What a correction needs, under the person's lock: the settlement or the person-year that it is about, and every live
-- settlement of that year from there on as it stands, with the inputs, lines and steps that were computed last.
-- Without p_whole only the first one comes with its document. States besides those of request_open: not_found.
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
    RETURN json_build_object('state', opened.state, 'status', opened.status, 'body', encode(opened.body, 'base64'))::text;
  END IF;
  IF p_settlement_id IS NOT NULL THEN
    SELECT * INTO t FROM settlement WHERE settlement_id = p_settlement_id;
    IF NOT FOUND OR NOT coalesce(reaches(t.hospital_code, t.paying_area, t.hospital_area), false) THEN
      RETURN json_build_object('state', 'not_found')::text;
    END IF;
    v_person := t.person_id;
    v_year := t.benefit_year;
  ELSIF NOT EXISTS (SELECT FROM person p WHERE p.person_id = v_person AND coalesce(reaches(NULL, p.area_code, NULL), false)) THEN
    RETURN json_build_object('state', 'not_found')::text;
  END IF;
  IF p_key IS NOT NULL THEN
    PERFORM person_lock(v_person);
  END IF;

  SELECT json_agg(json_build_object(
           'row', to_jsonb(s) - 'document' || jsonb_build_object('benefit_class', l.benefit_class, 'policy_pack', l.policy_pack,
                    'policy_version', l.policy_version, 'policy_digest', l.policy_digest, 'assumed', l.assumed),
           'reached', coalesce(reaches(s.hospital_code, s.paying_area, s.hospital_area), false),
           'whole', json_build_object(
              'scope', json_build_object('own_expense', a.own_expense, 'over_limit', a.over_limit, 'first_pay', a.first_pay,
                                         'in_scope', a.in_scope),
              'portions', json_build_object('basic', a.basic, 'serious_illness', a.serious_illness,
                                            'medical_assistance', a.medical_assistance, 'safety_net', a.safety_net,
                                            'hospital', a.hospital, 'patient', a.patient),
              'payable_adjustment', a.payable_adjustment, 'deductible', a.deductible, 'delta', d.delta),
           'digests', a.digests,
           'document', CASE WHEN p_whole OR s.settlement_id = p_settlement_id THEN l.document END) ORDER BY s.entry_no),
         count(*)
    INTO v_standing, v_count
    FROM settlement s
    CROSS JOIN LATERAL (
      SELECT sum(e.own_expense)::bigint AS own_expense, sum(e.over_limit)::bigint AS over_limit, sum(e.first_pay)::bigint AS first_pay,
             sum(e.in_scope)::bigint AS in_scope, sum(e.basic)::bigint AS basic, sum(e.serious_illness)::bigint AS serious_illness,
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
    'ids', (SELECT json_agg(nextval('settlement_id')) FROM generate_series(1, CASE WHEN p_key IS NULL THEN 0 ELSE v_count END)),
    'accumulators', (SELECT y.accumulators FROM person_year y WHERE y.person_id = v_person AND y.benefit_year = v_year),
    'entries_before', coalesce((SELECT y.entries FROM person_year y
                                 WHERE y.person_id = v_person AND y.benefit_year = v_year), 0),
    'identities', (SELECT coalesce(json_agg(json_build_array(i.class, i.valid_from, i.valid_until)), '[]') FROM identity i
                    WHERE i.person_id = v_person AND i.superseded_at IS NULL),
    'stays', person_stays(v_person),
    'standing', coalesce(v_standing, '[]'))::text;
END $$;

-- One row of a person-year: a settlement, a reversal or an adjustment.
CREATE TYPE new_entry AS (
  settlement_id bigint, kind text, of_settlement_id bigint, person_id text, benefit_year smallint, entry_no integer,
  hospital_code text, visit_id text, settle_seq integer, interim boolean, medical_type text, benefit_class text,
  paid_by text, paying_area text, hospital_area text, out_of_area boolean, recoverable boolean, admitted_on date,
  discharged_on date, settled_at timestamptz, total bigint, own_expense bigint, over_limit bigint, first_pay bigint,
  in_scope bigint, basic bigint, serious_illness bigint, medical_assistance bigint, safety_net bigint, hospital bigint,
  patient bigint, payable_adjustment bigint, deductible bigint, delta jsonb, episode text[], policy_pack text,
  policy_version text, policy_digest text, assumed smallint, engine_version text, digest text, result_digest text,
  warnings text[], reason text, document json, caused_by bigint, balance_state text
);

-- Writes an entry with its transfers, the person-year, the patient's balance and the idempotency row. Refuses what the subject
-- may not touch, a year that moved on, transfers that differ from what the funds owe, an adjustment of what is reversed.
CREATE FUNCTION entry_write(e new_entry, transfers new_transfer[], p_after jsonb, p_key text, p_hash bytea)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_subject text := current_setting('onestop.subject');
  v_request text := current_setting('onestop.request_id');
  v_day date := (e.settled_at AT TIME ZONE 'Asia/Shanghai')::date;
  paths text[];
BEGIN
  IF NOT coalesce(reaches(e.hospital_code, e.paying_area, e.hospital_area), false)
     AND NOT (e.caused_by IS NOT NULL AND current_setting('onestop.finance', true) = 'true') THEN
    RAISE EXCEPTION 'settlement out of reach' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF e.kind = 'settlement' THEN
    INSERT INTO settled_visit VALUES (e.hospital_code, e.visit_id, e.settle_seq, e.settlement_id);
  ELSIF e.kind = 'adjustment' AND EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = e.of_settlement_id AND r.kind = 'reversal') THEN
    RAISE EXCEPTION 'a reversed settlement can not be adjusted' USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO settlement VALUES (
    e.settlement_id, e.kind, e.of_settlement_id, e.person_id, e.benefit_year, e.entry_no, e.hospital_code, e.visit_id,
    e.settle_seq, e.interim, e.medical_type, e.benefit_class, e.paid_by, e.paying_area, e.hospital_area, e.out_of_area,
    e.recoverable, e.admitted_on, e.discharged_on, e.settled_at, e.total, e.own_expense, e.over_limit, e.first_pay,
    e.in_scope, e.basic, e.serious_illness, e.medical_assistance, e.safety_net, e.hospital, e.patient,
    e.payable_adjustment, e.deductible, e.delta, e.episode, e.policy_pack, e.policy_version, e.policy_digest, e.assumed,
    e.engine_version, e.digest, e.result_digest, e.warnings, e.reason, e.document, v_subject, v_request,
    clock_timestamp(), e.caused_by);

  SELECT array_agg(t.debit) || array_agg(t.credit) INTO paths FROM unnest(transfers) t;
  IF EXISTS (
    SELECT FROM (VALUES ('basic', e.basic + e.payable_adjustment), ('serious_illness', e.serious_illness),
                        ('medical_assistance', e.medical_assistance), ('safety_net', e.safety_net)) o(tier, owed)
     WHERE o.owed <> coalesce((SELECT sum(CASE WHEN t.debit LIKE '%/expense' THEN t.amount WHEN t.credit LIKE '%/expense' THEN -t.amount
                                          ELSE 0 END)
                                 FROM unnest(transfers) t WHERE t.tier = o.tier), 0)
  ) THEN
    RAISE EXCEPTION 'transfers do not equal what the funds owe' USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (SELECT FROM unnest(paths) p(path) LEFT JOIN account a USING (path) WHERE a.path IS NULL) THEN
    INSERT INTO account (path) SELECT DISTINCT p.path FROM unnest(paths) p(path) ORDER BY 1 ON CONFLICT DO NOTHING;
  END IF;
  INSERT INTO transfer (event, settlement_id, debit_account, credit_account, amount, area_code, fund, tier, hospital_code,
                        hospital_area, clr_type, business_date, period, benefit_year, fiscal_year, subject, request_id)
  SELECT t.event, e.settlement_id, d.account_id, c.account_id, t.amount, e.paying_area, t.fund, t.tier, e.hospital_code,
         e.hospital_area, t.clr_type, v_day, to_char(v_day, 'YYYY-MM'), e.benefit_year, e.benefit_year, v_subject, v_request
    FROM unnest(transfers) t JOIN account d ON d.path = t.debit JOIN account c ON c.path = t.credit;

  IF e.balance_state IS NOT NULL THEN
    INSERT INTO patient_balance (settlement_id, person_id, hospital_code, hospital_area, paying_area, amount, state, opened_at,
                                 subject, request_id)
    VALUES (e.settlement_id, e.person_id, e.hospital_code, e.hospital_area, e.paying_area, e.patient, e.balance_state,
            e.settled_at, v_subject, v_request);
  ELSIF e.kind <> 'settlement' AND e.patient <> 0 THEN
    RAISE EXCEPTION 'a correction of the patient''s money needs a balance' USING ERRCODE = 'check_violation';
  END IF;

  IF e.entry_no = 1 THEN
    INSERT INTO person_year VALUES (e.person_id, e.benefit_year, 1, p_after);
  ELSE
    UPDATE person_year SET entries = e.entry_no, accumulators = p_after
     WHERE person_id = e.person_id AND benefit_year = e.benefit_year AND entries = e.entry_no - 1;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'person-year moved on' USING ERRCODE = 'serialization_failure';
    END IF;
  END IF;
  IF p_key IS NOT NULL THEN
    INSERT INTO idempotency (subject, key, request_hash, status, settlement_id, request_id)
    VALUES (v_subject, p_key, p_hash, 201, e.settlement_id, v_request);
  END IF;
END $$;

GRANT CREATE ON SCHEMA public TO onestop_settler;
ALTER FUNCTION bill_facts OWNER TO onestop_settler;
ALTER FUNCTION correction_facts OWNER TO onestop_settler;
ALTER FUNCTION entry_write OWNER TO onestop_settler;
REVOKE CREATE ON SCHEMA public FROM onestop_settler;
REVOKE EXECUTE ON FUNCTION bill_facts, correction_facts, entry_write FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bill_facts, correction_facts, entry_write TO onestop_app;
