-- Adds to the sums what was posted since the last pass, and gives how many transfers that were. What a transaction
-- posted is added once no older one runs any more: a row is either of a transaction before the mark, and in the sums,
-- or it is in the tail that posted() adds. In a cluster that counts transactions anew, everything is summed anew.
-- Rows are looked for from a time on that no transaction since the last mark can have written before: that of the
-- latest pass at which none of them had begun, five minutes earlier for the sake of clocks.
-- Called by app/ledger/rollup.py.
CREATE FUNCTION postings_roll() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET work_mem = '64MB' AS $$
DECLARE
  last posting_roll;
  v_mark bigint := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
  v_next bigint := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
  v_since timestamptz;
  v_added bigint;
BEGIN
  -- One pass at a time; who comes second finds little left. Snapshots are the statements' own.
  PERFORM pg_advisory_xact_lock(72030003);
  SELECT * INTO last FROM posting_roll ORDER BY pass_no DESC LIMIT 1;
  IF last.cluster IS DISTINCT FROM cluster_id() THEN
    DELETE FROM posting_sum;
    DELETE FROM posting_roll;
    last := NULL;
  END IF;
  IF last.mark >= v_mark THEN
    RETURN 0;
  END IF;
  WITH fresh AS MATERIALIZED (
    SELECT t.business_date AS day, t.fiscal_year, t.benefit_year, t.period, t.area_code, t.hospital_code,
           t.hospital_area, t.fund, t.tier, t.event, t.clr_type, t.debit_account, t.credit_account, t.statement_id,
           cause_kept(t.statement_id, t.event, t.cause) AS cause, count(*) AS postings, sum(t.amount) AS amount
      FROM transfer t
     WHERE t.recorded_at >= coalesce(last.since, '-infinity')
       AND (last.mark IS NULL OR NOT before_mark(t.xmin, last.mark)) AND before_mark(t.xmin, v_mark)
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  ), grained AS (
    SELECT 'day' AS grain, f.* FROM fresh f
    UNION ALL
    SELECT 'month', month_end(day), fiscal_year, benefit_year, period, area_code, hospital_code, hospital_area, fund,
           tier, event, clr_type, debit_account, credit_account, statement_id, cause, sum(postings), sum(amount)
      FROM fresh GROUP BY 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
  ), added AS (
    INSERT INTO posting_sum AS s (grain, day, fiscal_year, benefit_year, period, area_code, hospital_code, hospital_area,
      fund, tier, event, clr_type, debit_account, credit_account, statement_id, cause, postings, amount)
    SELECT * FROM grained
    ON CONFLICT (grain, day, fiscal_year, hospital_code, fund, event, debit_account, credit_account, period, clr_type,
      tier, benefit_year, statement_id, cause, area_code, hospital_area)
    DO UPDATE SET postings = s.postings + excluded.postings, amount = s.amount + excluded.amount
  )
  SELECT coalesce(sum(postings), 0) INTO v_added FROM fresh;
  SELECT max(r.made_at) - interval '5 minutes' INTO v_since FROM posting_roll r WHERE r.next <= v_mark;
  IF v_next = v_mark THEN
    v_since := transaction_timestamp() - interval '5 minutes';
  END IF;
  INSERT INTO posting_roll (mark, next, since, cluster)
  VALUES (v_mark, v_next, coalesce(v_since, last.since, '-infinity'), cluster_id());
  DELETE FROM posting_roll r WHERE r.made_at < (SELECT max(x.made_at) FROM posting_roll x WHERE x.next <= v_mark);
  RETURN v_added;
END $$;

ALTER FUNCTION postings_roll OWNER TO onestop_settler;
GRANT EXECUTE ON FUNCTION postings_roll TO onestop_app;
