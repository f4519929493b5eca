-- Writes an entry with its transfers, the person-year, the patient's balance and the idempotency row: the second of
-- settling's two calls. Refuses what the subject may not touch, a year that moved on, transfers that differ from what
-- the funds owe, an adjustment of what is reversed. `o` and `older_transfers` are what of an entry belongs to the year
-- before its own, where the law splits its stay at the turn of the year; the older year is written first.
-- Called by app/settlement/store.py; nothing else writes settlements.
CREATE FUNCTION entry_write(
  e new_entry, transfers new_transfer[], p_after jsonb, p_key text, p_hash bytea,
  o new_older DEFAULT NULL, older_transfers new_transfer[] DEFAULT '{}'
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_subject text := current_setting('onestop.subject');
  v_request text := current_setting('onestop.request_id');
  v_day date := (e.settled_at AT TIME ZONE 'Asia/Shanghai')::date;
  v_fiscal smallint := fiscal_year_of(e.paying_area, e.benefit_year, v_day);
  v_split boolean := o.benefit_year IS NOT NULL;
  v_older_fiscal smallint;
  paths text[];
  paid record;
  posted integer;
BEGIN
  IF NOT coalesce(reaches(e.hospital_code, e.paying_area, e.hospital_area), false)
     AND NOT (e.caused_by IS NOT NULL AND current_setting('onestop.finance', true) = 'true') THEN
    RAISE EXCEPTION 'settlement out of reach' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF e.kind = 'settlement' THEN
    INSERT INTO settled_visit VALUES (e.hospital_code, e.visit_id, e.settle_seq, e.settlement_id);
  ELSIF e.kind = 'adjustment' AND EXISTS (
    SELECT FROM settlement r WHERE r.of_settlement_id = e.of_settlement_id AND r.kind = 'reversal') THEN
    RAISE EXCEPTION 'a reversed settlement can not be adjusted' USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO settlement VALUES (
    e.settlement_id, e.kind, e.of_settlement_id, e.person_id, e.benefit_year, e.entry_no, e.hospital_code, e.visit_id,
    e.settle_seq, e.interim, e.medical_type, e.benefit_class, e.paid_by, e.paying_area, e.hospital_area, e.out_of_area,
    e.recoverable, e.admitted_on, e.discharged_on, e.settled_at, e.total, e.own_expense, e.over_limit, e.first_pay,
    e.in_scope, e.basic, e.serious_illness, e.supplement, e.medical_assistance, e.safety_net, e.hospital, e.patient,
    e.payable_adjustment, e.deductible, e.delta, e.episode, e.policy_pack, e.policy_version, e.policy_digest, e.assumed,
    e.engine_version, e.digest, e.result_digest, e.warnings, e.reason, e.document, v_subject, v_request,
    clock_timestamp(), e.caused_by, e.unknown_item);

  IF v_split THEN
    v_older_fiscal := fiscal_year_of(e.paying_area, o.benefit_year, v_day);
    PERFORM older_write(e, o, older_transfers);
  ELSIF cardinality(older_transfers) > 0 OR EXISTS (
    SELECT FROM settlement_older x WHERE x.settlement_id = e.of_settlement_id) THEN
    RAISE EXCEPTION 'an entry of a split settlement needs its older part' USING ERRCODE = 'check_violation';
  END IF;
  IF e.paid_by = 'patient' THEN
    IF v_split THEN
      older_transfers := claims_move(e, older_transfers, v_older_fiscal, true);
    END IF;
    transfers := claims_move(e, transfers, v_fiscal, v_split);
  END IF;
  SELECT array_agg(t.debit) || array_agg(t.credit) INTO paths FROM unnest(transfers || older_transfers) t;
  SELECT sum(w.amount) FILTER (WHERE w.tier = 'basic') AS basic,
         sum(w.amount) FILTER (WHERE w.tier = 'serious_illness') AS serious_illness,
         sum(w.amount) FILTER (WHERE w.tier = 'supplement') AS supplement,
         sum(w.amount) FILTER (WHERE w.tier = 'medical_assistance') AS medical_assistance,
         sum(w.amount) FILTER (WHERE w.tier = 'safety_net') AS safety_net INTO paid
    FROM (SELECT t.tier, CASE WHEN t.debit LIKE '%/expense' THEN t.amount WHEN t.credit LIKE '%/expense' THEN -t.amount
                              ELSE 0 END AS amount FROM unnest(transfers || older_transfers) t) w;
  IF (coalesce(paid.basic, 0), coalesce(paid.serious_illness, 0), coalesce(paid.supplement, 0),
      coalesce(paid.medical_assistance, 0), coalesce(paid.safety_net, 0))
     <> (e.basic + e.payable_adjustment, e.serious_illness, e.supplement, e.medical_assistance, e.safety_net) THEN
    RAISE EXCEPTION 'transfers do not equal what the funds owe' USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (SELECT FROM unnest(paths) p(path) LEFT JOIN account a USING (path) WHERE a.path IS NULL) THEN
    INSERT INTO account (path) SELECT DISTINCT p.path FROM unnest(paths) p(path) ORDER BY 1 ON CONFLICT DO NOTHING;
  END IF;
  INSERT INTO transfer (event, settlement_id, debit_account, credit_account, amount, area_code, fund, tier,
                        hospital_code, hospital_area, clr_type, business_date, period, benefit_year, fiscal_year,
                        subject, request_id)
  SELECT t.event, e.settlement_id, d.account_id, c.account_id, t.amount, e.paying_area, t.fund, t.tier, e.hospital_code,
         e.hospital_area, t.clr_type, v_day, to_char(v_day, 'YYYY-MM'), t.benefit_year, t.fiscal_year, v_subject, v_request
    FROM (SELECT a.*, e.benefit_year, v_fiscal AS fiscal_year FROM unnest(transfers) a
          UNION ALL SELECT b.*, o.benefit_year, v_older_fiscal FROM unnest(older_transfers) b) t
    JOIN account d ON d.path = t.debit JOIN account c ON c.path = t.credit;
  GET DIAGNOSTICS posted = ROW_COUNT;
  IF posted <> coalesce(cardinality(transfers), 0) + cardinality(older_transfers) THEN
    RAISE EXCEPTION 'a transfer was not posted' USING ERRCODE = 'check_violation';
  END IF;

  IF e.balance_state IS NOT NULL THEN
    INSERT INTO patient_balance (settlement_id, person_id, hospital_code, hospital_area, paying_area, amount, state,
                                 opened_at, subject, request_id)
    VALUES (e.settlement_id, e.person_id, e.hospital_code, e.hospital_area, e.paying_area, e.patient, e.balance_state,
            e.settled_at, v_subject, v_request);
  ELSIF e.kind <> 'settlement' AND e.patient <> 0 AND e.paid_by <> 'patient' THEN
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

ALTER FUNCTION entry_write OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION entry_write TO onestop_app;
