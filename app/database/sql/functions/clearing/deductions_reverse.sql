-- A reversal takes the upheld deductions of its settlement back, so that the hospital isn't charged twice, and ends
-- those that are still argued about.
-- Called by entry_write().
CREATE FUNCTION deductions_reverse(e new_entry, p_day date) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM deduction d WHERE d.settlement_id = e.of_settlement_id FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  INSERT INTO account (path)
  SELECT DISTINCT format('area:%s/fund:%s/%s', d.area_code, d.fund, p.kind) FROM deduction d,
         LATERAL (VALUES ('expense'), ('payable/hospital:' || d.hospital_code)) p(kind)
   WHERE d.settlement_id = e.of_settlement_id AND d.upheld > 0 ON CONFLICT DO NOTHING;
  INSERT INTO transfer (event, settlement_id, debit_account, credit_account, amount, area_code, fund, tier,
                        hospital_code, hospital_area, clr_type, business_date, period, benefit_year, fiscal_year,
                        statement_id, cause, subject, request_id)
  SELECT 'deduction_reversed', e.settlement_id, x.account_id, y.account_id, d.upheld, d.area_code, d.fund, 'deduction',
         d.hospital_code, d.hospital_area, CASE e.medical_type WHEN '52' THEN '99949' ELSE e.medical_type END, p_day,
         to_char(p_day, 'YYYY-MM'), e.benefit_year, fiscal_year_of(d.area_code, d.fiscal_year, p_day), NULL,
         'ded_' || d.deduction_id, current_setting('onestop.subject'), current_setting('onestop.request_id')
    FROM deduction d
    JOIN account x ON x.path = format('area:%s/fund:%s/expense', d.area_code, d.fund)
    JOIN account y ON y.path = format('area:%s/fund:%s/payable/hospital:%s', d.area_code, d.fund, d.hospital_code)
   WHERE d.settlement_id = e.of_settlement_id AND d.upheld > 0;
  INSERT INTO clearing_event (object_id, move, reason, amount, business_at, hospital_code, hospital_area, area_code,
                              fund, subject, request_id)
  SELECT 'ded_' || d.deduction_id, 'lapsed', e.reason, d.amount, e.settled_at, d.hospital_code, d.hospital_area,
         d.area_code, d.fund, current_setting('onestop.subject'), current_setting('onestop.request_id')
    FROM deduction d WHERE d.settlement_id = e.of_settlement_id AND d.state IN ('proposed', 'appealed');
  UPDATE deduction SET state = 'lapsed', upheld = 0
   WHERE settlement_id = e.of_settlement_id AND state IN ('proposed', 'appealed');
END $$;

GRANT EXECUTE ON FUNCTION deductions_reverse TO onestop_settler;
