-- Rows come in the order of time, so these stay tiny: the latest rows are found without a burden on settling.
CREATE INDEX settlement_recorded ON settlement USING brin (recorded_at) WITH (autosummarize = on);
CREATE INDEX transfer_recorded ON transfer USING brin (recorded_at) WITH (autosummarize = on);
CREATE INDEX clearing_event_recorded ON clearing_event USING brin (recorded_at) WITH (autosummarize = on);
CREATE INDEX transfer_dated ON transfer USING brin (business_date) WITH (autosummarize = on);

-- Whether a month of an area is open, soft or hard; closing its year closes an open one softly. Answers also whom row-level security doesn't show the figures. The lock,
-- shared by whoever dates something into the month and held alone by whoever closes, keeps the two apart.
CREATE FUNCTION month_state(p_area text, p_period text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  v_state text;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended(p_area, 6));
  SELECT m.state INTO v_state FROM fiscal_month m WHERE m.area_code = p_area AND m.period = p_period;
  IF coalesce(v_state, 'open') = 'open' AND EXISTS (
    SELECT FROM fiscal_year_closing c WHERE c.area_code = p_area AND c.year = left(p_period, 4)::smallint) THEN
    RETURN 'soft';
  END IF;
  RETURN coalesce(v_state, 'open');
END $$;
CREATE POLICY fiscal_month_settles ON fiscal_month FOR SELECT TO onestop_settler USING (true);
GRANT SELECT ON fiscal_month TO onestop_settler;

GRANT CREATE ON SCHEMA public TO onestop_settler;
ALTER FUNCTION month_state OWNER TO onestop_settler;
REVOKE CREATE ON SCHEMA public FROM onestop_settler;
REVOKE EXECUTE ON FUNCTION month_state FROM PUBLIC;
GRANT EXECUTE ON FUNCTION month_state TO onestop_app;

-- Waits until whoever is posting for the area has committed, and lets everybody go on at once: an exception takes the lock back.
CREATE FUNCTION postings_awaited(p_area text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(p_area, 4));
  RAISE EXCEPTION 'awaited' USING ERRCODE = 'OS001';
EXCEPTION WHEN SQLSTATE 'OS001' THEN NULL;
END $$;

-- A month's postings of an area, summed; fen. What goes back to a fund's expense (a reversal, a deduction) is negative, all
-- else is as posted. Row-level security would look at every posting: who may see the area is asked once instead.
CREATE FUNCTION month_figures(p_area text, p_period text) RETURNS TABLE (
  hospital_code text, fund text, event text, tier text, clr_type text, postings bigint, amount bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_first date := (p_period || '-01')::date;
  v_expense bigint[] := ARRAY(SELECT a.account_id FROM account a WHERE a.kind = 'expense' AND starts_with(a.path, 'area:' || p_area || '/'));
BEGIN
  IF NOT coalesce(reaches(NULL, p_area, NULL), false) OR current_setting('onestop.finance', true) IS DISTINCT FROM 'true' THEN
    RAISE EXCEPTION 'month out of reach' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN QUERY
  SELECT t.hospital_code, t.fund, t.event, t.tier, t.clr_type, count(*),
         sum(CASE WHEN t.credit_account = ANY (v_expense) THEN -t.amount ELSE t.amount END)::bigint
    FROM transfer t
   WHERE t.area_code = p_area AND t.business_date >= v_first AND t.business_date < (v_first + interval '1 month')::date
   GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5;
END $$;
GRANT CREATE ON SCHEMA public TO onestop_settler;
ALTER FUNCTION month_figures OWNER TO onestop_settler;
REVOKE CREATE ON SCHEMA public FROM onestop_settler;
REVOKE EXECUTE ON FUNCTION month_figures, postings_awaited FROM PUBLIC;
GRANT EXECUTE ON FUNCTION month_figures, postings_awaited TO onestop_app;
