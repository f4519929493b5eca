-- Sums the items of a statement, as postings are summed.
-- Called by statement_fill().
CREATE FUNCTION statement_summed(p_statement_id bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO statement_sum (statement_id, day, fiscal_year, period, area_code, hospital_code, hospital_area, fund, event,
    debit_account, credit_account, own_statement, amount)
  SELECT i.statement_id, month_end(t.business_date), t.fiscal_year, t.period, t.area_code, t.hospital_code,
         min(t.hospital_area), t.fund, t.event, t.debit_account, t.credit_account, t.statement_id, sum(t.amount)
    FROM statement_item i JOIN transfer t USING (transfer_id)
   WHERE i.statement_id = p_statement_id GROUP BY 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12
$$;

GRANT EXECUTE ON FUNCTION statement_summed TO onestop_settler;
