-- Writes settlements of several requests, each with its transfers, its person-year and its idempotency row: the second
-- of the two calls by which they are settled in one transaction. Element i of each array belongs to request i, and p_of
-- says to which of them a transfer belongs. Each row is checked against the token and the reach of its own request.
-- What one of them isn't allowed refuses all, and each is then settled by entry_write(), which refuses the same; so does
-- what would have to wait for a year that is being closed. Only plain settlements: a bill that the person paid, and
-- every correction, are entry_write()'s. Accounts and years are looked up row by row, since a plan for many rows could
-- join and read a whole table.
-- Called by app/settlement/store.py.
CREATE FUNCTION entries_write(
  p_token_ids bigint[], p_subjects text[], p_request_ids text[], p_reaches text[], p_hospitals text[], p_areas text[],
  p_keys text[], p_hashes bytea[], e new_entry[], p_of integer[], transfers new_transfer[], p_after jsonb[]
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  x record;
  v_area text;
  v_debits bigint[];
  v_credits bigint[];
  v_fiscal smallint[];
  posted integer;
BEGIN
  PERFORM connection_checked();
  FOR v_area IN SELECT DISTINCT u.paying_area FROM unnest(e) u ORDER BY 1 LOOP
    IF NOT pg_try_advisory_xact_lock_shared(lock_key('area_year', v_area)) THEN
      RAISE EXCEPTION 'a year of the area is being closed' USING ERRCODE = 'lock_not_available';
    END IF;
  END LOOP;
  FOR x IN SELECT u.kind, u.of_settlement_id, u.caused_by, u.balance_state, u.paid_by, u.hospital_code, u.paying_area,
                  u.hospital_area, u.person_id, u.benefit_year, u.entry_no, u.ordinality::integer AS i
             FROM unnest(e) WITH ORDINALITY u LOOP
    IF x.kind <> 'settlement' OR x.paid_by <> 'hospital'
       OR num_nonnulls(x.of_settlement_id, x.caused_by, x.balance_state) > 0 THEN
      RAISE EXCEPTION 'not a plain settlement' USING ERRCODE = 'feature_not_supported';
    END IF;
    PERFORM set_config('onestop.reach', p_reaches[x.i], true), set_config('onestop.hospital', p_hospitals[x.i], true),
            set_config('onestop.area', p_areas[x.i], true);
    IF NOT coalesce(reaches(x.hospital_code, x.paying_area, x.hospital_area), false)
       OR p_token_ids[x.i] <> 0 AND NOT EXISTS (
         SELECT FROM token t WHERE t.token_id = p_token_ids[x.i] AND t.revoked_at IS NULL
            AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
            AND (t.replaced_until IS NULL OR t.replaced_until > clock_timestamp())
            AND (t.hospital_code IS NULL OR t.hospital_code = x.hospital_code)) THEN
      RAISE EXCEPTION 'settlement out of reach' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF x.entry_no = 1 THEN
      INSERT INTO person_year VALUES (x.person_id, x.benefit_year, 1, p_after[x.i]);
    ELSE
      UPDATE person_year SET entries = x.entry_no, accumulators = p_after[x.i]
       WHERE person_id = x.person_id AND benefit_year = x.benefit_year AND entries = x.entry_no - 1;
      IF NOT FOUND THEN
        RAISE EXCEPTION 'person-year moved on' USING ERRCODE = 'serialization_failure';
      END IF;
    END IF;
  END LOOP;
  PERFORM set_config('onestop.reach', '', true);

  IF EXISTS (
    SELECT FROM unnest(e) WITH ORDINALITY u LEFT JOIN (
      SELECT t.i, sum(t.amount) FILTER (WHERE t.tier = 'basic') AS basic,
             sum(t.amount) FILTER (WHERE t.tier = 'serious_illness') AS serious_illness,
             sum(t.amount) FILTER (WHERE t.tier = 'supplement') AS supplement,
             sum(t.amount) FILTER (WHERE t.tier = 'medical_assistance') AS medical_assistance,
             sum(t.amount) FILTER (WHERE t.tier = 'safety_net') AS safety_net
        FROM unnest(transfers, p_of) AS t(debit, credit, amount, fund, tier, event, clr_type, i)
       WHERE t.debit LIKE '%/expense' GROUP BY t.i) paid ON paid.i = u.ordinality
     WHERE (coalesce(paid.basic, 0), coalesce(paid.serious_illness, 0), coalesce(paid.supplement, 0),
            coalesce(paid.medical_assistance, 0), coalesce(paid.safety_net, 0))
        <> (u.basic + u.payable_adjustment, u.serious_illness, u.supplement, u.medical_assistance, u.safety_net))
     OR EXISTS (SELECT FROM unnest(transfers) t WHERE t.debit NOT LIKE '%/expense') THEN
    RAISE EXCEPTION 'transfers do not equal what the funds owe' USING ERRCODE = 'check_violation';
  END IF;

  -- In the order of the key: two transactions that settle the same visits wait for each other in one direction only.
  INSERT INTO settled_visit
  SELECT u.hospital_code, u.visit_id, u.settle_seq, u.settlement_id FROM unnest(e) u ORDER BY 1, 2, 3;
  INSERT INTO settlement
  SELECT u.settlement_id, u.kind, u.of_settlement_id, u.person_id, u.benefit_year, u.entry_no, u.hospital_code,
         u.visit_id, u.settle_seq, u.interim, u.medical_type, u.benefit_class, u.paid_by, u.paying_area, u.hospital_area,
         u.out_of_area, u.recoverable, u.admitted_on, u.discharged_on, u.settled_at, u.total, u.own_expense,
         u.over_limit, u.first_pay, u.in_scope, u.basic, u.serious_illness, u.supplement, u.medical_assistance,
         u.safety_net, u.hospital, u.patient, u.payable_adjustment, u.deductible, u.delta, u.episode, u.policy_pack,
         u.policy_version, u.policy_digest, u.assumed, u.engine_version, u.digest, u.result_digest, u.warnings, u.reason,
         u.document, r.subject, r.request_id, clock_timestamp(), u.caused_by, u.unknown_item
    FROM unnest(e) WITH ORDINALITY u
    JOIN unnest(p_subjects, p_request_ids) WITH ORDINALITY r(subject, request_id, i) ON r.i = u.ordinality;

  FOR turn IN 1 .. 2 LOOP
    SELECT array_agg((SELECT a.account_id FROM account a WHERE a.path = t.debit) ORDER BY t.ordinality),
           array_agg((SELECT a.account_id FROM account a WHERE a.path = t.credit) ORDER BY t.ordinality)
      INTO v_debits, v_credits FROM unnest(transfers) WITH ORDINALITY t;
    EXIT WHEN array_position(v_debits, NULL) IS NULL AND array_position(v_credits, NULL) IS NULL;
    INSERT INTO account (path) SELECT p.path FROM (
      SELECT t.debit AS path FROM unnest(transfers) t UNION SELECT t.credit FROM unnest(transfers) t) p
     ORDER BY 1 ON CONFLICT DO NOTHING;
  END LOOP;
  SELECT array_agg(CASE WHEN (SELECT true FROM fiscal_year_closing c
                               WHERE c.area_code = u.paying_area AND c.year = u.benefit_year)
                        THEN extract(year FROM u.settled_at AT TIME ZONE 'Asia/Shanghai')::smallint
                        ELSE u.benefit_year END ORDER BY u.ordinality)
    INTO v_fiscal FROM unnest(e) WITH ORDINALITY u;
  INSERT INTO transfer (event, settlement_id, debit_account, credit_account, amount, area_code, fund, tier,
                        hospital_code, hospital_area, clr_type, business_date, period, benefit_year, fiscal_year,
                        subject, request_id)
  SELECT t.event, u.settlement_id, t.debit_id, t.credit_id, t.amount, u.paying_area, t.fund, t.tier, u.hospital_code,
         u.hospital_area, t.clr_type, (u.settled_at AT TIME ZONE 'Asia/Shanghai')::date,
         to_char(u.settled_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM'), u.benefit_year, r.fiscal, r.subject, r.request_id
    FROM unnest(transfers, v_debits, v_credits, p_of)
           AS t(debit, credit, amount, fund, tier, event, clr_type, debit_id, credit_id, i)
    JOIN unnest(e) WITH ORDINALITY u ON u.ordinality = t.i
    JOIN unnest(p_subjects, p_request_ids, v_fiscal) WITH ORDINALITY r(subject, request_id, fiscal, i) ON r.i = t.i;
  GET DIAGNOSTICS posted = ROW_COUNT;
  IF posted <> coalesce(cardinality(transfers), 0) THEN
    RAISE EXCEPTION 'a transfer was not posted' USING ERRCODE = 'check_violation';
  END IF;

  INSERT INTO idempotency (subject, key, request_hash, status, settlement_id, request_id)
  SELECT r.subject, r.key, r.hash, 201, u.settlement_id, r.request_id
    FROM unnest(e) WITH ORDINALITY u
    JOIN unnest(p_subjects, p_keys, p_hashes, p_request_ids) WITH ORDINALITY r(subject, key, hash, request_id, i)
      ON r.i = u.ordinality;
END $$;

ALTER FUNCTION entries_write OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION entries_write TO onestop_app;
