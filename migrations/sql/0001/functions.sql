-- The settling path is two calls: settlement_facts() opens the request, locks and reads; settlement_write() writes all of it.

CREATE TYPE opened_request AS (state text, status smallint, settlement_id bigint, body bytea);

-- Opens a request in its transaction: who it is and what it may reach, whether its token still holds, and its idempotency
-- key. States: new, replayed, reused, in_progress, token_ended. A key is held by an advisory lock until the transaction ends.
CREATE FUNCTION request_open(
  p_token_id bigint, p_subject text, p_request_id text, p_reach text, p_hospital text, p_area text,
  p_key text, p_hash bytea, p_wait interval
) RETURNS opened_request LANGUAGE plpgsql AS $$
DECLARE
  found_row idempotency;
  lock_id bigint;
  give_up timestamptz;
BEGIN
  PERFORM set_config('onestop.subject', p_subject, true), set_config('onestop.request_id', p_request_id, true),
          set_config('onestop.reach', p_reach, true), set_config('onestop.hospital', p_hospital, true),
          set_config('onestop.area', p_area, true);
  IF p_token_id <> 0 AND NOT EXISTS (
    SELECT FROM token WHERE token_id = p_token_id AND revoked_at IS NULL
      AND (expires_at IS NULL OR expires_at > clock_timestamp())
  ) THEN
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

-- One lock per person serialises everything that spends a yearly room. It is on the person and not on the person-year,
-- because an episode, and with it the deductible, can reach over two years. Taken before any account.
CREATE FUNCTION person_lock(p_person_id text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE started timestamptz := clock_timestamp();
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(p_person_id, 2));
  RETURN extract(epoch FROM clock_timestamp() - started) * 1000000;
END $$;

CREATE FUNCTION business_now(p_manual boolean) RETURNS timestamptz LANGUAGE sql AS $$
  SELECT CASE WHEN p_manual THEN (SELECT now FROM business_clock) ELSE clock_timestamp() END
$$;

CREATE TYPE wanted_bill AS (
  hospital_code text, visit_id text, settle_seq integer, person_id text, benefit_year smallint,
  admitted_on date, discharged_on date, transfer_hospital text, transfer_visit text, item_codes text[]
);

-- Everything the engine needs to know, as one JSON document. With a key it locks and hands out an id; without, it only reads.
CREATE FUNCTION settlement_facts(
  p_token_id bigint, p_subject text, p_request_id text, p_reach text, p_hospital text, p_area text,
  p_key text, p_hash bytea, p_wait interval, p_manual boolean, b wanted_bill
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  opened opened_request;
  lock_wait bigint := 0;
  own text := b.hospital_code || ' ' || b.visit_id;
  source text := b.transfer_hospital || ' ' || b.transfer_visit;
  stays text[];
  source_stays text[];
  root text;
  source_discharged date;
  deductible bigint;
  counted boolean;
  warned text[];
BEGIN
  opened := request_open(p_token_id, p_subject, p_request_id, p_reach, p_hospital, p_area, p_key, p_hash, p_wait);
  IF opened.state <> 'new' THEN
    RETURN json_build_object('state', opened.state, 'settlement_id', opened.settlement_id)::text;
  END IF;
  IF p_key IS NOT NULL THEN
    lock_wait := person_lock(b.person_id);
  END IF;

  -- The episode: this visit, then those that it came from. A visit's later bills need not name the transfer again.
  SELECT episode INTO stays FROM settlement
   WHERE person_id = b.person_id AND hospital_code = b.hospital_code AND visit_id = b.visit_id AND kind = 'settlement'
   ORDER BY cardinality(episode) DESC, settlement_id DESC LIMIT 1;
  IF source IS NOT NULL THEN
    SELECT episode, discharged_on INTO source_stays, source_discharged FROM settlement
     WHERE person_id = b.person_id AND hospital_code = b.transfer_hospital AND visit_id = b.transfer_visit
       AND kind = 'settlement' AND medical_type = '21'
     ORDER BY cardinality(episode) DESC, discharged_on DESC LIMIT 1;
    stays := own || array_remove(source_stays, own);
  END IF;
  stays := coalesce(stays, ARRAY[own]);
  root := stays[cardinality(stays)];

  SELECT coalesce(sum(s.deductible) FILTER (WHERE s.hospital_code || ' ' || s.visit_id = ANY (stays)), 0),
         coalesce(sum(CASE s.kind WHEN 'settlement' THEN 1 WHEN 'reversal' THEN -1 ELSE 0 END)
                  FILTER (WHERE s.benefit_year = b.benefit_year AND s.medical_type = '21'
                            AND s.episode[cardinality(s.episode)] = root), 0) > 0,
         array_remove(ARRAY[
           CASE WHEN coalesce(bool_or(live AND s.medical_type IN ('21', '52') AND s.admitted_on < b.discharged_on
                  AND s.discharged_on > b.admitted_on AND s.hospital_code || ' ' || s.visit_id <> own), false)
                THEN 'overlapping_stay' END,
           CASE WHEN coalesce(bool_or(live AND s.benefit_year = b.benefit_year AND s.discharged_on > b.discharged_on), false)
                THEN 'out_of_date_order' END,
           CASE WHEN source_discharged > b.admitted_on THEN 'transfer_source_discharged_later' END], NULL)
    INTO deductible, counted, warned
    FROM (SELECT t.*, t.kind = 'settlement' AND NOT EXISTS (
            SELECT FROM settlement r WHERE r.of_settlement_id = t.settlement_id AND r.kind = 'reversal') AS live
            FROM settlement t WHERE t.person_id = b.person_id) s;

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
    'episode', stays,
    'episode_deductible', deductible,
    'episode_counted', counted,
    'transfer_unknown', source IS NOT NULL AND source_stays IS NULL,
    'warnings', warned
  )::text;
END $$;

CREATE TYPE new_settlement AS (
  settlement_id bigint, kind text, of_settlement_id bigint, person_id text, benefit_year smallint, entry_no integer,
  hospital_code text, visit_id text, settle_seq integer, interim boolean, medical_type text, benefit_class text,
  paid_by text, paying_area text, hospital_area text, out_of_area boolean, recoverable boolean, admitted_on date,
  discharged_on date, settled_at timestamptz, total bigint, own_expense bigint, over_limit bigint, first_pay bigint,
  in_scope bigint, basic bigint, serious_illness bigint, medical_assistance bigint, safety_net bigint, hospital bigint,
  patient bigint, payable_adjustment bigint, deductible bigint, delta jsonb, episode text[], policy_pack text,
  policy_version text, policy_digest text, assumed smallint, engine_version text, digest text, result_digest text,
  warnings text[], reason text, document json
);

CREATE TYPE new_transfer AS (
  debit text, credit text, amount bigint, fund text, tier text, event text, clr_type text
);

-- Writes a settlement (or reversal), its transfers, the person-year and the idempotency row. Refuses what the subject may
-- not touch, a year that moved on, and transfers that differ from what the funds owe.
CREATE FUNCTION settlement_write(s new_settlement, transfers new_transfer[], p_after jsonb, p_key text, p_hash bytea)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_subject text := current_setting('onestop.subject');
  v_request text := current_setting('onestop.request_id');
  v_day date := (s.settled_at AT TIME ZONE 'Asia/Shanghai')::date;
  paths text[];
BEGIN
  IF NOT coalesce(reaches(s.hospital_code, s.paying_area, s.hospital_area), false) THEN
    RAISE EXCEPTION 'settlement out of reach' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF s.kind = 'settlement' THEN
    INSERT INTO settled_visit VALUES (s.hospital_code, s.visit_id, s.settle_seq, s.settlement_id);
  END IF;
  INSERT INTO settlement VALUES (
    s.settlement_id, s.kind, s.of_settlement_id, s.person_id, s.benefit_year, s.entry_no, s.hospital_code, s.visit_id,
    s.settle_seq, s.interim, s.medical_type, s.benefit_class, s.paid_by, s.paying_area, s.hospital_area, s.out_of_area,
    s.recoverable, s.admitted_on, s.discharged_on, s.settled_at, s.total, s.own_expense, s.over_limit, s.first_pay,
    s.in_scope, s.basic, s.serious_illness, s.medical_assistance, s.safety_net, s.hospital, s.patient,
    s.payable_adjustment, s.deductible, s.delta, s.episode, s.policy_pack, s.policy_version, s.policy_digest, s.assumed,
    s.engine_version, s.digest, s.result_digest, s.warnings, s.reason, s.document, v_subject, v_request,
    clock_timestamp());

  SELECT array_agg(t.debit) || array_agg(t.credit) INTO paths FROM unnest(transfers) t;
  IF EXISTS (
    SELECT FROM (VALUES ('basic', s.basic + s.payable_adjustment), ('serious_illness', s.serious_illness),
                        ('medical_assistance', s.medical_assistance), ('safety_net', s.safety_net)) o(tier, owed)
     WHERE o.owed <> coalesce((SELECT sum(CASE WHEN t.debit LIKE '%/expense' THEN t.amount ELSE -t.amount END)
                                 FROM unnest(transfers) t WHERE t.tier = o.tier), 0)
  ) THEN
    RAISE EXCEPTION 'transfers do not equal what the funds owe' USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (SELECT FROM unnest(paths) p(path) LEFT JOIN account a USING (path) WHERE a.path IS NULL) THEN
    INSERT INTO account (path) SELECT DISTINCT p.path FROM unnest(paths) p(path) ORDER BY 1 ON CONFLICT DO NOTHING;
  END IF;
  INSERT INTO transfer (event, settlement_id, debit_account, credit_account, amount, area_code, fund, tier, hospital_code,
                        hospital_area, clr_type, business_date, period, benefit_year, fiscal_year, subject, request_id)
  SELECT t.event, s.settlement_id, d.account_id, c.account_id, t.amount, s.paying_area, t.fund, t.tier, s.hospital_code,
         s.hospital_area, t.clr_type, v_day, to_char(v_day, 'YYYY-MM'), s.benefit_year, s.benefit_year, v_subject, v_request
    FROM unnest(transfers) t JOIN account d ON d.path = t.debit JOIN account c ON c.path = t.credit;

  IF s.entry_no = 1 THEN
    INSERT INTO person_year VALUES (s.person_id, s.benefit_year, 1, p_after);
  ELSE
    UPDATE person_year SET entries = s.entry_no, accumulators = p_after
     WHERE person_id = s.person_id AND benefit_year = s.benefit_year AND entries = s.entry_no - 1;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'person-year moved on' USING ERRCODE = 'serialization_failure';
    END IF;
  END IF;
  IF p_key IS NOT NULL THEN
    INSERT INTO idempotency (subject, key, request_hash, status, settlement_id, request_id)
    VALUES (v_subject, p_key, p_hash, 201, s.settlement_id, v_request);
  END IF;
END $$;

-- What the reversal of a settlement needs: the sums of it and its adjustments, what was settled after it in its person-year,
-- and the year as it stands, under the person's lock. States besides those of request_open: not_found.
CREATE FUNCTION reversal_facts(
  p_token_id bigint, p_subject text, p_request_id text, p_reach text, p_hospital text, p_area text,
  p_key text, p_hash bytea, p_wait interval, p_manual boolean, p_settlement_id bigint
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  opened opened_request;
  s settlement;
  v_later bigint[];
  v_others integer;
BEGIN
  opened := request_open(p_token_id, p_subject, p_request_id, p_reach, p_hospital, p_area, p_key, p_hash, p_wait);
  IF opened.state <> 'new' THEN
    RETURN json_build_object('state', opened.state, 'settlement_id', opened.settlement_id)::text;
  END IF;
  SELECT * INTO s FROM settlement WHERE settlement_id = p_settlement_id;
  IF NOT FOUND OR NOT coalesce(reaches(s.hospital_code, s.paying_area, s.hospital_area), false) THEN
    RETURN json_build_object('state', 'not_found')::text;
  END IF;
  PERFORM person_lock(s.person_id);

  SELECT array_agg(l.settlement_id ORDER BY l.entry_no)
           FILTER (WHERE reaches(l.hospital_code, l.paying_area, l.hospital_area)),
         count(*) FILTER (WHERE reaches(l.hospital_code, l.paying_area, l.hospital_area) IS NOT TRUE)
    INTO v_later, v_others
    FROM settlement l
   WHERE l.person_id = s.person_id AND l.benefit_year = s.benefit_year AND l.kind = 'settlement'
     AND l.entry_no > s.entry_no
     AND NOT EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = l.settlement_id AND r.kind = 'reversal');

  RETURN (SELECT json_build_object(
    'state', 'new',
    'settlement_id', s.settlement_id,
    'reversal_id', nextval('settlement_id'),
    'now', business_now(p_manual),
    'kind', s.kind,
    'reversed', EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id AND r.kind = 'reversal'),
    'later', coalesce(v_later, '{}'),
    'later_others', v_others,
    'entries_before', y.entries,
    'accumulators', y.accumulators,
    'delta', (SELECT coalesce(json_object_agg(d.key, d.total), '{}') FROM (
                SELECT e.key, sum(e.value::bigint) AS total FROM settlement a, jsonb_each_text(a.delta) e
                 WHERE a.settlement_id = s.settlement_id OR (a.of_settlement_id = s.settlement_id AND a.kind = 'adjustment')
                 GROUP BY e.key) d),
    'amounts', (SELECT json_build_object('total', sum(a.total), 'own_expense', sum(a.own_expense),
                  'over_limit', sum(a.over_limit), 'first_pay', sum(a.first_pay), 'in_scope', sum(a.in_scope),
                  'basic', sum(a.basic), 'serious_illness', sum(a.serious_illness),
                  'medical_assistance', sum(a.medical_assistance), 'safety_net', sum(a.safety_net),
                  'hospital', sum(a.hospital), 'patient', sum(a.patient),
                  'payable_adjustment', sum(a.payable_adjustment), 'deductible', sum(a.deductible))
                  FROM settlement a
                 WHERE a.settlement_id = s.settlement_id OR (a.of_settlement_id = s.settlement_id AND a.kind = 'adjustment')),
    'episode_still_counted', EXISTS (
       SELECT FROM settlement o WHERE o.person_id = s.person_id AND o.benefit_year = s.benefit_year
          AND o.medical_type = '21' AND o.kind = 'settlement' AND o.settlement_id <> s.settlement_id
          AND o.episode[cardinality(o.episode)] = s.episode[cardinality(s.episode)]
          AND NOT EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = o.settlement_id AND r.kind = 'reversal')),
    'row', to_jsonb(s) - 'document',
    'document', s.document)::text
    FROM person_year y WHERE y.person_id = s.person_id AND y.benefit_year = s.benefit_year);
END $$;

GRANT CREATE ON SCHEMA public TO onestop_settler;
ALTER FUNCTION reversal_facts OWNER TO onestop_settler;
ALTER FUNCTION settlement_facts OWNER TO onestop_settler;
ALTER FUNCTION settlement_write OWNER TO onestop_settler;
REVOKE CREATE ON SCHEMA public FROM onestop_settler;
REVOKE EXECUTE ON FUNCTION settlement_facts, settlement_write, reversal_facts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION settlement_facts, settlement_write, reversal_facts TO onestop_app;
