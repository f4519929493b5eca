-- The last pass that added to the sums, if it was made in this cluster: its mark, and since when rows after it are.
-- Called by posted(), app/ledger/rollup.py.
CREATE FUNCTION last_roll() RETURNS TABLE (mark bigint, since timestamptz) LANGUAGE sql STABLE AS $$
  SELECT r.mark, r.since FROM (SELECT * FROM posting_roll ORDER BY pass_no DESC LIMIT 1) r
   WHERE r.cluster = cluster_id()
$$;

GRANT EXECUTE ON FUNCTION last_roll TO onestop_app, onestop_settler;
