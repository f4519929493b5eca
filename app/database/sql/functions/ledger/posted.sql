-- Everything that was posted, within reach: the sums and, one by one, what no pass has added yet. In a query it becomes
-- a part of it, so that both are of one snapshot. Until p_until; months before p_from, a first of a month, are whole
-- and stand on their last day. Where p_from is later than p_until the month of p_until is whole too, and stands on it,
-- unless something was posted for a later day of that month.
-- p_since: the since of last_roll() as it was shortly before, so that the planner knows how little is read; NULL: look
-- at every transfer.
-- Called by the queries of app/clearing/payout_query.py, app/ledger/book.py.
CREATE FUNCTION posted(p_since timestamptz, p_from date, p_until date) RETURNS TABLE (
  day date, fiscal_year smallint, benefit_year smallint, period text, area_code text, hospital_code text,
  hospital_area text, fund text, tier text, event text, clr_type text, debit_account bigint, credit_account bigint,
  statement_id bigint, cause text, postings bigint, amount bigint
) LANGUAGE sql STABLE AS $$
  SELECT least(s.day, p_until), s.fiscal_year, s.benefit_year, s.period, s.area_code, s.hospital_code, s.hospital_area,
         s.fund, s.tier, s.event, s.clr_type, s.debit_account, s.credit_account, s.statement_id, s.cause, s.postings,
         s.amount
    FROM posting_sum s
   WHERE s.grain = 'month' AND s.day < p_from AND EXISTS (SELECT FROM last_roll())
     AND s.day <= CASE WHEN EXISTS (SELECT FROM posting_sum n WHERE n.grain = 'day' AND n.day > p_until
                                       AND n.day <= month_end(p_until)) THEN p_until ELSE month_end(p_until) END
  UNION ALL
  SELECT s.day, s.fiscal_year, s.benefit_year, s.period, s.area_code, s.hospital_code, s.hospital_area, s.fund, s.tier,
         s.event, s.clr_type, s.debit_account, s.credit_account, s.statement_id, s.cause, s.postings, s.amount
    FROM posting_sum s
   WHERE s.grain = 'day' AND s.day <= p_until AND EXISTS (SELECT FROM last_roll())
     AND s.day >= CASE WHEN p_from > p_until AND EXISTS (SELECT FROM posting_sum n WHERE n.grain = 'day'
                              AND n.day > p_until AND n.day <= month_end(p_until))
                       THEN date_trunc('month', p_until::timestamp)::date ELSE p_from END
  UNION ALL
  SELECT t.business_date, t.fiscal_year, t.benefit_year, t.period, t.area_code, t.hospital_code, t.hospital_area,
         t.fund, t.tier, t.event, t.clr_type, t.debit_account, t.credit_account, t.statement_id,
         cause_kept(t.statement_id, t.event, t.cause), 1, t.amount
    FROM transfer t
   WHERE t.recorded_at >= coalesce(p_since, '-infinity') AND t.business_date <= p_until
     AND coalesce(NOT before_mark(t.xmin, (SELECT r.mark FROM last_roll() r)), true)
$$;

GRANT EXECUTE ON FUNCTION posted TO onestop_app, onestop_settler;
