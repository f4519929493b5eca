-- Posts the transfers of clearing's events, from JSON. Those of settling are entry_write's, and nobody else's. A
-- deduction's is what was upheld of it, of the account that it was made of, whoever brings that about: a hospital or a
-- registering office that accepts posts it itself.
-- Called by app/clearing/posting.py.
CREATE FUNCTION transfers_post(p_transfers jsonb) RETURNS bigint[] LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  ids bigint[];
BEGIN
  IF EXISTS (
    SELECT FROM jsonb_to_recordset(p_transfers) AS t(event text, debit text, area_code text, hospital_code text,
             hospital_area text, fund text, amount bigint, settlement_id bigint, statement_id bigint, cause text)
     WHERE t.event NOT IN ('family_doctor', 'deduction', 'deposit_withheld', 'deposit_returned', 'deposit_released',
                           'deposit_forfeited', 'offset', 'offset_undone', 'carried', 'order_sent', 'order_settled',
                           'order_withdrawn', 'payment', 'payment_returned', 'carry_repaid', 'prepayment',
                             'prepayment_returned')
        OR NOT coalesce(reaches(t.hospital_code, t.area_code, t.hospital_area), false)
        OR NOT EXISTS (SELECT FROM settlement s WHERE s.settlement_id = t.settlement_id) AND t.settlement_id IS NOT NULL
        OR NOT CASE t.event
             WHEN 'family_doctor' THEN true
             WHEN 'deduction' THEN EXISTS (
               SELECT FROM deduction d
                WHERE 'ded_' || d.deduction_id = t.cause AND d.upheld = t.amount AND t.debit = deduction_payable(d)
                  AND d.statement_id IS NOT DISTINCT FROM t.statement_id AND d.settlement_id = t.settlement_id AND d.fund = t.fund AND d.hospital_code = t.hospital_code
                  AND d.area_code = t.area_code AND d.state IN ('accepted', 'decided'))
             ELSE coalesce(current_setting('onestop.finance', true) = 'true', false) AND reaches_fund(t.fund) END
  ) THEN
    RAISE EXCEPTION 'transfers out of reach' USING ERRCODE = 'insufficient_privilege';
  END IF;
  INSERT INTO account (path)
  SELECT DISTINCT p.path FROM jsonb_to_recordset(p_transfers) AS t(debit text, credit text),
         LATERAL (VALUES (t.debit), (t.credit)) p(path) ORDER BY 1 ON CONFLICT DO NOTHING;
  WITH posted AS (
    INSERT INTO transfer (event, settlement_id, debit_account, credit_account, amount, area_code, fund, tier,
                          hospital_code, hospital_area, clr_type, business_date, period, benefit_year, fiscal_year,
                          statement_id, cause, subject, request_id)
    SELECT t.event, t.settlement_id, d.account_id, c.account_id, t.amount, t.area_code, t.fund, t.tier, t.hospital_code,
           t.hospital_area, t.clr_type, t.business_date, to_char(t.business_date, 'YYYY-MM'), t.benefit_year,
           t.fiscal_year, t.statement_id, t.cause, current_setting('onestop.subject'),
           current_setting('onestop.request_id')
      FROM jsonb_to_recordset(p_transfers) AS t(event text, debit text, credit text, amount bigint,
             settlement_id bigint, area_code text, fund text, tier text, hospital_code text, hospital_area text,
             clr_type text, business_date date, benefit_year smallint, fiscal_year smallint, statement_id bigint,
               cause text)
      JOIN account d ON d.path = t.debit JOIN account c ON c.path = t.credit
    RETURNING transfer_id)
  SELECT array_agg(transfer_id ORDER BY transfer_id) INTO ids FROM posted;
  IF coalesce(cardinality(ids), 0) <> jsonb_array_length(p_transfers) THEN
    RAISE EXCEPTION 'a transfer was not posted' USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (
    SELECT FROM jsonb_to_recordset(p_transfers) AS t(debit text, area_code text, hospital_code text,
      fiscal_year smallint)
      JOIN account a ON a.path = t.debit AND a.kind = 'deposit'
     WHERE (SELECT sum(CASE WHEN x.credit_account = a.account_id THEN x.amount ELSE -x.amount END) FROM transfer x
             WHERE a.account_id IN (x.debit_account, x.credit_account) AND x.fiscal_year = t.fiscal_year
               AND x.hospital_code = t.hospital_code AND x.area_code = t.area_code) < 0
  ) THEN
    RAISE EXCEPTION 'more deposit would leave than is held' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN ids;
END $$;

ALTER FUNCTION transfers_post OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION transfers_post TO onestop_app;
