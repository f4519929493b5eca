-- The deductions of some fiscal years, until a day, of a posting that an earlier month than the deduction's own caused:
-- what is cut is as late as the posting that it cuts, while its statement stands. What can't be seen isn't among them.
-- Found by indexes, however the query around it is planned.
-- Called by app/clearing/payout_query.py.
CREATE FUNCTION deductions_late(p_first_year integer, p_year integer, p_until date) RETURNS TABLE (
  fiscal_year smallint, debit_account bigint, credit_account bigint, statement_id bigint, period text,
  business_date date, amount bigint, hospital_code text, area_code text, fund text, cut_period text
) LANGUAGE sql STABLE SET enable_nestloop = on SET search_path = public, pg_temp AS $$
  SELECT t.fiscal_year, t.debit_account, t.credit_account, t.statement_id, t.period, t.business_date, t.amount,
         t.hospital_code, t.area_code, t.fund, min(o.period)
    FROM transfer t
    CROSS JOIN LATERAL (SELECT t.settlement_id UNION ALL SELECT s.settlement_id FROM settlement s
                         WHERE s.of_settlement_id = t.settlement_id) x
    JOIN transfer o ON o.settlement_id = x.settlement_id AND o.fund = t.fund AND o.event <> 'deduction'
    JOIN statement_item i ON (i.transfer_id, i.statement_id) = (o.transfer_id, t.statement_id)
   WHERE t.event = 'deduction' AND t.fiscal_year BETWEEN p_first_year AND p_year AND t.business_date <= p_until
   GROUP BY t.transfer_id HAVING min(o.period) <> t.period
$$;

GRANT EXECUTE ON FUNCTION deductions_late TO onestop_app, onestop_settler;
