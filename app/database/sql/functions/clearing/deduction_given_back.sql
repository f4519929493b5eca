-- Gives an amount back of a settlement's upheld deductions of a fund, the newest first: of one line, of one claim, or of
-- all. The posting is the correction's; the next statement of the hospital declares it, a person's claim has it back at
-- once.
-- Called by deductions_fit().
CREATE FUNCTION deduction_given_back(e settlement, p_fund text, p_line_no integer, p_claim_id bigint, p_amount bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  d deduction;
  v_left bigint := p_amount;
  v_part bigint;
  v_day date := (e.settled_at AT TIME ZONE 'Asia/Shanghai')::date;
  v_expense text;
  v_payable text;
BEGIN
  FOR d IN SELECT * FROM deduction x
            WHERE x.settlement_id = e.of_settlement_id AND x.fund = p_fund AND x.upheld > x.given_back
              AND (p_line_no IS NULL OR x.line_no = p_line_no) AND (p_claim_id IS NULL OR x.claim_id = p_claim_id)
            ORDER BY x.deduction_id DESC FOR UPDATE LOOP
    EXIT WHEN v_left <= 0;
    v_part := least(v_left, d.upheld - d.given_back);
    v_left := v_left - v_part;
    v_expense := format('area:%s/fund:%s/expense', d.area_code, d.fund);
    v_payable := deduction_payable(d);
    UPDATE deduction SET given_back = given_back + v_part WHERE deduction_id = d.deduction_id;
    INSERT INTO account (path) VALUES (v_expense), (v_payable) ON CONFLICT DO NOTHING;
    INSERT INTO transfer (event, settlement_id, debit_account, credit_account, amount, area_code, fund, tier,
      hospital_code,
                          hospital_area, clr_type, business_date, period, benefit_year, fiscal_year, statement_id,
                            cause,
                          subject, request_id)
    SELECT 'deduction_reversed', e.settlement_id, x.account_id, y.account_id, v_part, d.area_code, d.fund, 'deduction',
           d.hospital_code, d.hospital_area, CASE e.medical_type WHEN '52' THEN '99949' ELSE e.medical_type END, v_day,
           to_char(v_day, 'YYYY-MM'), e.benefit_year, fiscal_year_of(d.area_code, d.fiscal_year, v_day), NULL,
           'ded_' || d.deduction_id, current_setting('onestop.subject'), current_setting('onestop.request_id')
      FROM account x, account y WHERE x.path = v_expense AND y.path = v_payable;
    INSERT INTO clearing_event (object_id, move, reason, amount, business_at, hospital_code, hospital_area, area_code,
      fund,
                                subject, request_id)
    VALUES ('ded_' || d.deduction_id, 'given_back', e.reason, v_part, e.settled_at, d.hospital_code, d.hospital_area,
            d.area_code, d.fund, current_setting('onestop.subject'), current_setting('onestop.request_id'));
  END LOOP;
END $$;

ALTER FUNCTION deduction_given_back OWNER TO onestop_settler;
