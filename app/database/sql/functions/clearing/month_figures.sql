-- A month's postings of an area, summed; fen. What goes back to a fund's expense (a reversal, a deduction) is
-- negative, all else is as posted. Row-level security would look at every posting: who may see the area is asked once
-- instead.
-- Called by app/clearing/month_close.py.
CREATE FUNCTION month_figures(p_area text, p_period text) RETURNS TABLE (
  hospital_code text, fund text, event text, tier text, clr_type text, postings bigint, amount bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_first date := (p_period || '-01')::date;
  v_expense bigint[] := ARRAY(
    SELECT a.account_id FROM account a WHERE a.kind = 'expense' AND starts_with(a.path, 'area:' || p_area || '/'));
BEGIN
  IF NOT coalesce(reaches(NULL, p_area, NULL), false)
     OR current_setting('onestop.finance', true) IS DISTINCT FROM 'true' THEN
    RAISE EXCEPTION 'month out of reach' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN QUERY
  SELECT t.hospital_code, t.fund, t.event, t.tier, t.clr_type, count(*),
         sum(CASE WHEN t.credit_account = ANY (v_expense) THEN -t.amount ELSE t.amount END)::bigint
    FROM transfer t
   WHERE t.area_code = p_area AND t.business_date >= v_first AND t.business_date < (v_first + interval '1 month')::date
   GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5;
END $$;

ALTER FUNCTION month_figures OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION month_figures TO onestop_app;
